package portalloc

import (
	"net/netip"
	"time"
)

// serveLocked gives a port that has become free for some peers (the zero
// prefix: for all) to those who wait for it.
func (a *Allocator) serveLocked(p *port, peers netip.Prefix, now time.Time) {
	if a.queue.empty() {
		return
	}
	served := false
	for _, group := range a.queue.groupsFor(peers) {
		for w := group.first; w != nil && a.isFreeLocked(p, w.claim, w.peers, now); w = group.first {
			if !a.bindLocked(p, now) {
				return
			}
			a.handLocked(w, p, now)
			served = true
			if w.claim.Identity == 0 {
				break // the port is taken for these peers; the next group's turn
			}
		}
	}
	if served {
		a.serveFollowersLocked(now)
	}
}

// serveFollowersLocked serves those for whom a port is free, and who waited
// only because somebody stood before them in the queue who has now left it:
// another port may be free for them than for the one before. Where all claims
// are alike (single addresses, no identities) there are none.
func (a *Allocator) serveFollowersLocked(now time.Time) {
	for again := a.queue.isMixed(); again; {
		again = false
		for _, group := range a.queue.groupsFor(netip.Prefix{}) {
			for w := group.first; w != nil; w = group.first {
				p := a.choosePortLocked(w.claim, w.peers, now)
				if p == nil {
					break
				}
				a.handLocked(w, p, now)
				again = true
			}
		}
	}
}

// handLocked gives a port to one who waited for it.
func (a *Allocator) handLocked(w *waiter, p *port, now time.Time) {
	a.queue.serve(w)
	w.finish(a.grantLocked(p, w.claim, w.peers, now, now.Sub(w.since)), nil)
}
