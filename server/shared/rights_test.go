//go:build unix

package shared_test

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/internal/redistest"
	"github.com/portico-ftp/portico/server/guard"
	"github.com/portico-ftp/portico/server/shared"
)

// The rights that the documentation gives to a user of Redis are enough.
func TestTheRightsInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/shared-state.md")
	must(t, err)
	line := regexp.MustCompile(`(?m)^ACL SETUSER .*$`).Find(page)
	redis := redistest.Start(t, "")
	var words []any
	for word := range strings.FieldsSeq(string(line)) {
		words = append(words, word)
	}
	command(words...)(t, redis)
	a := open(t, redis, func(o *shared.Options) {
		o.URL, o.Secret = strings.Replace(o.URL, "unix://", "unix://portico:PASSWORD@", 1), []byte(secret)
	})
	keys := &keyring{}
	a.FollowTicketKeys(keys.set)
	if !a.Sessions().Enter("/alice", 1) || a.Sessions().Enter("/alice", 1) || keys.newest() == [32]byte{} {
		t.Error("sessions or keys are not shared")
	}
	a.Sessions().Leave("/alice")
	bans, err := guard.New(guard.Options{Shared: a.Bans()})
	must(t, err)
	bans.Add(netip.MustParsePrefix("192.0.2.1/32"), time.Time{}, "")
	bans.Lift(netip.MustParsePrefix("192.0.2.1/32"))
	bans.Add(netip.MustParsePrefix("192.0.2.2/32"), time.Time{}, "")
	bans.Sync()
	store := quota.OpenShared(a.Counts())
	layer, err := store.Layer(t.Context(), "alice", quota.Limits{Bytes: 1000}, afero.NewMemMapFs())
	must(t, err)
	must(t, afero.WriteFile(layer, "/file", []byte("content"), 0o644))
	must(t, store.Close())
	if warnings := a.warnings(); len(warnings) > 0 {
		t.Error(warnings)
	}
}
