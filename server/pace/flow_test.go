package pace

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// mover is a transfer that moves as much as it may until the time is over.
type mover struct {
	links []*Link
	piece int64         // what it moves at once
	pause time.Duration // how long its client takes for a piece
	moved int64         // after warmUp
}

// warmUp is when all have begun, and the burst of the beginning is over.
const warmUp = 10 * time.Second

// run lets all movers move for warmUp and then so long, in time that is the
// test's.
func run(t *testing.T, duration time.Duration, movers ...*mover) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), warmUp+duration)
	defer cancel()
	var all sync.WaitGroup
	for _, m := range movers {
		all.Go(func() { m.run(ctx) })
	}
	all.Wait()
}

func (m *mover) run(ctx context.Context) {
	flow := NewFlow(m.links...)
	defer flow.Close()
	start := time.Now()
	for {
		n, err := flow.Await(ctx, m.piece)
		if err != nil || ctx.Err() != nil {
			return
		}
		flow.Spend(n)
		if time.Since(start) > warmUp {
			m.moved += n
		}
		time.Sleep(m.pause)
	}
}

// wantMoved allows for what is on the way.
func wantMoved(t *testing.T, what string, got, want int64) {
	t.Helper()
	if difference := got - want; difference < -want/50 || difference > want/50 {
		t.Errorf("%s moved %d bytes, want about %d", what, got, want)
	}
}

const (
	mebi    = 1 << 20
	aMinute = time.Minute
)

func TestOneFlowKeepsTheRate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ rate, piece int64 }{
		"slow":             {10_000, 1 << 16},
		"usual":            {mebi, 4 * mebi},
		"in small pieces":  {mebi, 100},
		"in odd pieces":    {mebi, 99_991},
		"very fast":        {10 << 30, 4 * mebi},
		"as fast as it is": {1 << 62, 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				link := NewLink(test.rate)
				flow := NewFlow(link)
				defer flow.Close()
				start, moved := time.Now(), int64(0)
				for range 2000 {
					n, err := flow.Await(t.Context(), test.piece)
					if err != nil || n < 1 || n > min(test.piece, maxShare) {
						t.Fatalf("Await: %d, %v", n, err)
					}
					flow.Spend(n)
					moved += n
				}
				burst := max(test.rate/10, minShare) + int64(float64(test.rate)*shortest.Seconds())
				least := float64(moved-burst) / float64(test.rate)
				most := float64(moved) / float64(test.rate)
				if took := time.Since(start).Seconds(); took < least || took > most+0.1 {
					t.Errorf("%d bytes took %v s, want %v to %v", moved, took, least, most)
				}
			})
		})
	}
}

func TestFlowsShareEvenly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := []*Link{NewLink(10 * mebi)}
		hasty := &mover{links: all, piece: 4 * mebi}
		petty := &mover{links: all, piece: 1000}
		run(t, aMinute, hasty, petty)
		wantMoved(t, "one in large pieces", hasty.moved, 300*mebi)
		wantMoved(t, "one in small pieces", petty.moved, 300*mebi)
	})
}

func TestManyFlowsShareEvenly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := []*Link{NewLink(50 * mebi)}
		var movers []*mover
		for range 100 {
			movers = append(movers, &mover{links: all, piece: 4 * mebi})
		}
		run(t, aMinute, movers...)
		for _, m := range movers {
			wantMoved(t, "one of a hundred", m.moved, 30*mebi)
		}
	})
}

// What one may not or cannot use is for the others.
func TestWhatOneLeavesGoesToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := NewLink(10 * mebi)
		limited := &mover{links: []*Link{NewLink(mebi), nil, all}, piece: 4 * mebi}
		slow := &mover{links: []*Link{nil, all}, piece: 64 << 10, pause: time.Second / 16} // 1 MiB/s
		fast := &mover{links: []*Link{all}, piece: 4 * mebi}
		run(t, aMinute, limited, slow, fast)
		wantMoved(t, "one with a limit of its own", limited.moved, 60*mebi)
		wantMoved(t, "the fast one", fast.moved, 600*mebi-limited.moved-slow.moved)
		if slow.moved < 40*mebi { // it moves nothing while it waits for its turn
			t.Errorf("the slow one moved %d bytes of the %d that it could", slow.moved, 60*mebi)
		}
	})
}

func TestUsersShareInAllAndSessionsShareAUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, user := NewLink(10*mebi), NewLink(2*mebi)
		first := &mover{links: []*Link{user, all}, piece: 4 * mebi}
		second := &mover{links: []*Link{user, all}, piece: 4 * mebi}
		other := &mover{links: []*Link{all}, piece: 4 * mebi}
		run(t, aMinute, first, second, other)
		wantMoved(t, "the user's first session", first.moved, 60*mebi)
		wantMoved(t, "the user's second session", second.moved, 60*mebi)
		wantMoved(t, "the other user", other.moved, 480*mebi)
	})
}

// Transfers of small files give back what they do not need.
func TestSmallFilesCostWhatTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(mebi)
		start, moved := time.Now(), int64(0)
		for moved < 10*mebi {
			flow := NewFlow(link)
			n, err := flow.Await(t.Context(), 1024)
			if err != nil {
				t.Fatal(err)
			}
			flow.Spend(n)
			moved += n
			flow.Close()
		}
		if took := time.Since(start); took < 9800*time.Millisecond || took > 10*time.Second {
			t.Errorf("10 MiB in files of 1 KiB took %v at 1 MiB a second", took)
		}
	})
}

func TestAnAbortEndsTheWaitAndGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(1000)
		cause := errors.New("aborted")
		ctx, cancel := context.WithCancelCause(t.Context())
		flow := NewFlow(link)
		n, _ := flow.Await(ctx, mebi)
		flow.Spend(n)
		time.AfterFunc(time.Second, func() { cancel(cause) })
		start := time.Now()
		if _, err := flow.Await(ctx, mebi); !errors.Is(err, cause) {
			t.Fatalf("Await: %v, want %v", err, cause)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("the wait ended after %v, want 1s", took)
		}
		flow.Close()
		flow.Close()
		if link.IsIdle(time.Now()) {
			t.Error("the link is idle though it has not earned what was moved")
		}
		time.Sleep(time.Duration(n) * time.Millisecond)
		if !link.IsIdle(time.Now()) {
			t.Error("the link is not idle after the time that what was moved takes")
		}
	})
}

func TestSetRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		link := NewLink(1)
		link.SetRate(mebi)
		m := &mover{links: []*Link{link}, piece: mebi}
		run(t, aMinute, m)
		wantMoved(t, "one after the change", m.moved, 60*mebi)
	})
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	if NewLink(0) != nil || NewLink(-1) != nil {
		t.Error("there is a link without a rate")
	}
	flow := NewFlow(nil, NewLink(0))
	if flow != nil {
		t.Error("there is a flow without a link")
	}
	if n, err := flow.Await(t.Context(), 7<<40); n != 7<<40 || err != nil {
		t.Errorf("Await: %d, %v", n, err)
	}
	flow.Spend(7 << 40)
	flow.Close()
}
