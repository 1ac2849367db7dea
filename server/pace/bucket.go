package pace

import (
	"math"
	"time"
)

// bucket is a token bucket. What is in it is worth the time from paid to now,
// though never more than burst.
type bucket struct {
	rate  float64       // tokens per second
	burst time.Duration // worth of a full bucket
	paid  time.Time     // when all that was taken is earned
}

// take takes n tokens, and says how long it is until they are there.
func (b *bucket) take(now time.Time, n int64) time.Duration {
	if full := now.Add(-b.burst); b.paid.Before(full) {
		b.paid = full
	}
	b.paid = b.paid.Add(b.worth(n))
	return max(0, b.paid.Sub(now))
}

// has says whether n tokens are there.
func (b *bucket) has(now time.Time, n int64) bool {
	paid := b.paid
	if full := now.Add(-b.burst); paid.Before(full) {
		paid = full
	}
	return !paid.Add(b.worth(n)).After(now)
}

// giveBack returns tokens that were taken and not used.
func (b *bucket) giveBack(n int64) { b.paid = b.paid.Add(-b.worth(n)) }

// isFull says whether the bucket is as good as a new one.
func (b *bucket) isFull(now time.Time) bool { return !b.paid.After(now.Add(-b.burst)) }

// worth is how long it takes to earn n tokens.
func (b *bucket) worth(n int64) time.Duration {
	return time.Duration(math.Min(float64(n)/b.rate*float64(time.Second), float64(math.MaxInt64/4)))
}
