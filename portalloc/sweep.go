package portalloc

import (
	"net/netip"
	"time"
)

const (
	// reclaimPause is the least time between two searches for leases to
	// reclaim, because a search looks at every port for each who waits.
	reclaimPause = 20 * time.Millisecond
	// sweepBatch bounds how many leases expire under one hold of the lock.
	sweepBatch = 128
)

// wakeByLocked makes sure that sweep runs at t or before. One timer serves all
// leases, because they expire in the order in which they were granted.
func (a *Allocator) wakeByLocked(t time.Time) {
	if t.IsZero() || a.closed || (!a.wakeAt.IsZero() && !t.Before(a.wakeAt)) {
		return
	}
	a.wakeAt = t
	a.timer.Reset(time.Until(t))
}

// searchSoonLocked makes sure that a search for leases to reclaim follows, if
// anybody waits.
func (a *Allocator) searchSoonLocked(now time.Time) {
	if !a.queue.empty() {
		a.wakeByLocked(now.Add(reclaimPause))
	}
}

// sweep ends the leases whose time is over.
func (a *Allocator) sweep() {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return
	}
	a.running.Add(1) // so that Close waits until the observer has been told
	defer a.running.Done()
	defer a.unlock()

	now := time.Now()
	a.wakeAt = time.Time{}
	l := a.age.oldest
	for n := 0; n < sweepBatch && l != nil && !a.expiry(l).After(now); n++ {
		a.endLocked(l, Expired)
		l = a.age.oldest
	}
	a.reclaimLocked(now)
	a.reclaimOnlyPortLocked(now)
	if a.age.oldest != nil {
		a.wakeByLocked(a.expiry(a.age.oldest))
	}
}

func (a *Allocator) expiry(l *Lease) time.Time { return l.granted.Add(a.options().AcceptTimeout) }

// reclaimLocked takes ports away from leases that nobody has connected to for
// a while, one port for each who waits for it.
func (a *Allocator) reclaimLocked(now time.Time) {
	for _, group := range a.queue.groupsFor(netip.Prefix{}) {
		for w := group.first; w != nil; w = group.first {
			victims, due := a.reclaimableLocked(w)
			if len(victims) == 0 {
				break
			}
			if due.After(now) {
				a.wakeByLocked(latest(due, now.Add(reclaimPause)))
				break
			}
			for _, l := range victims { // the last one to go hands the port on
				a.endLocked(l, Reclaimed)
			}
		}
	}
}

// reclaimableLocked returns the leases that stand in a waiter's way on one
// port, that port whose leases are all old enough first, and when they are. A
// port on which a connection is just being told apart is not among them.
func (a *Allocator) reclaimableLocked(w *waiter) (victims []*Lease, due time.Time) {
	var leases []*Lease
	for _, p := range a.ports {
		leases = a.claims.blockers(p, w.claim, w.peers, leases[:0])
		youngest, ok := a.youngestLocked(leases)
		if ok && (len(victims) == 0 || youngest.Before(due)) {
			victims, leases = leases, victims
			due = youngest
		}
	}
	return victims, due.Add(a.options().ReclaimAfter)
}

// youngestLocked returns when the last of the leases was granted. It is false
// if there are none, or one that may get its connection this moment.
func (a *Allocator) youngestLocked(leases []*Lease) (granted time.Time, ok bool) {
	for _, l := range leases {
		if a.claims.candidates(l) > 0 {
			return time.Time{}, false
		}
		granted = latest(granted, l.granted)
	}
	return granted, len(leases) > 0
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
