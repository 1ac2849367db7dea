package portalloc

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
)

func TestClientsShareAPortUnlessTheirPeersOverlap(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		peer          string
		sharing       Sharing
		first, second string
		shares        bool
	}{
		"two addresses share":                     {"exact", SharingAuto, "203.0.113.1", "203.0.113.2", true},
		"one address does not":                    {"exact", SharingAuto, "203.0.113.1", "203.0.113.1", false},
		"one address in two forms does not":       {"exact", SharingAuto, "203.0.113.1", "::ffff:203.0.113.1", false},
		"two families share":                      {"exact", SharingAuto, "203.0.113.1", "2001:db8::1", true},
		"one network does not":                    {"10.0.0.0/8", SharingAuto, "10.0.0.1", "10.0.0.2", false},
		"a network and an address outside share":  {"10.0.0.0/8", SharingAuto, "10.0.0.1", "203.0.113.1", true},
		"a network and one inside it do not":      {"10.1.0.0/16,10.0.0.0/8", SharingAuto, "10.1.0.1", "10.2.0.1", false},
		"a network and one around it do not":      {"10.1.0.0/16,10.0.0.0/8", SharingAuto, "10.2.0.1", "10.1.0.1", false},
		"any two clients do not when any is told": {"any", SharingAuto, "203.0.113.1", "198.51.100.1", false},
		"no two clients do when exclusive":        {"exact", SharingExclusive, "203.0.113.1", "203.0.113.2", false},
	} {
		t.Run(name, func(t *testing.T) {
			var policy PeerPolicy
			if err := policy.UnmarshalText([]byte(test.peer)); err != nil {
				t.Fatal(err)
			}
			opts := Options{Ports: PortList{{7, 7}}, Peer: policy, Sharing: test.sharing}
			inBubble(t, opts, func(t *testing.T, b *testbed) {
				first := b.try(test.first)
				_, err := b.TryAcquire(claimOf(test.second))
				if test.shares != (err == nil) || (err != nil && !errors.Is(err, ErrExhausted)) {
					t.Errorf("second lease: %v; want it to share: %v", err, test.shares)
				}
				first.Close()
				if !test.shares {
					b.try(test.second)
				}
			})
		})
	}
}

func TestOneAddressGetsEveryPortOnce(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{100, 119}}}, func(t *testing.T, b *testbed) {
		seen := make(map[uint16]bool)
		for range 20 {
			l := b.try("203.0.113.1")
			if seen[l.Port()] {
				t.Errorf("port %d is lent twice to one address", l.Port())
			}
			seen[l.Port()] = true
		}
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrExhausted) {
			t.Errorf("21st lease: %v; want ErrExhausted", err)
		}
		b.try("203.0.113.2") // another address notices nothing
		if got := b.Snapshot().Totals; got.Granted != 21 || got.Exhausted != 0 {
			t.Errorf("granted %d, exhausted %d; want 21 and 0: nobody has waited", got.Granted, got.Exhausted)
		}
	})
}

// TestPortsAreDrawnEvenly takes half of the ports so that a choice that walks
// on from a taken port would favour those behind a run of them.
func TestPortsAreDrawnEvenly(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 20}}}, func(t *testing.T, b *testbed) {
		client := netip.MustParseAddr("203.0.113.1")
		for len(b.claims.single) < 20 {
			b.try("203.0.113.1")
		}
		for _, p := range b.ports {
			if p.listen > 10 { // 11 to 19 in steps of 2 and 20 become free
				if p.listen%2 == 1 || p.listen == 20 {
					p.leases[0].Close()
				}
			}
		}
		counts := make(map[uint16]int)
		const draws = 6000
		for range draws {
			l := b.try(client.String())
			counts[l.Port()]++
			l.Close()
		}
		// Six ports, 1,000 draws each on average with a deviation of 29: 800
		// is out of the question by chance, 2,000 is what a walk would give.
		for port, n := range counts {
			if n < 800 || n > 1200 {
				t.Errorf("port %d was drawn %d times of %d; want about %d", port, n, draws, draws/6)
			}
		}
		if len(counts) != 6 {
			t.Errorf("%d ports were drawn; want 6", len(counts))
		}
	})
}

func TestClaimWithoutClientIsRefused(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		if l, err := b.TryAcquire(Claim{}); err == nil || errors.Is(err, ErrExhausted) {
			t.Errorf("TryAcquire: %v, %v; want an error that says what is wrong", l, err)
		}
		if l, err := b.Acquire(t.Context(), Claim{}); err == nil || errors.Is(err, ErrExhausted) {
			t.Errorf("Acquire: %v, %v; want an error that says what is wrong", l, err)
		}
	})
}

func TestAdvertisedPortsStandForListenPortsInOrder(t *testing.T) {
	opts := Options{Ports: PortList{{10, 11}, {5, 5}}, AdvertisedPorts: PortList{{30, 30}, {20, 21}}}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		want := map[uint16]uint16{10: 30, 11: 20, 5: 21}
		for range 3 {
			l := b.try("203.0.113.1")
			if l.AdvertisedPort() != want[l.Port()] {
				t.Errorf("port %d is advertised as %d; want %d", l.Port(), l.AdvertisedPort(), want[l.Port()])
			}
		}
	})
}

func TestReplacesEndsTheEarlierLease(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		first := b.try("203.0.113.1")
		second, err := b.TryAcquire(Claim{Client: netip.MustParseAddr("203.0.113.1"), Replaces: first})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := first.Accept(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Accept of the replaced lease: %v; want ErrNotConnected", err)
		}
		b.connect(second, "203.0.113.1", "hello")
		b.wantMessage(second, "hello")
	})
}

func TestReplacesClosesAConnectionThatWasNeverTaken(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		first := b.try("203.0.113.1")
		client := b.connect(first, "203.0.113.1", "")
		if _, err := b.TryAcquire(Claim{Client: netip.MustParseAddr("203.0.113.1"), Replaces: first}); err != nil {
			t.Fatal(err)
		}
		b.wantClosed(client)
	})
}

func TestReplacesALeaseOfAnotherAllocator(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, old *testbed) {
		b := newTestbed(t, Options{Ports: PortList{{8, 8}}})
		defer b.Close()
		first := old.try("203.0.113.1")
		if _, err := b.TryAcquire(Claim{Client: netip.MustParseAddr("203.0.113.1"), Replaces: first}); err != nil {
			t.Fatal(err)
		}
		if got := old.outcomes(); len(got) != 1 || got[0] != Replaced {
			t.Errorf("the other allocator saw %v; want one lease replaced", got)
		}
		old.try("203.0.113.1") // its port is free
	})
}

func TestCloseEndsEverything(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		pending := b.try("203.0.113.1")
		waiting := b.wait(claimOf("203.0.113.1"))
		asked := b.tryAs("203.0.113.2", 1)
		silent := b.connect(asked, "203.0.113.2", "")

		b.Close()
		synctest.Wait()
		if !waiting.done || !errors.Is(waiting.err, ErrClosed) {
			t.Errorf("who waited got %v; want ErrClosed", waiting.err)
		}
		if _, err := pending.Accept(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Accept: %v; want ErrNotConnected", err)
		}
		b.wantClosed(silent)
		if _, err := b.TryAcquire(claimOf("203.0.113.3")); !errors.Is(err, ErrClosed) {
			t.Errorf("TryAcquire: %v; want ErrClosed", err)
		}
		if err := resize(b, PortList{{9, 9}}, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Reload: %v; want ErrClosed", err)
		}
		if bound := b.net.bound(); bound.Len() > 0 {
			t.Errorf("ports %v are still bound", bound)
		}
		if err := b.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if got := b.outcomes(); len(got) != 2 {
			t.Errorf("outcomes %v; want one for each of two leases", got)
		}
	})
}

func TestCloseLeavesConnectionsOpen(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		taken, waiting := b.try("203.0.113.1"), b.try("203.0.113.2")
		b.connect(taken, "203.0.113.1", "hello")
		conn, err := taken.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		b.connect(waiting, "203.0.113.2", "later")
		b.Close()
		if n, err := conn.Read(make([]byte, 5)); n != 5 || err != nil {
			t.Errorf("reading after Close: %d, %v; want 5 bytes", n, err)
		}
		b.wantMessage(waiting, "later")
	})
}

func TestSnapshotShowsPendingLeases(t *testing.T) {
	opts := Options{Ports: PortList{{7, 8}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 3)
		s := b.Snapshot()
		for _, p := range s.Ports {
			switch {
			case p.Port != l.Port() && len(p.Pending) > 0:
				t.Errorf("port %d shows %v; want nothing", p.Port, p.Pending)
			case p.Port == l.Port() && (len(p.Pending) != 1 || p.Pending[0].Peers.String() != "203.0.113.1/32" || !p.Pending[0].Identified):
				t.Errorf("port %d shows %v; want the one lease", p.Port, p.Pending)
			case !p.Bound || p.Retired:
				t.Errorf("port %d: bound %v, retired %v", p.Port, p.Bound, p.Retired)
			}
		}
		b.Close()
		if s := b.Snapshot(); s.Ports[0].Bound {
			t.Error("a port is bound after Close")
		}
	})
}
