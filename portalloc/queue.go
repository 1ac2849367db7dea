package portalloc

import (
	"net/netip"
	"time"
)

// queue holds those who wait for a port: first come, first served for one
// client address, and the addresses in turns, so that an address with many
// sessions delays another by one turn, not by all of them.
type queue struct {
	exclusive   bool // every release may help every waiter
	waiting     int  // waiters
	identified  int  // those of them whose claims have an identity
	wide        int  // groups whose peers are more than one address
	groups      map[netip.Addr]*waitGroup
	clients     clientCounts
	first, last *waitGroup // in order of turns
}

// waitGroup is the waiters of one client address.
type waitGroup struct {
	client      netip.Addr
	peers       netip.Prefix
	first, last *waiter
	prev, next  *waitGroup
}

// waiter is one call of Acquire that waits.
type waiter struct {
	claim  Claim
	peers  netip.Prefix
	since  time.Time
	group  *waitGroup // nil once out of the queue
	prev   *waiter
	next   *waiter
	served chan struct{} // closed when lease or err is set
	lease  *Lease
	err    error
}

func newQueue(exclusive bool) queue {
	return queue{exclusive: exclusive, groups: make(map[netip.Addr]*waitGroup), clients: make(clientCounts)}
}

func (q *queue) empty() bool { return len(q.groups) == 0 }

func (q *queue) add(claim Claim, peers netip.Prefix, now time.Time) *waiter {
	g := q.groups[claim.Client]
	if g == nil {
		g = &waitGroup{client: claim.Client, peers: peers}
		q.groups[claim.Client] = g
		q.pushGroup(g)
		if !peers.IsSingleIP() {
			q.wide++
		}
	}
	w := &waiter{claim: claim, peers: peers, since: now, group: g, prev: g.last, served: make(chan struct{})}
	if g.last == nil {
		g.first = w
	} else {
		g.last.next = w
	}
	g.last = w
	q.waiting++
	q.clients.add(claim.Client)
	if claim.Identity != 0 {
		q.identified++
	}
	return w
}

// serve takes out a waiter that has got its port, so that its group has had its
// turn.
func (q *queue) serve(w *waiter) {
	g := w.group
	q.remove(w)
	if g.first != nil {
		q.dropGroup(g)
		q.pushGroup(g)
	}
}

// remove takes a waiter out and says whether it still was in. Its group keeps
// its turn.
func (q *queue) remove(w *waiter) bool {
	g := w.group
	if g == nil {
		return false
	}
	if w.prev == nil {
		g.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		g.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.group, w.prev, w.next = nil, nil, nil
	q.waiting--
	q.clients.remove(w.claim.Client)
	if w.claim.Identity != 0 {
		q.identified--
	}
	if g.first != nil {
		return true
	}
	q.dropGroup(g)
	delete(q.groups, g.client)
	if !g.peers.IsSingleIP() {
		q.wide--
	}
	return true
}

func (w *waiter) finish(l *Lease, err error) {
	w.lease, w.err = l, err
	close(w.served)
}

func (q *queue) pushGroup(g *waitGroup) {
	g.prev, g.next = q.last, nil
	if q.last == nil {
		q.first = g
	} else {
		q.last.next = g
	}
	q.last = g
}

func (q *queue) dropGroup(g *waitGroup) {
	if g.prev == nil {
		q.first = g.next
	} else {
		g.prev.next = g.next
	}
	if g.next == nil {
		q.last = g.prev
	} else {
		g.next.prev = g.prev
	}
}

// isWaitingFor says whether somebody waits whose claim would compete with one
// for peers.
func (q *queue) isWaitingFor(peers netip.Prefix) bool {
	if q.empty() || q.exclusive {
		return !q.empty()
	}
	if q.areSingle(peers) {
		return q.groups[peers.Addr()] != nil
	}
	for g := q.first; g != nil; g = g.next {
		if q.compete(g.peers, peers) {
			return true
		}
	}
	return false
}

// groupsFor returns, in order of turns, the groups that a port freed for
// peers (the zero prefix: for all) may help.
func (q *queue) groupsFor(peers netip.Prefix) []*waitGroup {
	if !q.exclusive && q.areSingle(peers) {
		if g := q.groups[peers.Addr()]; g != nil {
			return []*waitGroup{g}
		}
		return nil
	}
	var groups []*waitGroup
	for g := q.first; g != nil; g = g.next {
		if !peers.IsValid() || q.compete(g.peers, peers) {
			groups = append(groups, g)
		}
	}
	return groups
}

func (q *queue) compete(a, b netip.Prefix) bool {
	return q.exclusive || a.Overlaps(b)
}

// areSingle says that peers and those of every group are single addresses, so
// that the map of groups finds what competes, however many wait.
func (q *queue) areSingle(peers netip.Prefix) bool {
	return q.wide == 0 && peers.IsSingleIP()
}

// isMixed says whether a port may be free for one waiter but not for another
// that stands before it.
func (q *queue) isMixed() bool {
	return !q.exclusive && (q.wide > 0 || q.identified > 0)
}

// next is the waiter whose turn it is, nil if nobody waits.
func (q *queue) next() *waiter {
	if q.first == nil {
		return nil
	}
	return q.first.first
}
