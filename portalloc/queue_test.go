package portalloc

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAcquireWaitsForAFreedPort(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		w := b.wait(claimOf("203.0.113.1"))
		time.Sleep(time.Second)
		held.Close()
		synctest.Wait()
		if w.err != nil || w.after != time.Second {
			t.Fatalf("Acquire: %v after %v; want a lease after 1 s", w.err, w.after)
		}
		b.connect(w.lease, "203.0.113.1", "hello")
		b.wantMessage(w.lease, "hello")
		if got := b.events[1]; got.Waited != time.Second || b.Snapshot().Waits[4] != 1 {
			t.Errorf("the event says that it waited %v, the histogram %v; want 1 s", got.Waited, b.Snapshot().Waits)
		}
	})
}

func TestAConnectionFreesThePortForTheNext(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		w := b.wait(claimOf("203.0.113.1"))
		b.connect(held, "203.0.113.1", "first")
		if !w.done || w.err != nil {
			t.Fatalf("Acquire: %v; want a lease as soon as the connection is there", w.err)
		}
		b.connect(w.lease, "203.0.113.1", "second")
		b.wantMessage(held, "first")
		b.wantMessage(w.lease, "second")
	})
}

func TestAcquireGivesUp(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, Wait: 3 * time.Second, ReclaimAfter: time.Hour}, func(t *testing.T, b *testbed) {
		b.try("203.0.113.1")
		w := b.wait(claimOf("203.0.113.1"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if !errors.Is(w.err, ErrExhausted) || w.after != 3*time.Second {
			t.Errorf("Acquire: %v after %v; want ErrExhausted after 3 s", w.err, w.after)
		}
		if got := b.Snapshot(); got.Totals.Exhausted != 1 || got.Waiting != 0 {
			t.Errorf("exhausted %d, waiting %d; want 1 and 0", got.Totals.Exhausted, got.Waiting)
		}
	})
}

func TestAcquireWithoutWaiting(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, Wait: -1}, func(t *testing.T, b *testbed) {
		b.try("203.0.113.1")
		if _, err := b.Acquire(t.Context(), claimOf("203.0.113.1")); !errors.Is(err, ErrExhausted) {
			t.Errorf("Acquire: %v; want ErrExhausted", err)
		}
		if got := b.Snapshot().Totals.Exhausted; got != 1 {
			t.Errorf("exhausted %d; want 1", got)
		}
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		first := b.wait(claimOf("203.0.113.1"))
		second := b.wait(claimOf("203.0.113.1"))
		first.cancel()
		synctest.Wait()
		if !errors.Is(first.err, context.Canceled) {
			t.Errorf("Acquire: %v; want context.Canceled", first.err)
		}
		held.Close()
		synctest.Wait()
		if !second.done || second.err != nil {
			t.Errorf("the one behind: %v; want a lease", second.err)
		}
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		var waiters []*testWaiter
		for range 5 {
			waiters = append(waiters, b.wait(claimOf("203.0.113.1")))
		}
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrExhausted) {
			t.Errorf("TryAcquire while others wait: %v; want ErrExhausted", err)
		}
		for i, w := range waiters {
			held.Close()
			synctest.Wait()
			if !w.done || w.err != nil {
				t.Fatalf("waiter %d: %v; want its turn", i, w.err)
			}
			for _, later := range waiters[i+1:] {
				if later.done {
					t.Fatalf("one behind waiter %d came first", i)
				}
			}
			held = w.lease
		}
	})
}

func TestAddressesTakeTurns(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, Sharing: SharingExclusive}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		order := make(chan netip.Addr, 5)
		for _, client := range []string{"203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.3"} {
			go func() {
				l, err := b.Acquire(t.Context(), claimOf(client))
				if err != nil {
					t.Errorf("%s: %v", client, err)
					return
				}
				order <- l.claim.Client
				l.Close()
			}()
			synctest.Wait()
		}
		held.Close()
		synctest.Wait()
		close(order)
		var got []string
		for client := range order {
			got = append(got, client.String())
		}
		want := []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.1", "203.0.113.1"}
		if !slices.Equal(got, want) {
			t.Errorf("served %v; want %v", got, want)
		}
	})
}

func TestGivingUpCostsTheAddressNoTurn(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, Sharing: SharingExclusive}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		impatient := b.wait(claimOf("203.0.113.2"))
		first, second := b.wait(claimOf("203.0.113.2")), b.wait(claimOf("203.0.113.3"))
		impatient.cancel()
		synctest.Wait()
		held.Close()
		synctest.Wait()
		if !first.done || second.done {
			t.Errorf("served: %v, %v; want the address that was there first", first.done, second.done)
		}
	})
}

func TestReplacingGivesThePortToThoseWhoWait(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		first := b.wait(claimOf("203.0.113.1"))
		again := b.wait(Claim{Client: netip.MustParseAddr("203.0.113.1"), Replaces: held})
		if !first.done || first.err != nil {
			t.Fatalf("who waited: %v; want the port of the replaced lease", first.err)
		}
		if again.done {
			t.Fatal("who replaced its lease did not wait behind the other")
		}
		first.lease.Close()
		synctest.Wait()
		if !again.done || again.err != nil {
			t.Errorf("who replaced its lease: %v; want the port in its turn", again.err)
		}
	})
}

func TestUnconnectedLeasesAreReclaimedWhileOthersWait(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, Wait: time.Minute, ReclaimAfter: 2 * time.Second}, func(t *testing.T, b *testbed) {
		b.try("203.0.113.1")
		time.Sleep(500 * time.Millisecond)
		// Each of them holds the port and never connects, so each is reclaimed
		// 2 s after its own grant.
		var waiters []*testWaiter
		for range 4 {
			waiters = append(waiters, b.wait(claimOf("203.0.113.1")))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for i, w := range waiters {
			want := 1500*time.Millisecond + time.Duration(i)*2*time.Second
			if !w.done || w.err != nil || w.after < want || w.after > want+2*reclaimPause {
				t.Errorf("waiter %d: %v after %v; want a lease after %v", i, w.err, w.after, want)
			}
		}
		if got, want := b.outcomes(), []Outcome{Reclaimed, Reclaimed, Reclaimed, Reclaimed}; !slices.Equal(got, want) {
			t.Errorf("outcomes %v; want %v: the last one is left in peace", got, want)
		}
	})
}

func TestNobodyElseIsReclaimed(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 8}}, ReclaimAfter: 2 * time.Second}, func(t *testing.T, b *testbed) {
		stranger := b.try("203.0.113.2")
		older, newer := b.try("203.0.113.1"), b.try("203.0.113.1")
		w := b.wait(claimOf("203.0.113.1"))
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if !w.done || w.err != nil {
			t.Fatalf("who waited: %v; want a lease", w.err)
		}
		states := []leaseState{stranger.state, older.state, newer.state}
		slices.Sort(states[1:]) // granted at one time: either may go
		if want := []leaseState{statePending, statePending, stateEnded}; !slices.Equal(states, want) {
			t.Errorf("states %v; want one lease of the same address to end, and no other", states)
		}
	})
}

// TestWaitersBehindOneThatGivesUp has claims of different kinds in one queue:
// a port is free for the second all the time, but the first was there before.
func TestWaitersBehindOneThatGivesUp(t *testing.T) {
	opts := Options{Ports: PortList{{7, 7}}, Identify: readIdentity, Wait: time.Minute, ReclaimAfter: time.Hour, AcceptTimeout: time.Hour}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		b.tryAs("203.0.113.1", 1)
		plain := b.wait(claimOf("203.0.113.1"))
		identified := b.wait(Claim{Client: netip.MustParseAddr("203.0.113.1"), Identity: 2})
		if plain.done || identified.done {
			t.Fatal("somebody did not wait")
		}
		plain.cancel()
		synctest.Wait()
		if !identified.done || identified.err != nil {
			t.Errorf("the one behind: %v; want a lease beside the identified one", identified.err)
		}
	})
}

func TestWaitersBehindOneThatIsServed(t *testing.T) {
	opts := Options{Ports: PortList{{7, 8}}, Identify: readIdentity, Wait: time.Minute, ReclaimAfter: time.Hour, AcceptTimeout: time.Hour}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		b.tryAs("203.0.113.1", 1)
		held := b.try("203.0.113.1")
		plain := b.wait(claimOf("203.0.113.1"))
		identified := b.wait(Claim{Client: netip.MustParseAddr("203.0.113.1"), Identity: 2})
		held.Close()
		synctest.Wait()
		if !plain.done || !identified.done || identified.lease == nil {
			t.Fatalf("served: %v, %v; want both", plain.done, identified.done)
		}
		if identified.lease.Port() == plain.lease.Port() {
			t.Errorf("both are on port %d", plain.lease.Port())
		}
	})
}

func TestWaitersOfNestedNetworks(t *testing.T) {
	policy := PeerPolicy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.0.0.0/8")}}
	opts := Options{Ports: PortList{{7, 8}}, Peer: policy, Wait: time.Minute, ReclaimAfter: time.Hour, AcceptTimeout: time.Hour}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		one, other := b.try("10.1.0.1"), b.try("10.1.0.2")
		around := b.wait(claimOf("10.2.0.1"))
		inside := b.wait(claimOf("10.1.0.3"))
		if around.done || inside.done {
			t.Fatal("somebody did not wait")
		}
		one.Close()
		synctest.Wait()
		if !around.done || inside.done {
			t.Fatalf("served: %v, %v; want the wide claim alone", around.done, inside.done)
		}
		other.Close()
		synctest.Wait()
		if !inside.done || inside.err != nil {
			t.Errorf("the narrow claim: %v; want the other port", inside.err)
		}
	})
}

func TestQueueOfManyAddresses(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		one, other := b.try("203.0.113.1"), b.try("203.0.113.2")
		w := b.wait(claimOf("203.0.113.1"))
		other.Close()
		synctest.Wait()
		if w.done {
			t.Fatal("the release of another address served a waiter")
		}
		b.try("203.0.113.3") // who does not compete need not wait
		if got := b.Snapshot().Waiting; got != 1 {
			t.Errorf("%d are waiting; want 1", got)
		}
		one.Close()
		synctest.Wait()
		if !w.done || w.err != nil {
			t.Errorf("the waiter: %v; want a lease", w.err)
		}
	})
}
