package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

const features = ` AVBL
 CLNT
 EPRT
 EPSV
 HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32;
 LANG EN*
 MDTM
 MFF Modify;UNIX.mode;
 MFMT
 MLST Type*;Size*;Modify*;UNIX.mode*;
 REST STREAM
 SITE CHMOD;CPFR;CPTO;HELP;IDLE;MKDIR;QUOTA;RMDIR;UMASK;UTIME;WHOAMI
 SIZE
 TVFS
 UTF8
 XCRC
 XMD5
 XSHA
 XSHA1
 XSHA256
 XSHA512
`

// featureReply puts lines where the alphabet has them.
func featureReply(without []string, with ...string) string {
	lines := strings.SplitAfter(features, "\n")
	lines = lines[:len(lines)-1]
	var kept []string
	for _, line := range append(lines, with...) {
		drop := false
		for _, w := range without {
			drop = drop || strings.TrimSpace(line) == w
		}
		if !drop {
			kept = append(kept, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(kept)
	return "211-Features:\r\n" + strings.Join(kept, "\r\n") + "\r\n211 End"
}

func TestFeaturesAreExact(t *testing.T) {
	t.Parallel()
	encryption := []string{" AUTH TLS", " PBSZ", " PROT"}
	for name, test := range map[string]struct {
		change  func(*server.Options)
		without []string
		with    []string
	}{
		"as it comes":    {func(*server.Options) {}, nil, nil},
		"TLS":            {func(o *server.Options) { o.TLS = testCertificate(t) }, nil, encryption},
		"TLS and CCC":    {func(o *server.Options) { o.TLS, o.AllowCCC = testCertificate(t), true }, nil, append([]string{" CCC"}, encryption...)},
		"no active mode": {func(o *server.Options) { o.Active.Disabled = true }, []string{"EPRT"}, nil},
		"virtual hosts":  {func(o *server.Options) { o.Hosts = []server.VirtualHost{{Name: "x"}} }, nil, []string{" HOST"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var withTLS bool
			s := startSite(t, func(o *server.Options) { test.change(o); withTLS = o.TLS != nil })
			want := featureReply(test.without, test.with...)
			c := greeted(t, s)
			check := func(when string) {
				t.Helper()
				if got := c.cmd(211, "FEAT"); got != want {
					t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
				}
			}
			check("before login")
			if withTLS {
				c.encrypt(&tls.Config{})
				check("under TLS")
			}
			c.logIn()
			check("after login")
		})
	}
}

func TestOperatorsSeeThePorts(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Auth = operator{} })
	c := login(t, s.addr)
	if got := c.cmd(211, "FEAT"); !strings.Contains(got, ";PORTS;") {
		t.Errorf("FEAT: %q", got)
	}
	want := "211-Passive ports:\r\n " + s.ports.AdvertisedPorts().String() + "\r\n211 End"
	if got := c.cmd(211, "SITE PORTS"); got != want {
		t.Errorf("SITE PORTS: %q, want %q", got, want)
	}
}

type operator struct{}

func (operator) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: "alice", FS: afero.NewMemMapFs(), Operator: true}, nil
}

func TestHelpNamesEveryVerb(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := greeted(t, s)
	all := c.cmd(214, "HELP")
	for _, verb := range server.Verbs() {
		if !strings.Contains(strings.ReplaceAll(all, "\r\n", " ")+" ", " "+verb+" ") {
			t.Errorf("HELP does not name %s", verb)
		}
		want := fmt.Sprintf("214 Syntax: %s", verb)
		if got := c.cmd(214, "HELP %s", strings.ToLower(verb)); !strings.HasPrefix(got, want) {
			// old names are described under their own name or the new one
			if !strings.HasPrefix(verb, "X") || !strings.HasPrefix(got, "214 Syntax: "+verb[1:]) && !strings.HasPrefix(got, "214 Syntax: CDUP") {
				t.Errorf("HELP %s: %q", verb, got)
			}
		}
	}
}
