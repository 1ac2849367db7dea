package portalloc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestIdentifiedSessionsShareOnePortAndAddress(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		var leases []*Lease
		for id := Identity(1); id <= 9; id++ {
			leases = append(leases, b.tryAs("203.0.113.1", id))
		}
		for id := 9; id >= 1; id-- { // in another order than they were granted
			b.connect(leases[id-1], "203.0.113.1", fmt.Sprintf("%d is mine", id))
		}
		for i, l := range leases {
			b.wantMessage(l, fmt.Sprintf("%d is mine", i+1))
		}
		if got := b.Snapshot().Totals.Outcomes[Connected]; got != 9 {
			t.Errorf("%d connected; want 9", got)
		}
	})
}

func TestWhoMayShareWithIdentifiedLeases(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		b.tryAs("203.0.113.1", 1)
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrExhausted) {
			t.Errorf("a claim without identity: %v; want ErrExhausted", err)
		}
		b.tryAs("203.0.113.1", 2)
		b.try("203.0.113.2")
		if _, err := b.TryAcquire(Claim{Client: claimOf("203.0.113.2").Client, Identity: 3}); !errors.Is(err, ErrExhausted) {
			t.Errorf("an identified claim beside one without: %v; want ErrExhausted", err)
		}
	})
}

func TestIdentityCountsForNothingWithoutIdentify(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		b.tryAs("203.0.113.1", 1)
		if _, err := b.TryAcquire(Claim{Client: claimOf("203.0.113.1").Client, Identity: 2}); !errors.Is(err, ErrExhausted) {
			t.Errorf("second claim: %v; want ErrExhausted", err)
		}
	})
}

func TestIdentifiedClaimsGatherOnOnePort(t *testing.T) {
	opts := Options{Ports: PortList{{1, 50}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		first := b.tryAs("203.0.113.1", 1)
		for id := Identity(2); id <= 9; id++ {
			if l := b.tryAs("203.0.113.1", id); l.Port() != first.Port() {
				t.Errorf("identity %d is on port %d, the first on %d; want one port, and 49 for others", id, l.Port(), first.Port())
			}
		}
		for range 49 {
			b.try("203.0.113.1")
		}
	})
}

func TestConnectionThatCannotBeToldApart(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	for name, test := range map[string]struct {
		leases  int
		hello   string
		refused bool
		outcome Outcome // of the first lease
	}{
		"no identity goes to the only lease":      {1, "0", false, Connected},
		"a foreign identity to the only lease":    {1, "7", false, Connected},
		"no identity is refused among several":    {2, "0", true, TLSMismatch},
		"a foreign identity among several":        {2, "7", true, TLSMismatch},
		"garbage is refused":                      {2, "!", true, TLSMismatch},
		"garbage is refused even for one lease":   {1, "!", true, TLSMismatch},
		"nothing is refused when its time is out": {1, "", true, TLSMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, opts, func(t *testing.T, b *testbed) {
				l := b.tryAs("203.0.113.1", 1)
				client, err := b.net.dial(7, "203.0.113.1")
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if test.leases == 2 {
					b.tryAs("203.0.113.1", 2)
				}
				go io.WriteString(client, test.hello)
				time.Sleep(time.Minute)
				synctest.Wait()
				if test.refused {
					b.wantClosed(client)
				} else {
					b.wantMessage(l, test.hello)
				}
				if got := b.outcomes(); len(got) == 0 || got[0] != test.outcome {
					t.Errorf("outcomes %v; want %v first", got, test.outcome)
				}
			})
		})
	}
}

func TestSilentConnectionsAreBounded(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 1)
		for range spareCandidates + 1 {
			b.connect(l, "203.0.113.1", "")
		}
		b.wantClosed(b.connect(l, "203.0.113.1", ""))

		// The bound holds for the next lease, too, while they are silent.
		l.Close()
		next := b.tryAs("203.0.113.1", 2)
		b.wantClosed(b.connect(next, "203.0.113.1", ""))
		time.Sleep(31 * time.Second)
		again := b.tryAs("203.0.113.1", 3)
		b.connect(again, "203.0.113.1", "3 is mine")
		b.wantMessage(again, "3 is mine")
		if got := b.Snapshot().Totals.Refused; got != spareCandidates+3 {
			t.Errorf("refused %d; want %d", got, spareCandidates+3)
		}
	})
}

func TestHelloFindsALeaseThatCameMeanwhile(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		first := b.tryAs("203.0.113.1", 1)
		b.try("198.51.100.1") // the port is in use all the time
		client := b.connect(first, "203.0.113.1", "")
		first.Close()
		b.try("203.0.113.1").Close() // nobody else of the address holds it
		second := b.tryAs("203.0.113.1", 2)
		go io.WriteString(client, "2 is mine")
		synctest.Wait()
		b.wantMessage(second, "2 is mine")
	})
}

func TestLeaseWithAConnectionOnItsWayIsNotReclaimed(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity, ReclaimAfter: time.Second, Wait: time.Hour, AcceptTimeout: 20 * time.Second}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 1)
		client := b.connect(l, "203.0.113.1", "")
		w := b.wait(claimOf("203.0.113.1"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if w.done {
			t.Fatal("the lease was reclaimed while its connection was being told apart")
		}
		io.WriteString(client, "!") // not its connection after all
		time.Sleep(time.Second)
		synctest.Wait()
		if !w.done || w.err != nil {
			t.Errorf("who waited: %v; want the port once the connection was refused", w.err)
		}
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Reclaimed}) {
			t.Errorf("outcomes %v; want reclaimed", got)
		}
	})
}

func TestWhoFollowsALeaseWithAConnectionOnItsWayIsReclaimed(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity, ReclaimAfter: time.Second, Wait: time.Hour, AcceptTimeout: 20 * time.Second}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 1)
		client := b.connect(l, "203.0.113.1", "")
		first, second := b.wait(claimOf("203.0.113.1")), b.wait(claimOf("203.0.113.1"))
		time.Sleep(10 * time.Second) // nothing is there to reclaim
		io.WriteString(client, "1")
		synctest.Wait()
		if !first.done || first.err != nil {
			t.Fatalf("the first: %v; want the port when the connection was told apart", first.err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !second.done || second.err != nil {
			t.Errorf("the second: %v; want the port that the first has not used", second.err)
		}
	})
}

func TestNothingIsLeftOfALeaseWhoseConnectionGoesAfterIt(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.tryAs("203.0.113.1", 1)
		client := b.connect(l, "203.0.113.1", "")
		l.Close()
		client.Close()
		synctest.Wait()
		if n := len(b.claims.shared) + len(b.claims.homes) + len(b.asked); n != 0 {
			t.Errorf("%d entries are left: %v, %v, %v", n, b.claims.shared, b.claims.homes, b.asked)
		}
	})
}

// testIdentifier is an Identifier whose identities are offset, so that two of
// them tell one hello apart differently.
type testIdentifier struct{ offset Identity }

// Apart: odd identities cannot be told from each other.
func (i *testIdentifier) Apart(a, b Identity) bool { return a%2 == 0 || b%2 == 0 }

func (i *testIdentifier) Identify(conn net.Conn) (Identity, net.Conn, error) {
	id, replay, err := readIdentity(conn)
	return id + i.offset, replay, err
}

func TestClaimsOfTwoIdentifiersDoNotShare(t *testing.T) {
	one, two := &testIdentifier{0}, &testIdentifier{0}
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		client := claimOf("203.0.113.1").Client
		if _, err := b.TryAcquire(Claim{Client: client, Identity: 1, Identifier: one}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.TryAcquire(Claim{Client: client, Identity: 2, Identifier: two}); !errors.Is(err, ErrExhausted) {
			t.Errorf("a claim with another Identifier: %v; want ErrExhausted", err)
		}
		if _, err := b.TryAcquire(Claim{Client: client, Identity: 2, Identifier: one}); err != nil {
			t.Errorf("a claim with the same Identifier: %v; want a lease", err)
		}
	})
}

func TestEachIdentifierIsAskedForItsOwnLeases(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		client := claimOf("203.0.113.1").Client
		identifier := &testIdentifier{100}
		var leases []*Lease
		for _, id := range []Identity{101, 102} {
			l, err := b.TryAcquire(Claim{Client: client, Identity: id, Identifier: identifier})
			if err != nil {
				t.Fatal(err)
			}
			leases = append(leases, l)
		}
		b.connect(leases[1], "203.0.113.1", "2 is mine")
		b.wantMessage(leases[1], "2 is mine")
		b.connect(leases[0], "203.0.113.1", "1 is mine")
		b.wantMessage(leases[0], "1 is mine")
	})
}

func TestHelloReadByAnotherIdentifierIsRefused(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		first := b.tryAs("203.0.113.1", 1)
		client := b.connect(first, "203.0.113.1", "")
		first.Close()
		claim := Claim{Client: claimOf("203.0.113.1").Client, Identity: 1, Identifier: &testIdentifier{0}}
		second, err := b.TryAcquire(claim)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(client, "1")
		synctest.Wait()
		b.wantClosed(client)
		b.connect(second, "203.0.113.1", "1 is mine")
		b.wantMessage(second, "1 is mine")
	})
}

func TestOnlyIdentitiesThatAreApartShare(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		identifier := &testIdentifier{}
		for _, step := range []struct {
			id   Identity
			want error
		}{{1, nil}, {2, nil}, {3, ErrExhausted}, {4, nil}} {
			claim := Claim{Client: claimOf("203.0.113.1").Client, Identity: step.id, Identifier: identifier}
			if _, err := b.TryAcquire(claim); !errors.Is(err, step.want) {
				t.Errorf("identity %d: %v, want %v", step.id, err, step.want)
			}
		}
	})
}
