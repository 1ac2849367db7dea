package portalloc

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// missPort connects a client to some port and lets leases on another expire
// until that has been missed so many times.
func (b *testbed) missPort(client string, port uint16, times int) {
	b.t.Helper()
	elsewhere := b.untilPort(client, func(got uint16) bool { return got != port })
	b.connect(elsewhere, client, "")
	elsewhere.Close()
	for range times {
		b.untilPort(client, func(got uint16) bool { return got == port })
		time.Sleep(30 * time.Second)
		synctest.Wait()
	}
}

// untilPort returns a lease on a port that is wanted; chance decides which
// comes when.
func (b *testbed) untilPort(client string, wanted func(uint16) bool) *Lease {
	b.t.Helper()
	for range 10_000 {
		l := b.try(client)
		if wanted(l.Port()) {
			return l
		}
		l.Close()
	}
	b.t.Fatal("the port never came up")
	return nil
}

func TestPortThatANetworkNeverReachesIsAvoided(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	opts := Options{Ports: PortList{{1, 4}}, Logger: zap.New(core)}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		b.missPort("203.0.113.1", 3, missesToAvoid)
		for range 100 {
			l := b.try("203.0.113.77") // of the same network
			if l.Port() == 3 {
				t.Fatal("a port that the network never reaches is lent while others are free")
			}
			l.Close()
		}
		unreached := b.Snapshot().Unreached
		if len(unreached) != 1 || unreached[0].Network.String() != "203.0.113.0/24" || unreached[0].Ports.String() != "3" {
			t.Errorf("unreached %v; want port 3 of 203.0.113.0/24", unreached)
		}
		if n := logs.FilterMessageSnippet("never reached").Len(); n != 1 {
			t.Errorf("%d warnings; want 1", n)
		}
		for range 4 {
			b.try("203.0.113.2") // the fourth takes the port all the same
		}
	})
}

func TestAvoidedPortIsTriedAgain(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		b.missPort("203.0.113.1", 2, missesToAvoid)
		time.Sleep(avoidFor)
		if got := b.Snapshot().Unreached; len(got) != 0 {
			t.Errorf("unreached %v; want nothing after a while", got)
		}
		again := b.untilPort("203.0.113.1", func(port uint16) bool { return port == 2 })
		b.connect(again, "203.0.113.1", "") // somebody has mended the firewall
		again.Close()
		b.missPort("203.0.113.1", 2, missesToAvoid-1)
		if got := b.Snapshot().Unreached; len(got) != 0 {
			t.Errorf("unreached %v; want a new count after a connection", got)
		}
	})
}

func TestOtherNetworksAvoidNothing(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		b.missPort("203.0.113.1", 2, missesToAvoid)
		b.untilPort("198.51.100.1", func(port uint16) bool { return port == 2 })
	})
}

func TestNetworkThatReachesNothingAvoidsNothing(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}, AcceptTimeout: time.Second}, func(t *testing.T, b *testbed) {
		for range 20 {
			b.try("203.0.113.1")
			time.Sleep(2 * time.Second)
		}
		if got := b.Snapshot().Unreached; len(got) != 0 {
			t.Errorf("unreached %v; want nothing: the fault is not in the range", got)
		}
	})
}

func TestMemoryOfNetworksAndPortsIsBounded(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{10000, 11000}}, AcceptTimeout: time.Second}, func(t *testing.T, b *testbed) {
		for i := range knownNetworks + 100 {
			l := b.try(fmt.Sprintf("10.%d.%d.1", i/256, i%256))
			b.connect(l, l.claim.Client.String(), "")
			l.Close()
		}
		for range knownMisses + 100 {
			b.try("2001:db8::1")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(b.reach.networks); n > knownNetworks {
			t.Errorf("%d networks are remembered; want %d at most", n, knownNetworks)
		}
		if n := len(b.reach.network(claimOf("2001:db8::1").Client).missed); n != knownMisses {
			t.Errorf("%d missed ports are remembered; want %d", n, knownMisses)
		}
	})
}

func TestClosedPortIsForgotten(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{1, 2}}}, func(t *testing.T, b *testbed) {
		b.missPort("203.0.113.1", 2, missesToAvoid)
		if err := resize(b, PortList{{1, 1}}, nil); err != nil {
			t.Fatal(err)
		}
		if got := b.Snapshot().Unreached; len(got) != 0 {
			t.Errorf("unreached %v; want nothing of a port that is no more", got)
		}
	})
}

func TestNetworkOfAClient(t *testing.T) {
	t.Parallel()
	for client, want := range map[string]string{
		"203.0.113.77":      "203.0.113.0/24",
		"2001:db8:1:2:3::4": "2001:db8:1::/48",
	} {
		if got := networkOf(claimOf(client).Client).String(); !strings.EqualFold(got, want) {
			t.Errorf("network of %s is %s; want %s", client, got, want)
		}
	}
}
