package guard

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/portico-ftp/portico/server"
)

// bed is a guard with a clock of its own.
type bed struct {
	*Guard
	t      *testing.T
	mu     sync.Mutex
	now    time.Time
	events []server.SecurityEvent
}

func newBed(t *testing.T, opts Options) *bed {
	t.Helper()
	b := &bed{t: t, now: time.Now()}
	b.open(opts)
	return b
}

func (b *bed) open(opts Options) {
	b.t.Helper()
	if opts.Logger == nil {
		opts.Logger = zaptest.NewLogger(b.t)
	}
	opts.Now = func() time.Time { return b.now }
	opts.OnSecurity = func(e server.SecurityEvent) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	var err error
	if b.Guard, err = New(opts); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) pass(d time.Duration) { b.now = b.now.Add(d) }

func (b *bed) wantAdmitted(client, reason string) {
	b.t.Helper()
	got, ok := b.Admit(netip.MustParseAddr(client))
	if got != reason || ok != (reason == "") {
		b.t.Errorf("Admit(%s): %q, %v; want %q", client, got, ok, reason)
	}
}

// do makes a client do something a number of times.
func (b *bed) do(times int, kind server.SecurityKind, reason, client string) {
	for range times {
		b.Observe(server.SecurityEvent{Kind: kind, Reason: reason, Client: netip.AddrPortFrom(netip.MustParseAddr(client), 4000)})
	}
}

func (b *bed) fail(times int, client string) {
	b.do(times, server.SecurityLoginFailed, "wrong_password", client)
}

func (b *bed) kinds() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.events {
		all = append(all, e.Kind.String()+" "+e.Network.String()+" "+e.Reason)
	}
	return all
}

func TestOffences(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   server.SecurityKind
		reason string
		times  int // that are still allowed
	}{
		{server.SecurityLoginFailed, "wrong_password", 9},
		{server.SecurityLoginFailed, "wrong_hour", 9},
		{server.SecurityLoginFailed, "unknown_user", 4},
		{server.SecurityProtocolAbuse, "bounce", 4},
		{server.SecurityWrongPeer, "foreign", 9},
	} {
		t.Run(test.kind.String()+" "+test.reason, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, Options{})
			b.do(test.times, test.kind, test.reason, "203.0.113.7")
			b.wantAdmitted("203.0.113.7", "")
			b.do(1, test.kind, test.reason, "203.0.113.7")
			b.wantAdmitted("203.0.113.7", "ban")
			b.wantAdmitted("::ffff:203.0.113.7", "ban")
			b.wantAdmitted("203.0.113.8", "")
			if got, want := b.kinds(), []string{"ban 203.0.113.7/32 " + test.reason}; !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

func TestNoOffence(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	for kind := server.SecurityLoginOK; kind <= server.SecurityConfigChanged; kind++ {
		if kind != server.SecurityLoginFailed && kind != server.SecurityProtocolAbuse {
			b.do(1000, kind, "unexpected", "203.0.113.7")
		}
	}
	b.wantAdmitted("203.0.113.7", "")
	for range 1000 {
		b.Observe(server.SecurityEvent{Kind: server.SecurityLoginFailed}) // behind a load balancer, not known who
	}
	if len(b.scores.entries) != 0 {
		t.Errorf("scores %v, want none", b.scores.entries)
	}
}

func TestIPv6IsBannedByNetwork(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	for i := range 10 {
		b.fail(1, fmt.Sprintf("2001:db8:0:1::%x", i+1))
	}
	b.wantAdmitted("2001:db8:0:1:ffff::1", "ban")
	b.wantAdmitted("2001:db8:0:1::1%eth0", "ban")
	b.wantAdmitted("2001:db8:0:2::1", "")
}

func TestScoresFade(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	b.fail(9, "203.0.113.7")
	b.pass(10 * time.Minute) // 9 are left
	b.fail(5, "203.0.113.7")
	b.wantAdmitted("203.0.113.7", "")
	b.fail(1, "203.0.113.7")
	b.wantAdmitted("203.0.113.7", "ban")
	b.fail(9, "203.0.113.8")
	b.pass(2 * time.Hour)
	b.scores.sweep(b.now)
	if _, there := b.scores.entries[netip.MustParseAddr("203.0.113.8")]; there {
		t.Error("a score that has faded away is still kept")
	}
}

func TestBansGrow(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{Ban: time.Minute, MaxBan: 5 * time.Minute})
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		want *= time.Minute
		b.fail(10, "203.0.113.7")
		b.pass(want - time.Second)
		b.wantAdmitted("203.0.113.7", "ban")
		b.pass(time.Second)
		b.wantAdmitted("203.0.113.7", "")
		if got := len(b.Bans()); got != 0 {
			t.Errorf("round %d: %d bans after its end", i, got)
		}
		b.expire(b.now)
		b.scores.sweep(b.now)
	}
	b.pass(6 * time.Minute) // it has kept quiet
	b.fail(10, "203.0.113.7")
	b.pass(time.Minute)
	b.wantAdmitted("203.0.113.7", "")
}

// Behind a NAT logins of some make up for typing errors of others, but somebody
// with an account cannot go on guessing.
func TestLoginsLowerTheScore(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	guesses := 0
	for ; guesses < 1000; guesses++ {
		if _, ok := b.Admit(netip.MustParseAddr("203.0.113.7")); !ok {
			break
		}
		b.fail(1, "203.0.113.7")
		b.do(1, server.SecurityLoginOK, "", "203.0.113.7")
	}
	if guesses != 20 {
		t.Errorf("%d wrong passwords between right ones, want 20 until the ban", guesses)
	}
	b.fail(9, "203.0.113.8")
	b.do(20, server.SecurityLoginOK, "", "203.0.113.8")
	b.fail(9, "203.0.113.8")
	b.wantAdmitted("203.0.113.8", "")
}

func TestLists(t *testing.T) {
	t.Parallel()
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	b := newBed(t, Options{Lists: Lists{Never: prefixes("203.0.113.0/28", "2001:db8::/48"), Deny: prefixes("203.0.113.0/24", "::ffff:198.51.100.0/120")}})
	b.wantAdmitted("203.0.113.1", "")
	b.wantAdmitted("203.0.113.17", "deny")
	b.wantAdmitted("198.51.100.1", "deny")
	b.fail(1000, "203.0.113.1")
	b.fail(1000, "2001:db8::1")
	b.Add(netip.MustParsePrefix("203.0.113.1/32"), time.Time{}, "by mistake")
	b.wantAdmitted("203.0.113.1", "")
	b.wantAdmitted("2001:db8::1", "")
	if len(b.scores.entries) != 0 {
		t.Errorf("networks that are never banned have scores: %v", b.scores.entries)
	}

	if err := b.SetLists(Lists{Only: prefixes("192.0.2.0/24"), Never: prefixes("10.0.0.0/8")}); err != nil {
		t.Fatal(err)
	}
	b.wantAdmitted("192.0.2.1", "")
	b.wantAdmitted("10.0.0.1", "")
	b.wantAdmitted("198.51.100.1", "not_listed")
	b.wantAdmitted("2001:db8::1", "not_listed")
	b.wantAdmitted("203.0.113.1", "not_listed")
}

func TestWiderBanOutlastsNarrower(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	b.Add(netip.MustParsePrefix("203.0.113.0/24"), b.now.Add(time.Hour), "")
	b.Add(netip.MustParsePrefix("203.0.113.7/32"), b.now.Add(time.Minute), "")
	b.pass(2 * time.Minute)
	b.wantAdmitted("203.0.113.7", "ban") // before the narrower one is cleared away
	b.expire(b.now)
	b.wantAdmitted("203.0.113.7", "ban")
	if !b.Lift(netip.MustParsePrefix("203.0.113.0/24")) || b.Lift(netip.MustParsePrefix("203.0.113.0/24")) {
		t.Error("Lift is to say true, then false")
	}
	b.wantAdmitted("203.0.113.7", "")
}

// A clock without a monotonic reading may do anything.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{})
	b.now = b.now.Round(0)
	b.fail(9, "203.0.113.7")
	b.pass(-1000 * time.Hour)
	b.fail(1, "203.0.113.7")
	b.wantAdmitted("203.0.113.7", "ban")
	b.pass(2000 * time.Hour)
	b.wantAdmitted("203.0.113.7", "")
	b.fail(10, "203.0.113.7")
	b.wantAdmitted("203.0.113.7", "ban")
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{MaxScores: 20_000, MaxBans: 1000})
	persistent := "198.51.100.1"
	b.fail(9, persistent)
	b.Add(netip.MustParsePrefix("198.51.100.2/32"), time.Time{}, "")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	addr := netip.MustParseAddr("11.0.0.0")
	for range 1_000_000 {
		addr = addr.Next()
		b.Observe(server.SecurityEvent{Kind: server.SecurityLoginFailed, Client: netip.AddrPortFrom(addr, 1)})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := len(b.scores.entries); got > 20_000 {
		t.Errorf("%d scores, want 20,000 at the most", got)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("1,000,000 addresses left %d MiB", grown>>20)
	}
	b.fail(1, persistent)
	b.wantAdmitted(persistent, "ban") // high scores do not give way to low ones

	for range 5000 {
		addr = addr.Next()
		b.fail(10, addr.String())
	}
	if got := len(b.Bans()); got != 1000 {
		t.Errorf("%d bans, want 1,000", got)
	}
	b.wantAdmitted("198.51.100.2", "ban")
	b.pass(time.Hour)
	b.expire(b.now)
	b.fail(10, addr.String())
	b.wantAdmitted(addr.String(), "ban") // there is room again
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]Options{
		"negative weight":    {Weights: Weights{WrongPassword: -1}},
		"negative threshold": {Threshold: -1},
		"max below ban":      {Ban: time.Hour, MaxBan: time.Minute},
		"list that is gone":  {Lists: Lists{DenyFile: t.TempDir() + "/none"}},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{BanFile: t.TempDir() + "/bans.json", Logger: nil})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				client := netip.AddrFrom4([4]byte{10, byte(i), 0, byte(j / 10)})
				b.Observe(server.SecurityEvent{Kind: server.SecurityLoginFailed, Client: netip.AddrPortFrom(client, 1)})
				b.Admit(client)
			}
		})
	}
	for range 20 {
		b.Sync()
		b.Bans()
		b.expire(b.now)
	}
	all.Wait()
	if got := len(b.Bans()); got != 8*20 {
		t.Errorf("%d bans, want %d", got, 8*20)
	}
}

func manyBans(tb testing.TB, n int) *Guard {
	tb.Helper()
	g, err := New(Options{})
	if err != nil {
		tb.Fatal(err)
	}
	addr := netip.MustParseAddr("11.0.0.0")
	for i := range n {
		for range i%7 + 1 {
			addr = addr.Next()
		}
		g.bans.set(Ban{Network: NetworkOf(addr), Until: time.Now().Add(time.Hour)}, 0)
	}
	return g
}

func TestAdmitAllocatesNothing(t *testing.T) {
	g := manyBans(t, 1000)
	for _, client := range []string{"11.0.0.1", "203.0.113.7", "::ffff:11.0.0.1", "2001:db8::1"} {
		addr := netip.MustParseAddr(client)
		if got := testing.AllocsPerRun(100, func() { g.Admit(addr) }); got != 0 {
			t.Errorf("Admit(%s) allocates %v times", client, got)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	g := manyBans(b, 20_000)
	banned := g.Bans()
	for _, addr := range []netip.Addr{banned[0].Network.Addr(), banned[len(banned)/2].Network.Addr(), netip.MustParseAddr("203.0.113.7")} {
		_, ok := g.Admit(addr)
		b.Run(fmt.Sprintf("%v_banned=%v", addr, !ok), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Admit(addr)
			}
		})
	}
}

func BenchmarkObserveNewAddresses(b *testing.B) {
	g, err := New(Options{MaxScores: 10_000})
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("11.0.0.0")
	b.ReportAllocs()
	for b.Loop() {
		addr = addr.Next()
		g.Observe(server.SecurityEvent{Kind: server.SecurityLoginFailed, Client: netip.AddrPortFrom(addr, 1)})
	}
}
