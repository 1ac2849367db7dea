package pace

import (
	"context"
	"time"
)

// shortest is the shortest wait that is worth a timer. The link remembers what
// was not waited for.
const shortest = time.Millisecond

// Flow is one transfer in one direction, which goes through several links and
// is as slow as the slowest of them. One goroutine uses it. A nil Flow moves
// whatever it is asked for at once.
type Flow struct {
	links  []*Link
	joined bool
	left   int64 // of the share that was taken
}

// NewFlow returns a flow through these links, of which some or all may be nil.
// Without any it is nil.
func NewFlow(links ...*Link) *Flow {
	var f Flow
	for _, l := range links {
		if l != nil {
			f.links = append(f.links, l)
		}
	}
	if len(f.links) == 0 {
		return nil
	}
	return &f
}

// Await waits until something may be moved, and returns how much: at most want,
// and at least 1 unless want is 0. The caller tells Spend what it has moved. It
// returns ctx's cause if that is done first.
func (f *Flow) Await(ctx context.Context, want int64) (int64, error) {
	if f == nil || want <= 0 {
		return want, nil
	}
	if f.left == 0 {
		if err := f.wait(ctx, f.take(time.Now())); err != nil {
			return 0, err
		}
	}
	return min(want, f.left), nil
}

// take takes a share from every link, and says how long it is until it may be
// used.
func (f *Flow) take(now time.Time) (wait time.Duration) {
	if !f.joined {
		f.joined = true
		for _, l := range f.links {
			l.join()
		}
	}
	f.left = maxShare
	for _, l := range f.links {
		f.left = min(f.left, l.share())
	}
	for _, l := range f.links {
		wait = max(wait, l.take(now, f.left))
	}
	return wait
}

func (f *Flow) wait(ctx context.Context, d time.Duration) error {
	if d < shortest {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Spend says that n bytes have been moved of those that Await has allowed.
func (f *Flow) Spend(n int64) {
	if f != nil {
		f.left -= n
	}
}

// Close gives back what was not used. The flow may be used again.
func (f *Flow) Close() {
	if f == nil || !f.joined {
		return
	}
	for _, l := range f.links {
		l.leave(f.left)
	}
	f.joined, f.left = false, 0
}
