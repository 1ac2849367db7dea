package driver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// served notes who has had a turn.
type served struct {
	mu  sync.Mutex
	who []string
}

// wait queues for each client in turn and notes the order in which they are
// served, once the first turn is given back.
func (s *served) wait(t *testing.T, q *hashQueue, clients ...string) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() {
			if err := q.enter(t.Context(), addr(client)); err != nil {
				t.Errorf("%s: %v", client, err)
				return
			}
			s.mu.Lock()
			s.who = append(s.who, client)
			s.mu.Unlock()
			q.leave(addr(client), false)
		})
		synctest.Wait()
	}
	return &all
}

func TestAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		right, wrong []string // what addresses did before
		clients      []string
		want         []string
	}{
		"one after the other": {
			clients: []string{"10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.2"},
			want:    []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.1"},
		},
		"attackers wait": {
			right:   []string{"10.0.0.3"},
			wrong:   []string{"10.0.0.1"},
			clients: []string{"10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"},
			want:    []string{"10.0.0.3", "10.0.0.2", "10.0.0.1", "10.0.0.1"},
		},
		"a /64 is one client": {
			clients: []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"},
			want:    []string{"2001:db8::1", "2001:db8:0:1::1", "2001:db8::2", "2001:db8::3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q, s := newHashQueue(1), &served{}
				for _, client := range test.right {
					q.memory.note(addr(client), true, time.Now())
				}
				for _, client := range test.wrong {
					q.memory.note(addr(client), false, time.Now())
				}
				if err := q.enter(t.Context(), addr("192.0.2.1")); err != nil {
					t.Fatal(err)
				}
				all := s.wait(t, q, test.clients...)
				q.leave(addr("192.0.2.1"), true)
				all.Wait()
				if !slices.Equal(s.who, test.want) {
					t.Errorf("served %v, want %v", s.who, test.want)
				}
				if q.running != 0 || q.waiting != 0 || len(q.lines) != 0 {
					t.Errorf("%d run, %d wait in %d lines after the end", q.running, q.waiting, len(q.lines))
				}
			})
		})
	}
}

func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newHashQueue(1)
		ctx, cancel := context.WithCancel(t.Context())
		q.enter(ctx, addr("192.0.2.1"))
		var all sync.WaitGroup
		for range maxLine {
			all.Go(func() { q.enter(ctx, addr("10.0.0.1")) })
		}
		synctest.Wait()
		err := q.enter(ctx, addr("10.0.0.1"))
		if err != TooManyAttempts || !errors.Is(err, ErrDenied) {
			t.Errorf("one more than %d from one address: %v, want TooManyAttempts", maxLine, err)
		}
		client := addr("10.1.0.0")
		for q.waiting < maxWaiting/4 {
			client = client.Next()
			all.Go(func() { q.enter(ctx, client) })
			synctest.Wait()
		}
		q.memory.note(addr("10.0.0.2"), false, time.Now())
		if err := q.enter(ctx, addr("10.0.0.2")); err != TooManyAttempts {
			t.Errorf("an attacker when %d wait: %v, want TooManyAttempts", q.waiting, err)
		}
		all.Go(func() { q.enter(ctx, addr("10.0.0.3")) })
		synctest.Wait()
		if q.waiting != maxWaiting/4+1 {
			t.Errorf("%d wait, want the one more that has done nothing wrong", q.waiting)
		}
		cancel()
		all.Wait()
		if q.waiting != 0 || len(q.lines) != 0 || q.running != 1 {
			t.Errorf("%d run, %d wait in %d lines after all have left", q.running, q.waiting, len(q.lines))
		}
	})
}

func TestOutcomesAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	var o lastOutcomes
	now := time.Now()
	client := addr("10.0.0.0")
	for range 1_000_000 {
		client = client.Next()
		o.note(client, false, now)
	}
	if got := len(o.young) + len(o.old); got > 2*maxOutcomes {
		t.Errorf("%d outcomes are remembered, want %d at the most", got, 2*maxOutcomes)
	}
	if got := o.rank(client, now.Add(outcomeLife)); got != rankWrong {
		t.Errorf("rank %d after %v, want wrong", got, outcomeLife)
	}
	if got := o.rank(client, now.Add(2*outcomeLife)); got != rankUnknown {
		t.Errorf("rank %d after %v, want unknown", got, 2*outcomeLife)
	}
}

// A right password is not computed twice because two addresses send it.
func TestWhatAnotherClientHasFoundIsNotComputedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, c := newVerifier(time.Minute, 1), &counter{right: "correct"}
		var all sync.WaitGroup
		release := make(chan struct{})
		for _, client := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			all.Go(func() {
				ok, err := v.verify(t.Context(), addr(client), "alice", "correct", func(password string) bool {
					<-release
					return c.match(password)
				})
				if !ok || err != nil {
					t.Errorf("%s: %v, %v", client, ok, err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if got := c.asked.Load(); got != 1 {
			t.Errorf("asked %d times, want once", got)
		}
	})
}
