//go:build unix

package shared_test

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-ftp/portico/internal/redistest"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/guard"
)

// guarded is a replica that bans.
type guarded struct {
	*guard.Guard
	t     *testing.T
	state replica

	mu   sync.Mutex // guards told
	told []string
}

func newGuarded(t *testing.T, redis *redistest.Server, file string) *guarded {
	t.Helper()
	g := &guarded{t: t, state: open(t, redis, nil)}
	var err error
	g.Guard, err = guard.New(guard.Options{BanFile: file, Shared: g.state.Bans(), OnSecurity: g.tell})
	must(t, err)
	return g
}

func (g *guarded) tell(e server.SecurityEvent) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = append(g.told, fmt.Sprint(e.Kind, " ", e.Network))
}

func (g *guarded) want(addr string, banned bool) {
	g.t.Helper()
	g.Sync()
	if _, admitted := g.Admit(netip.MustParseAddr(addr)); admitted == banned {
		g.t.Errorf("%s is banned: %v, want %v", addr, !admitted, banned)
	}
}

func (g *guarded) ban(network string) {
	g.t.Helper()
	g.Add(netip.MustParsePrefix(network), time.Now().Add(time.Hour), "test")
	g.Sync()
}

func (g *guarded) lift(network string) {
	g.t.Helper()
	if !g.Lift(netip.MustParsePrefix(network)) {
		g.t.Errorf("%s is not banned", network)
	}
	g.Sync()
}

func TestBansHoldOnAllReplicas(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := newGuarded(t, redis, ""), newGuarded(t, redis, "")
	a.ban("192.0.2.1/32")
	a.ban("2001:db8::/64")
	b.want("192.0.2.1", true)
	b.want("2001:db8::5", true)
	b.lift("192.0.2.1/32")
	a.want("192.0.2.1", false)
	a.want("2001:db8::5", true)
	late := newGuarded(t, redis, "")
	late.want("2001:db8::5", true)
	late.want("192.0.2.1", false)
	slices.Sort(a.told)
	slices.Sort(b.told)
	if want := []string{"ban 192.0.2.1/32", "ban 2001:db8::/64", "unban 192.0.2.1/32"}; !slices.Equal(a.told, want) || !slices.Equal(b.told, want) {
		t.Errorf("told %v and %v, want %v", a.told, b.told, want)
	}
	got := b.Bans()
	if left := time.Until(got[0].Until); len(got) != 1 || got[0].Reason != "test" || left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("the other's ban is %+v", got)
	}
}

// While Redis is away bans go on, and what was done meanwhile is merged.
func TestBansAreMerged(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := newGuarded(t, redis, ""), newGuarded(t, redis, "")
	a.ban("192.0.2.1/32")
	a.ban("192.0.2.2/32")
	b.want("192.0.2.2", true)
	redis.Stop()
	a.state.Sessions().Enter("/x", 0) // so that it is noticed
	a.ban("192.0.2.3/32")
	b.ban("192.0.2.4/32")
	b.lift("192.0.2.1/32")
	a.want("192.0.2.3", true)
	b.want("192.0.2.3", false)
	redis.Start() // which has lost everything
	a.state.waitUntilHere(t, true)
	b.state.waitUntilHere(t, true)
	for range 3 {
		a.Sync()
		b.Sync()
	}
	for addr, banned := range map[string]bool{"192.0.2.2": true, "192.0.2.3": true, "192.0.2.4": true} {
		a.want(addr, banned)
		b.want(addr, banned)
	}
	// Of a ban that one has lifted and another tells a Redis that has lost it, the
	// latter counts.
	b.lift("192.0.2.1/32")
	a.want("192.0.2.1", false)
}

// A Redis that hangs, and keeps its data, is told what was lifted meanwhile.
func TestBansThatWereLiftedWhileRedisHung(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := newGuarded(t, redis, ""), newGuarded(t, redis, "")
	a.ban("192.0.2.1/32")
	b.want("192.0.2.1", true)
	redis.Hang()
	a.lift("192.0.2.1/32")
	redis.Resume()
	a.state.waitUntilHere(t, true)
	b.state.waitUntilHere(t, true)
	a.Sync()
	b.want("192.0.2.1", false)
}

// What was lifted while a server did not run does not come back with its file.
func TestTheFileOfBansIsOlder(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	file := filepath.Join(t.TempDir(), "bans.json")
	first := newGuarded(t, redis, file)
	first.ban("192.0.2.1/32")
	first.ban("192.0.2.2/32")
	must(t, first.state.Close())
	other := newGuarded(t, redis, "")
	other.lift("192.0.2.1/32")

	again := newGuarded(t, redis, file)
	again.want("192.0.2.1", false)
	again.want("192.0.2.2", true)
	other.want("192.0.2.1", false)
	bans, err := guard.File{Path: file}.Read()
	if err != nil || len(bans) != 1 {
		t.Errorf("the file has %v, %v", bans, err)
	}

	must(t, redis.Client().FlushAll(t.Context()).Err()) // then it is all that there is
	fresh := newGuarded(t, redis, file)
	newGuarded(t, redis, "").want("192.0.2.2", true)
	fresh.want("192.0.2.2", true)
}

// More has changed than Redis remembers one by one.
func TestManyBans(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := newGuarded(t, redis, ""), newGuarded(t, redis, "")
	a.ban("198.51.100.1/32")
	b.want("198.51.100.1", true)
	for i := range 10_500 {
		a.Add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32), time.Time{}, "many")
	}
	a.Lift(netip.MustParsePrefix("198.51.100.1/32"))
	a.Sync()
	b.want("10.0.40.7", true)
	b.want("198.51.100.1", false)
	if n := len(b.Bans()); n != 10_500 {
		t.Errorf("%d bans", n)
	}
	if n := redis.Client().LLen(t.Context(), "portico:bans:log").Val(); n != 10_000 {
		t.Errorf("Redis remembers %d changes", n)
	}
}

func TestBansThatAreNone(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string][]any{
		"another type":   {"set", "portico:bans", "x"},
		"no ban":         {"hset", "portico:bans", "192.0.2.9/32", "x"},
		"no network":     {"hset", "portico:bans", "x", "{}"},
		"another's ban":  {"hset", "portico:bans", "192.0.2.9/32", `{"network":"192.0.2.8/32"}`},
		"no number":      {"hset", "portico:bans:state", "version", "x"},
		"another number": {"hset", "portico:bans:state", "name", "x", "version", "-7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, "")
			command(break_...)(t, redis)
			a := newGuarded(t, redis, "")
			a.ban("192.0.2.1/32")
			a.want("192.0.2.1", true)
			if !a.state.Sessions().Enter("/alice", 1) || a.state.Sessions().Enter("/alice", 1) {
				t.Error("sessions are not counted")
			}
			if n := len(a.state.warnings()); n > 1 {
				t.Errorf("%d warnings: %v", n, a.state.warnings())
			}
			must(t, redis.Client().FlushAll(t.Context()).Err())
			a.state.waitUntilHere(t, true)
			b := newGuarded(t, redis, "")
			waitFor(t, "the ban to be told", func() bool {
				a.Sync()
				b.Sync()
				_, admitted := b.Admit(netip.MustParseAddr("192.0.2.1"))
				return !admitted
			})
		})
	}
}

// Commands change what servers see.
func TestSharedListOfBans(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a := newGuarded(t, redis, "")
	list := guard.SharedList{Place: a.state.Bans()}
	now := time.Now().Truncate(time.Second)
	ban := guard.Ban{Network: netip.MustParsePrefix("192.0.2.1/32"), Since: now, Until: now.Add(time.Hour), Reason: "asked to"}
	must(t, list.Edit(context.Background(), func(bans []guard.Ban) ([]guard.Ban, error) { return append(bans, ban), nil }))
	a.want("192.0.2.1", true)
	bans, err := list.Read()
	if err != nil || len(bans) != 1 || bans[0].Until.Sub(ban.Until).Abs() > 2*time.Second || bans[0].Reason != ban.Reason {
		t.Errorf("read %v, %v", bans, err)
	}
	a.ban("192.0.2.2/32")
	must(t, list.Edit(context.Background(), func(bans []guard.Ban) ([]guard.Ban, error) {
		return slices.DeleteFunc(bans, func(b guard.Ban) bool { return strings.HasPrefix(b.Network.String(), "192.0.2.1") }), nil
	}))
	a.want("192.0.2.1", false)
	a.want("192.0.2.2", true)
}
