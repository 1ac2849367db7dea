package portalloc

import (
	"net/netip"
	"slices"
	"time"
)

// Two processes can listen on the same ports, when one is to take the place of
// the other, but a connection that the wrong one accepts is lost. So each port is
// accepted on by one of them at a time, and whoever grants leases on it is that
// one. The older process lets go of its ports with Yield; the younger one has them
// as Options.Suspended, and takes them up with Resume.

// Yield lets go of all ports but so many: no lease is granted on them any more,
// and each is closed with its last one. Those with the most leases are kept. Gone
// is called for each when nothing more is accepted on it here, from whichever
// goroutine saw to that. Calling it again lets go of more. Waiting for the only
// port there is must not take too long, so leases on that one are reclaimed.
// Ports do not come back, and Reload must not be called afterwards.
func (a *Allocator) Yield(keep int, gone func(port uint16)) {
	a.mu.Lock()
	defer a.unlock()
	if a.closed {
		return
	}
	slices.SortStableFunc(a.ports, func(p, q *port) int { return len(q.leases) - len(p.leases) })
	keep = min(keep, len(a.ports))
	leaving := a.ports[keep:]
	a.ports = a.ports[:keep]
	if a.onlyPort = keep == 0 && len(leaving) == 1; a.onlyPort {
		a.wakeByLocked(time.Now().Add(a.options().ReclaimAfter))
	}
	for _, p := range leaving {
		a.retired[p] = struct{}{}
		p.gone = gone
		if !p.accepting {
			p.gone = nil
			a.later = append(a.later, func() { gone(p.listen) })
		}
		a.closeIfUnusedLocked(p)
	}
}

// reclaimOnlyPortLocked ends the leases that keep the only port from the process
// that is to have it.
func (a *Allocator) reclaimOnlyPortLocked(now time.Time) {
	if !a.onlyPort {
		return
	}
	for l := a.age.oldest; l != nil; l = a.age.oldest {
		if due := l.granted.Add(a.options().ReclaimAfter); due.After(now) {
			a.wakeByLocked(due)
			return
		}
		a.endLocked(l, Reclaimed)
	}
}

// noteGone is called when a port is no longer accepted on.
func (a *Allocator) noteGone(p *port) {
	a.mu.Lock()
	gone := p.gone
	a.mu.Unlock()
	if gone != nil {
		gone(p.listen)
	}
}

// Resume accepts connections on suspended ports and grants leases on them, first
// to those who wait. Ports that are not suspended, or not there, are left alone.
func (a *Allocator) Resume(ports PortList) {
	a.mu.Lock()
	defer a.unlock()
	if a.closed {
		return
	}
	now := time.Now()
	for _, p := range a.ports {
		if p.suspended && ports.Contains(p.listen) {
			p.suspended = false
			a.startAcceptingLocked(p)
			a.serveLocked(p, netip.Prefix{}, now)
		}
	}
}

func (a *Allocator) suspend(ports []*port, suspended PortList) {
	for _, p := range ports {
		p.suspended = suspended.Contains(p.listen)
	}
}
