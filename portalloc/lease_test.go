package portalloc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestLeaseGetsItsConnection(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		first, second := b.try("203.0.113.1"), b.try("2001:db8::1")
		b.connect(second, "2001:db8::1", "two")
		b.connect(first, "::ffff:203.0.113.1", "one")
		b.wantMessage(first, "one")
		b.wantMessage(second, "two")
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Connected, Connected}) {
			t.Errorf("outcomes %v", got)
		}
		if peer := b.events[0].Peer.String(); peer != "[2001:db8::1]:50000" {
			t.Errorf("the event's peer is %s", peer)
		}
	})
}

func TestAcceptWaitsForTheConnection(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		go func() {
			time.Sleep(time.Second)
			if conn, err := b.net.dial(7, "203.0.113.1"); err == nil {
				fmt.Fprint(conn, "hello")
				conn.Close()
			}
		}()
		b.wantMessage(l, "hello")
	})
}

func TestAcceptReturnsAConnectionOnce(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
		if _, err := l.Accept(t.Context()); !errors.Is(err, ErrAccepted) {
			t.Errorf("second Accept: %v; want ErrAccepted", err)
		}
	})
}

func TestAcceptEndsWithItsContextAndMayBeCalledAgain(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		cause := errors.New("the client sent ABOR")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := l.Accept(ctx); !errors.Is(err, cause) {
			t.Errorf("Accept: %v; want the context's cause", err)
		}
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
	})
}

func TestUnusedLeaseExpires(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, AcceptTimeout: 10 * time.Second}, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		start := time.Now()
		_, err := l.Accept(t.Context())
		if after := time.Since(start); !errors.Is(err, ErrNotConnected) || after != 10*time.Second {
			t.Errorf("Accept: %v after %v; want ErrNotConnected after 10 s", err, after)
		}
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Expired}) {
			t.Errorf("outcomes %v; want expired", got)
		}
		if b.events[0].Held != 10*time.Second {
			t.Errorf("held for %v; want 10 s", b.events[0].Held)
		}
		b.try("203.0.113.1")
	})
}

func TestManyLeasesExpireTogether(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}, AcceptTimeout: time.Second}, func(t *testing.T, b *testbed) {
		const leases = 3*sweepBatch + 1
		for i := range leases {
			b.try(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := b.Snapshot().Totals.Outcomes[Expired]; got != leases {
			t.Errorf("%d leases have expired; want %d", got, leases)
		}
	})
}

func TestCloseOfALease(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		pending := b.try("203.0.113.1")
		pending.Close()
		pending.Close()
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Cancelled}) {
			t.Errorf("outcomes %v; want cancelled once", got)
		}
		untaken := b.try("203.0.113.1")
		client := b.connect(untaken, "203.0.113.1", "")
		untaken.Close()
		b.wantClosed(client)
		if _, err := untaken.Accept(t.Context()); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Accept: %v; want ErrNotConnected", err)
		}
	})
}

func TestWrongPeerIsRefusedAndDisturbsNothing(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		l, other := b.try("203.0.113.1"), b.try("203.0.113.2")
		b.wantClosed(b.connect(l, "198.51.100.9", ""))
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
		b.wantClosed(b.connect(l, "203.0.113.1", "")) // the lease is over

		time.Sleep(time.Minute)
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Connected, WrongPeer}) {
			t.Errorf("outcomes %v; want connected, then wrong_peer of %v", got, other.claim.Client)
		}
		if got := b.Snapshot(); got.Totals.Refused != 2 || got.Ports[0].Counters.Refused != 2 {
			t.Errorf("refused %d in all, %d on the port; want 2", got.Totals.Refused, got.Ports[0].Counters.Refused)
		}
		b.wantClosed(b.connect(l, "198.51.100.9", ""))
		b.mu.Lock()
		defer b.mu.Unlock()
		for i, want := range []struct {
			peer     string
			expected bool
		}{{"198.51.100.9", true}, {"203.0.113.1", true}, {"198.51.100.9", false}} {
			if i >= len(b.refusals) || b.refusals[i].Peer.Addr().String() != want.peer || b.refusals[i].Expected != want.expected || b.refusals[i].Port != 7 {
				t.Fatalf("refusal %d of %+v; want one of %+v on port 7", i, b.refusals, want)
			}
		}
	})
}

func TestLeaseIsExpiredWhenStraysCameBeforeIt(t *testing.T) {
	inBubble(t, Options{Ports: PortList{{7, 7}}}, func(t *testing.T, b *testbed) {
		conn, err := b.net.dial(7, "198.51.100.9")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.wantClosed(conn)
		b.try("203.0.113.1")
		time.Sleep(time.Minute)
		if got := b.outcomes(); !slices.Equal(got, []Outcome{Expired}) {
			t.Errorf("outcomes %v; want expired", got)
		}
	})
}

func TestTenThousandWrongPeers(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	opts := Options{Ports: PortList{{7, 7}}, Logger: zap.New(core)}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		const connections = 10_000
		for range connections {
			conn, err := b.net.dial(7, "198.51.100.9")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Fatal("a wrong peer was sent something")
			}
			conn.Close()
		}
		b.connect(l, "203.0.113.1", "hello")
		b.wantMessage(l, "hello")
		if got := b.Snapshot().Totals.Refused; got != connections {
			t.Errorf("refused %d; want %d", got, connections)
		}
		if n := logs.Len(); n != 1 {
			t.Errorf("%d messages within a second; want 1", n)
		}
		time.Sleep(time.Second)
		b.wantClosed(b.connect(l, "198.51.100.9", ""))
		if all := logs.All(); len(all) != 2 || all[1].ContextMap()["not_logged"] != uint64(connections-1) {
			t.Errorf("after a second: %v; want a message that counts the others", all)
		}
	})
}

func TestOutcomesHaveNames(t *testing.T) {
	t.Parallel()
	want := []string{"connected", "expired", "wrong_peer", "tls_mismatch", "replaced", "cancelled", "reclaimed", "unknown (7)"}
	for i, name := range want {
		if got := Outcome(i).String(); got != name {
			t.Errorf("outcome %d is %q; want %q", i, got, name)
		}
	}
}

func TestWaitHistogramBuckets(t *testing.T) {
	t.Parallel()
	for waited, bucket := range map[time.Duration]int{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 10 * time.Millisecond: 2,
		100 * time.Millisecond: 3, time.Second: 4, 5 * time.Second: 5, 5*time.Second + 1: 6, time.Hour: 6,
	} {
		var h WaitHistogram
		h.add(waited)
		if h[bucket] != 1 {
			t.Errorf("%v is counted in %v; want bucket %d", waited, h, bucket)
		}
	}
}
