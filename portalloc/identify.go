package portalloc

import (
	"net"
	"net/netip"
	"time"
)

// spareCandidates is how many connections more than leases may be waiting to
// be told apart on one port from one set of peers. More would let one client
// hold memory and descriptors by connecting and saying nothing.
const spareCandidates = 16

// addCandidateLocked takes a connection that several leases compete for and
// has it told apart.
func (a *Allocator) addCandidateLocked(p *port, s *sharer, conn net.Conn, peer netip.AddrPort) {
	s.candidates++
	for _, l := range s.leases {
		l.notifyLocked() // its Accept may now return
	}
	go a.identify(p, s, s.identifier, a.askLocked(conn), peer)
}

func (a *Allocator) whose(identifier Identifier, conn net.Conn) (Identity, net.Conn, error) {
	if identifier == nil {
		return a.options().Identify(conn)
	}
	return identifier.Identify(conn)
}

// identify reads whose connection it is and hands it over.
func (a *Allocator) identify(p *port, s *sharer, by Identifier, c *askedConn, peer netip.AddrPort) {
	defer a.running.Done()
	c.conn.SetReadDeadline(time.Now().Add(a.options().AcceptTimeout))
	id, replay, err := a.whose(by, c.conn)
	if err == nil {
		c.conn.SetReadDeadline(time.Time{})
	}

	a.mu.Lock()
	a.answeredLocked(c)
	s.candidates--
	var owner *Lease
	if err == nil && by == s.identifier { // the leases may have changed
		owner = s.owner(id)
	}
	a.claims.tidy(s)
	if owner != nil {
		owner.connectLocked(replay, peer)
		a.unlock()
		return
	}
	for _, l := range s.leases {
		l.unidentified = true
	}
	a.searchSoonLocked(time.Now()) // the leases may be reclaimed again
	a.refuseAndUnlock(p, c.conn, peer, "its TLS session belongs to no session that expects it")
}

// owner returns the lease of the identity. A connection that does not say who
// it is belongs to the only lease there is: whether it may is for the TLS
// layer above to judge.
func (s *sharer) owner(id Identity) *Lease {
	if l := s.leases[id]; l != nil {
		return l
	}
	if len(s.leases) == 1 {
		for _, l := range s.leases {
			return l
		}
	}
	return nil
}
