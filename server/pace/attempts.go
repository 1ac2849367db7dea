package pace

import (
	"sync"
	"time"
)

// Attempts holds each of many to so many attempts per minute. Its methods may be
// called concurrently, and nil lets everything pass.
//
// Whoever has made no attempt for a minute is forgotten, and under an attack
// from very many those whose last attempt is the oldest: memory is bounded.
type Attempts[K comparable] struct {
	perMinute int

	mu            sync.Mutex
	recent, older map[K]bucket
	turned        time.Time // when recent was begun
}

// maxRemembered bounds recent and older each.
const maxRemembered = 1 << 16

// NewAttempts returns a limit of so many attempts per minute, all of which may
// be made at once, nil for 0.
func NewAttempts[K comparable](perMinute int) *Attempts[K] {
	if perMinute <= 0 {
		return nil
	}
	return &Attempts[K]{perMinute: perMinute, recent: make(map[K]bucket), older: make(map[K]bucket)}
}

// Take counts an attempt, unless there were too many: then it returns false and
// the attempt does not count.
func (a *Attempts[K]) Take(now time.Time, who K) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.turned) >= time.Minute || len(a.recent) >= maxRemembered {
		a.recent, a.older, a.turned = make(map[K]bucket), a.recent, now
	}
	b, known := a.recent[who]
	if !known {
		if b, known = a.older[who]; !known {
			b = bucket{rate: float64(a.perMinute) / 60, burst: time.Minute}
		}
	}
	ok := b.has(now, 1)
	if ok {
		b.take(now, 1)
	}
	a.recent[who] = b
	return ok
}
