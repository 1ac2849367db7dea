package portalloc

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReloadBindsAndReleasesPorts(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 3}}}, func(t *testing.T, b *testbed) {
		if err := resize(b, PortList{{3, 6}}, PortList{{13, 16}}); err != nil {
			t.Fatal(err)
		}
		if got := b.net.bound().String(); got != "3-6" {
			t.Errorf("bound %s; want 3-6", got)
		}
		if b.Ports().String() != "3-6" || b.AdvertisedPorts().String() != "13-16" {
			t.Errorf("ports %v, advertised %v", b.Ports(), b.AdvertisedPorts())
		}
		for range 4 {
			if l := b.try("203.0.113.1"); l.AdvertisedPort() != l.Port()+10 {
				t.Errorf("port %d is advertised as %d", l.Port(), l.AdvertisedPort())
			}
		}
	})
}

func TestLeaseOnARetiredPortRunsOn(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 1}}}, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		if err := resize(b, PortList{{2, 2}}, PortList{{22, 22}}); err != nil {
			t.Fatal(err)
		}
		s := b.Snapshot()
		if len(s.Ports) != 2 || s.Ports[0].Port != 2 || !s.Ports[1].Retired {
			t.Errorf("ports %v; want 2, and 1 as retired", s.Ports)
		}
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
		if got := b.net.bound().String(); got != "2" {
			t.Errorf("bound %s; want 2 alone once the lease has ended", got)
		}
		if got := b.events[0]; got.Port != 1 || got.AdvertisedPort != 1 {
			t.Errorf("the event is of port %d, advertised %d; want 1 and 1", got.Port, got.AdvertisedPort)
		}
	})
}

func TestReloadBringsARetiredPortBack(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		for b.try("203.0.113.1").Port() != 1 {
		}
		for _, ports := range []PortList{{{2, 2}}, {{1, 1}}} {
			if err := resize(b, ports, nil); err != nil {
				t.Fatal(err)
			}
		}
		l := b.try("203.0.113.2")
		b.connect(l, "203.0.113.2", "hello")
		b.wantMessage(l, "hello")
		for _, p := range b.Snapshot().Ports {
			if p.Port == 1 && p.Retired {
				t.Error("port 1 is still retired")
			}
		}
	})
}

// TestLeaseEndsWhileItsPortComesBack ends the last lease of a retired port in
// the middle of the Reload that wants the port again.
func TestLeaseEndsWhileItsPortComesBack(t *testing.T) {
	for name, test := range map[string]struct {
		fails bool
		bound string
	}{
		"the port stays when the Reload succeeds": {false, "1,3"},
		"the port is closed when it fails":        {true, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Options{Ports: PortList{{1, 1}}}, func(t *testing.T, b *testbed) {
				l := b.try("203.0.113.1")
				if err := resize(b, PortList{{2, 2}}, nil); err != nil {
					t.Fatal(err)
				}
				b.net.taken[3] = test.fails
				b.net.onListen = func() { l.Close() }
				if err := resize(b, PortList{{1, 1}, {3, 3}}, nil); (err != nil) != test.fails {
					t.Errorf("Reload: %v; want an error: %v", err, test.fails)
				}
				if got := b.net.bound().String(); got != test.bound {
					t.Errorf("bound %s; want %s", got, test.bound)
				}
			})
		})
	}
}

func TestCloseDuringAReload(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		b.untilPort("203.0.113.1", func(port uint16) bool { return port == 1 })
		if err := resize(b, PortList{{2, 2}}, nil); err != nil { // port 1 retires
			t.Fatal(err)
		}
		b.net.onListen = func() {
			b.net.onListen = nil
			b.Close()
		}
		if err := resize(b, PortList{{1, 4}}, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Reload: %v; want ErrClosed", err)
		}
		if bound := b.net.bound(); bound.Len() > 0 {
			t.Errorf("ports %v are bound after Close", bound)
		}
	})
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 3}}, AdvertisedPorts: PortList{{11, 13}}}, func(t *testing.T, b *testbed) {
		for len(b.age.leases()) < 3 {
			b.try("203.0.113.1")
		}
		if err := resize(b, PortList{{3, 3}}, PortList{{33, 33}}); err != nil { // 1 and 2 retire
			t.Fatal(err)
		}
		b.net.taken[5] = true
		for name, test := range map[string]struct{ ports, advertised PortList }{
			"a port is taken":  {PortList{{1, 5}}, PortList{{21, 25}}},
			"no ports":         {},
			"wrong advertised": {PortList{{1, 3}}, PortList{{21, 22}}},
		} {
			err := resize(b, test.ports, test.advertised)
			if err == nil {
				t.Errorf("%s: no error", name)
			} else if name == "a port is taken" && !strings.Contains(err.Error(), "5") {
				t.Errorf("%s: the error %q names no port", name, err)
			}
			if b.net.bound().String() != "1-3" || b.Ports().String() != "3" || b.AdvertisedPorts().String() != "33" {
				t.Errorf("%s: bound %v, ports %v, advertised %v", name, b.net.bound(), b.Ports(), b.AdvertisedPorts())
			}
		}
		if l := b.try("203.0.113.2"); l.Port() != 3 || l.AdvertisedPort() != 33 {
			t.Errorf("port %d is advertised as %d; want 3 as 33", l.Port(), l.AdvertisedPort())
		}
		for _, l := range b.age.leases() {
			l.Close()
		}
		if got := b.net.bound().String(); got != "3" {
			t.Errorf("bound %s; want 3 alone: the others were retired", got)
		}
	})
}

func TestReloadServesThoseWhoWait(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 1}}}, func(t *testing.T, b *testbed) {
		b.try("203.0.113.1")
		first, second := b.wait(claimOf("203.0.113.1")), b.wait(claimOf("203.0.113.1"))
		if err := resize(b, PortList{{1, 3}}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !first.done || !second.done || first.err != nil || second.err != nil {
			t.Errorf("who waited: %v, %v; want two leases", first.err, second.err)
		}
	})
}

func TestLargeRangeIsBoundAtTheFirstLease(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{10000, 40000}}}, func(t *testing.T, b *testbed) {
		if got := b.net.bound().Len(); got != 0 {
			t.Errorf("%d ports are bound at the start; want none", got)
		}
		l := b.try("203.0.113.1")
		if got := b.net.bound().String(); got != (PortList{{l.Port(), l.Port()}}).String() {
			t.Errorf("bound %s; want %d", got, l.Port())
		}
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
	})
}

func TestPortOfALargeRangeThatIsTaken(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{10000, 12000}}}, func(t *testing.T, b *testbed) {
		for port := uint16(10000); port <= 12000; port++ {
			b.net.taken[port] = true
		}
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrExhausted) {
			t.Errorf("TryAcquire: %v; want ErrExhausted", err)
		}
		clear(b.net.taken)
		b.try("203.0.113.1") // others were not tried yet
		var resting []uint16
		for _, p := range b.ports {
			if !p.retryBind.IsZero() {
				resting = append(resting, p.listen)
			}
		}
		if len(resting) != bindAttempts {
			t.Errorf("%d ports were tried in vain; want %d", len(resting), bindAttempts)
		}
		for _, p := range b.ports {
			if slices.Contains(resting, p.listen) && b.isFreeLocked(p, Claim{}, claimPeers("203.0.113.1"), time.Now()) {
				t.Errorf("port %d is tried again at once", p.listen)
			}
		}
		time.Sleep(bindRetry)
		for _, p := range b.ports {
			if slices.Contains(resting, p.listen) && !b.isFreeLocked(p, Claim{}, claimPeers("203.0.113.1"), time.Now()) {
				t.Errorf("port %d is not tried again", p.listen)
			}
		}
	})
}

// resize reloads with other ports.
func resize(b *testbed, ports, advertised PortList) error {
	opts := *b.options()
	opts.Ports, opts.AdvertisedPorts = ports, advertised
	return b.Reload(opts)
}

func TestReloadOfPoliciesCountsAtOnce(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 1}}, AcceptTimeout: time.Hour}, func(t *testing.T, b *testbed) {
		old := b.try("203.0.113.1")
		opts := *b.options()
		opts.AcceptTimeout, opts.MaxPerAddress = time.Second, 1
		if err := b.Reload(opts); err != nil {
			t.Fatal(err)
		}
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrTooMany) {
			t.Errorf("a second lease of the address: %v, want ErrTooMany: the first one counts", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(b.events) != 1 || b.events[0].Port != old.Port() || b.events[0].Outcome != Expired {
			t.Errorf("the events are %+v, want that the lease has expired by the new time", b.events)
		}
	})
}

func TestReloadRefusesWhatCannotChange(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 1}}}, func(t *testing.T, b *testbed) {
		opts := *b.options()
		opts.Sharing, opts.Ports = SharingExclusive, PortList{{2, 2}}
		if err := b.Reload(opts); err == nil || !strings.Contains(err.Error(), "Sharing") {
			t.Errorf("got %v, want that Sharing cannot change", err)
		}
		if got := b.net.bound().String(); got != "1" || b.Ports().String() != "1" {
			t.Errorf("bound %s and in use %v, want 1 as before", got, b.Ports())
		}
	})
}
