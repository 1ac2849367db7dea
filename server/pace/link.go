package pace

import (
	"sync"
	"time"
)

const (
	// interval is how long a Link's rate takes to move what it grants in one
	// round, a share to each of its flows.
	interval = 100 * time.Millisecond
	// minShare and maxShare bound what is granted at once: the smaller, the
	// more often transfers wait; the larger, the rougher the pace.
	minShare = 4 << 10
	maxShare = 4 << 20
)

// Link is a rate that flows share evenly: those of a session, of a user, or of
// everybody. Its methods may be called concurrently.
//
// Each flow takes one share at a time and takes the next when that is used up.
// Links serve in the order of asking and give each flow the same share, so
// flows that want more than there is get equal parts, and what a slow one
// leaves goes to the others.
type Link struct {
	mu     sync.Mutex
	bucket bucket
	flows  int
}

// NewLink returns a link for so many bytes per second, nil for 0. A new link, as
// one that was idle, lets a tenth of that through at once, and 4 KiB in any case.
func NewLink(rate int64) *Link {
	if rate <= 0 {
		return nil
	}
	l := &Link{}
	l.SetRate(rate)
	return l
}

// SetRate changes the rate, which must be more than 0.
func (l *Link) SetRate(rate int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket.rate = float64(rate)
	l.bucket.burst = max(interval, l.bucket.worth(minShare))
}

// IsIdle says that nobody uses the link, and that a new one would let no more
// through. A nil link is idle.
func (l *Link) IsIdle(now time.Time) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flows == 0 && l.bucket.isFull(now)
}

// share is what one flow may take at once.
func (l *Link) share() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	share := l.bucket.rate * interval.Seconds() / float64(max(1, l.flows))
	return int64(min(max(share, minShare), maxShare))
}

func (l *Link) take(now time.Time, n int64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bucket.take(now, n)
}

func (l *Link) join() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flows++
}

func (l *Link) leave(unused int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flows--
	l.bucket.giveBack(unused)
}
