package portalloc

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestMaxPerAddress(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 9}}, MaxPerAddress: 2}, func(t *testing.T, b *testbed) {
		first := b.try("203.0.113.1")
		second := b.try("203.0.113.1")
		for range 2 {
			if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrTooMany) {
				t.Fatalf("a third lease: %v; want ErrTooMany", err)
			}
		}
		if _, err := b.Acquire(t.Context(), claimOf("::ffff:203.0.113.1")); !errors.Is(err, ErrTooMany) {
			t.Errorf("a third lease, waiting for it: %v; want ErrTooMany", err)
		}
		if got := b.Snapshot().Totals; got.TooMany != 3 || got.Exhausted != 0 {
			t.Errorf("too many %d, exhausted %d; want 3 and 0", got.TooMany, got.Exhausted)
		}
		b.try("203.0.113.2").Close() // another address
		b.connect(first, "203.0.113.1", "hello")
		third := b.try("203.0.113.1") // a connection that runs does not count
		claim := claimOf("203.0.113.1")
		claim.Replaces = second
		if _, err := b.TryAcquire(claim); err != nil {
			t.Errorf("one in the place of another: %v; want a lease", err)
		}
		third.Close()
		third.Close()
		b.try("203.0.113.1")
		if _, err := b.TryAcquire(claimOf("203.0.113.1")); !errors.Is(err, ErrTooMany) {
			t.Errorf("one too many at the end: %v; want ErrTooMany", err)
		}
	})
}

func TestMaxPerAddressCountsIPv6Networks(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 9}}, MaxPerAddress: 1}, func(t *testing.T, b *testbed) {
		b.try("2001:db8:0:1::1")
		if _, err := b.TryAcquire(claimOf("2001:db8:0:1:ffff::2")); !errors.Is(err, ErrTooMany) {
			t.Errorf("from the same /64: %v; want ErrTooMany", err)
		}
		b.try("2001:db8:0:2::1")
	})
}

// Those who wait for a port count, and are not counted twice when they get it.
func TestMaxPerAddressCountsThoseWhoWait(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, MaxPerAddress: 3}, func(t *testing.T, b *testbed) {
		held := b.try("203.0.113.1")
		served, left := b.wait(claimOf("203.0.113.1")), b.wait(claimOf("203.0.113.1"))
		if _, err := b.Acquire(t.Context(), claimOf("203.0.113.1")); !errors.Is(err, ErrTooMany) {
			t.Fatalf("a third: %v; want ErrTooMany", err)
		}
		left.cancel()
		synctest.Wait()
		b.wait(claimOf("203.0.113.1"))
		held.Close()
		synctest.Wait()
		if !served.done || served.err != nil {
			t.Fatalf("the first who waits: %v; want its turn", served.err)
		}
		b.wantCounts(1, 1)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wantCounts(0, 0)
	})
}

func (b *testbed) wantCounts(leases, waiters int) {
	b.t.Helper()
	b.Allocator.mu.Lock()
	defer b.Allocator.mu.Unlock()
	client := netip.MustParseAddr("203.0.113.1")
	if gotLeases, gotWaiters := b.claims.clients.of(client), b.queue.clients.of(client); gotLeases != leases || gotWaiters != waiters {
		b.t.Errorf("%d leases and %d waiters are counted; want %d and %d", gotLeases, gotWaiters, leases, waiters)
	}
	if n := len(b.claims.clients) + len(b.queue.clients); n != min(leases, 1)+min(waiters, 1) {
		b.t.Errorf("counts are kept for %d addresses", n)
	}
}
