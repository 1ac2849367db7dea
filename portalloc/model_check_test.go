package portalloc

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// check compares the allocator with the model.
func (m *model) check() {
	m.checkEnds()
	m.checkClaims()
	m.checkWaiters()
	m.checkSnapshot()
	m.checkCounts()
}

// checkCounts checks what a limit for each address would count.
func (m *model) checkCounts() {
	want := make(map[netip.Prefix]int)
	for _, c := range m.claims() {
		if !c.isOver {
			want[siteOf(netip.MustParseAddr(c.client))]++
		}
	}
	m.b.Allocator.mu.Lock()
	defer m.b.Allocator.mu.Unlock()
	for _, client := range modelClients() {
		addr := netip.MustParseAddr(client)
		if got := m.b.claims.clients.of(addr) + m.b.queue.clients.of(addr); got != want[siteOf(addr)] {
			m.fail("%d leases and waiters of %s are counted; want %d", got, client, want[siteOf(addr)])
		}
	}
}

// checkEnds checks that claims end for a reason alone.
func (m *model) checkEnds() {
	for _, c := range m.claims() {
		age := time.Since(c.granted)
		if c.isOver {
			age = c.ended.Sub(c.granted)
		}
		switch {
		case c.token != c.wantToken:
			m.fail("the lease of %s got %q; want %q", c.client, c.token, c.wantToken)
		case !c.isOver && c.lease != nil && age >= modelAcceptTimeout:
			m.fail("a lease of %s is pending for %v", c.client, age)
		case c.lease == nil && !c.isOver && time.Since(c.since) >= modelWait:
			m.fail("%s waits for %v", c.client, time.Since(c.since))
		case c.isOver && c.lease == nil && !c.mayEnd && !errors.Is(c.err, ErrExhausted):
			m.fail("Acquire for %s: %v; want ErrExhausted", c.client, c.err)
		case c.isOver && c.lease != nil && c.token == "" && !c.mayEnd:
			mayReclaim := age >= modelReclaimAfter && c.ended.Sub(m.waited) <= modelWait
			if age < modelAcceptTimeout && !mayReclaim {
				m.fail("the lease of %s ended after %v, and for no reason", c.client, age)
			}
		}
	}
}

// checkClaims checks that no connection could belong to two leases.
func (m *model) checkClaims() {
	for port := uint16(1); port <= 4; port++ {
		pending := m.pendingOn(port)
		for i, a := range pending {
			for _, b := range pending[i+1:] {
				if m.conflict(a, b) {
					m.fail("port %d is lent to %v (identity %d) and %v (identity %d)", port, a.peers, a.identity, b.peers, b.identity)
				}
			}
		}
	}
}

// checkWaiters checks that nobody waits for nothing: the first waiter of each
// address competes with no earlier one of another, and yet no port is free, or
// could be taken from leases that were not connected.
func (m *model) checkWaiters() {
	waiters := m.waiters()
	for i, c := range waiters {
		first := !slices.ContainsFunc(waiters[:i], func(w *modelClaim) bool { return m.compete(w, c) })
		if first && m.anyFree(c, nil) {
			m.fail("%s, identity %d, waits though a port is free", c.client, c.identity)
		}
		inTime := time.Since(c.since) <= 2*reclaimPause || time.Since(m.resized) <= 2*reclaimPause
		if first && !inTime && m.anyReclaimable(c) {
			m.fail("%s, identity %d, waits though a port could be reclaimed", c.client, c.identity)
		}
	}
}

// anyReclaimable says whether all that stands in a claim's way on one port is
// leases that are old enough.
func (m *model) anyReclaimable(c *modelClaim) bool {
	for port := range m.ports.All() {
		if !slices.ContainsFunc(m.pendingOn(port), func(other *modelClaim) bool {
			return m.conflict(c, other) && time.Since(other.granted) <= modelReclaimAfter+2*reclaimPause
		}) {
			return true
		}
	}
	return false
}

func (m *model) checkSnapshot() {
	s := m.b.Snapshot()
	pending, listed := 0, PortList(nil)
	for _, p := range s.Ports {
		if !p.Retired {
			listed = append(listed, PortRange{p.Port, p.Port})
		}
		if want := len(m.pendingOn(p.Port)); len(p.Pending) != want {
			m.fail("port %d shows %d pending leases; want %d", p.Port, len(p.Pending), want)
		}
		if p.Retired && len(p.Pending) == 0 {
			m.fail("port %d is retired and unused, but not closed", p.Port)
		}
		pending += len(p.Pending)
	}
	if !slices.Equal(slices.Collect(listed.All()), slices.Collect(m.ports.All())) {
		m.fail("the ports in use are %v; want %v", listed, m.ports)
	}
	if s.Waiting != len(m.waiters()) {
		m.fail("%d wait; want %d", s.Waiting, len(m.waiters()))
	}
	m.checkCounters(s, pending)
}

func (m *model) checkCounters(s Snapshot, pending int) {
	var ended, waits uint64
	for _, n := range s.Totals.Outcomes {
		ended += n
	}
	for _, n := range s.Waits {
		waits += n
	}
	if s.Totals.Granted != ended+uint64(pending) || waits != s.Totals.Granted {
		m.fail("%d leases were granted, %d counted by waiting time, %d have ended, %d are pending", s.Totals.Granted, waits, ended, pending)
	}
	if events := len(m.b.outcomes()); events != int(ended) {
		m.fail("%d events of %d ended leases", events, ended)
	}
}

// finish closes the allocator and checks that nothing is left.
func (m *model) finish() {
	m.b.Close()
	m.settle()
	for _, c := range m.claims() {
		if !c.isOver {
			m.fail("a claim of %s is not over after Close", c.client)
		}
	}
	if bound := m.b.net.bound(); bound.Len() > 0 {
		m.fail("ports %v are bound after Close", bound)
	}
	t := &m.b.claims
	if n := len(t.single) + len(t.shared) + len(t.homes) + len(t.lengths[0].inUse) + len(t.lengths[1].inUse); n > 0 {
		m.fail("claims are left after Close: %+v", t)
	}
	if len(m.b.asked)+len(m.b.retired)+len(m.b.queue.groups)+m.b.queue.wide+m.b.queue.identified > 0 {
		m.fail("something is left after Close: %v asked, %v retired, queue %+v", m.b.asked, m.b.retired, m.b.queue)
	}
}
