package portalloc

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// goneList notes which ports were let go of.
type goneList struct {
	mu    sync.Mutex
	ports []uint16
}

func (g *goneList) add(port uint16) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ports = append(g.ports, port)
}

func (g *goneList) list() PortList {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return portListOf(slices.Clone(g.ports))
}

func TestYieldKeepsPortsWithLeases(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 4}}}, func(t *testing.T, b *testbed) {
		var gone goneList
		l := b.try("203.0.113.1")
		b.Yield(1, gone.add)
		if got := gone.list(); got.Len() != 3 || got.Contains(l.Port()) {
			t.Errorf("gone are %v, want all but %d", got, l.Port())
		}
		if got := b.net.bound(); got.Len() != 1 || !got.Contains(l.Port()) {
			t.Errorf("bound %v, want %d", got, l.Port())
		}
		if again := b.try("203.0.113.2"); again.Port() != l.Port() {
			t.Errorf("port %d was granted, and %d is kept", again.Port(), l.Port())
		}
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
	})
}

func TestLeaseOnAYieldedPortRunsOn(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		var gone goneList
		leases := []*Lease{b.untilPort("203.0.113.1", func(p uint16) bool { return p == 1 }), b.untilPort("203.0.113.2", func(p uint16) bool { return p == 2 })}
		b.Yield(1, gone.add)
		b.Yield(0, gone.add)
		if got := gone.list(); got.Len() != 0 {
			t.Errorf("gone are %v while there are leases on them", got)
		}
		if _, err := b.TryAcquire(Claim{Client: netip.MustParseAddr("203.0.113.9")}); !errors.Is(err, ErrExhausted) {
			t.Errorf("a lease was granted: %v", err)
		}
		for i, l := range leases {
			b.connect(l, l.claim.Client.String(), "hello")
			b.wantMessage(l, "hello")
			if got := gone.list(); got.Len() != i+1 || !got.Contains(l.Port()) {
				t.Errorf("gone are %v after the lease on %d", got, l.Port())
			}
		}
	})
}

func TestYieldOfTheOnlyPortDoesNotTakeLong(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 1}}, AcceptTimeout: time.Hour, ReclaimAfter: 2 * time.Second}, func(t *testing.T, b *testbed) {
		var gone goneList
		b.try("203.0.113.1")
		time.Sleep(time.Second)
		b.try("203.0.113.2")
		b.Yield(0, gone.add)
		time.Sleep(2*time.Second - time.Millisecond)
		if got := gone.list(); got.Len() != 0 {
			t.Error("the port went before its leases were due")
		}
		time.Sleep(time.Millisecond)
		if got := gone.list(); got.Len() != 1 {
			t.Error("leases that nobody connects to hold the only port")
		}
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Reclaimed, Reclaimed}) {
			t.Errorf("outcomes %v", got)
		}
	})
}

func TestYieldOfPortsThatWereNeverBound(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, lazyBindThreshold + 1}}}, func(t *testing.T, b *testbed) {
		var gone goneList
		b.try("203.0.113.1")
		b.Yield(1, gone.add)
		if got := gone.list(); got.Len() != lazyBindThreshold {
			t.Errorf("%d ports are gone, want all but one", got.Len())
		}
		b.Close()
		b.Yield(0, func(port uint16) { t.Errorf("port %d goes after Close", port) })
	})
}

func TestSuspendedPortsAreNotUsed(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}, Suspended: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		if got := b.net.bound().String(); got != "1-2" {
			t.Errorf("bound %s, want both: the sockets are there", got)
		}
		w := b.wait(Claim{Client: netip.MustParseAddr("203.0.113.1")})
		b.Resume(PortList{{7, 7}})
		synctest.Wait()
		if w.done {
			t.Fatalf("got %v, %v while all ports are suspended", w.lease, w.err)
		}
		b.Resume(PortList{{2, 2}})
		synctest.Wait()
		if !w.done || w.err != nil || w.lease.Port() != 2 {
			t.Fatalf("got %v, want port 2", w.err)
		}
		b.connect(w.lease, "203.0.113.1", "hello")
		b.wantMessage(w.lease, "hello")
		for range 8 {
			if l := b.try("203.0.113.1"); l.Port() != 2 {
				t.Errorf("suspended port %d was granted", l.Port())
			} else {
				l.Close()
			}
		}
		b.Resume(PortList{{1, 2}})
		b.untilPort("203.0.113.1", func(port uint16) bool { return port == 1 })
	})
}
