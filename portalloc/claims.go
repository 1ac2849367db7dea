package portalloc

import (
	"net/netip"
	"slices"
)

// claimTable knows which peers are claimed on which port, and so keeps the
// one rule: no connection could belong to two leases. Two claims on a port
// may not overlap, unless they are for the same peers and both carry an
// identity.
type claimTable struct {
	exclusive bool
	single    map[claimKey]*Lease      // claims without identity
	shared    map[claimKey]*sharer     // claims with one, and what is left of them
	homes     map[netip.Prefix][]*port // where peers have claims with one
	lengths   [2]prefixLengths         // of IPv4 and IPv6 claims
	clients   clientCounts
}

type claimKey struct {
	port  *port
	peers netip.Prefix
}

// sharer is what leases with an identity have in common on one port. It may
// outlive them: while a connection is still being told apart, so that it
// counts, and finds the leases that have come meanwhile.
type sharer struct {
	key        claimKey
	identifier Identifier // of the leases; nil: the allocator's
	leases     map[Identity]*Lease
	candidates int // connections that have come and are not yet told apart
}

func newClaimTable(exclusive bool) claimTable {
	return claimTable{
		exclusive: exclusive,
		single:    make(map[claimKey]*Lease),
		shared:    make(map[claimKey]*sharer),
		homes:     make(map[netip.Prefix][]*port),
		clients:   make(clientCounts),
	}
}

// free says whether the claim may stand on the port beside those that do.
func (t *claimTable) free(p *port, claim Claim, peers netip.Prefix) bool {
	if len(p.leases) == 0 {
		return true
	}
	if t.exclusive {
		return false
	}
	lengths := t.lengthsOf(peers.Addr())
	for _, bits := range lengths.inUse {
		if bits > peers.Bits() {
			continue
		}
		key := claimKey{p, netip.PrefixFrom(peers.Addr(), bits).Masked()}
		if t.single[key] != nil {
			return false
		}
		if !t.shared[key].admits(claim, bits == peers.Bits()) {
			return false
		}
	}
	return !lengths.longerThan(peers.Bits()) || !anyWithin(p, peers)
}

// admits says whether a claim may join. A nil sharer admits everyone.
func (s *sharer) admits(claim Claim, samePeers bool) bool {
	if s == nil || len(s.leases) == 0 {
		return true
	}
	id := claim.Identity
	if !samePeers || id == 0 || s.leases[id] != nil || s.identifier != claim.Identifier {
		return false
	}
	if s.identifier != nil {
		for other := range s.leases {
			if !s.identifier.Apart(id, other) {
				return false
			}
		}
	}
	return true
}

// anyWithin looks for a claim narrower than peers. Only claims for networks
// ask that, so a walk over the port's leases will do.
func anyWithin(p *port, peers netip.Prefix) bool {
	for _, l := range p.leases {
		if l.peers.Bits() > peers.Bits() && peers.Contains(l.peers.Addr()) {
			return true
		}
	}
	return false
}

// blockers appends to buf the leases that keep the claim off the port.
func (t *claimTable) blockers(p *port, claim Claim, peers netip.Prefix, buf []*Lease) []*Lease {
	if t.exclusive || len(p.leases) == 0 {
		return append(buf, p.leases...)
	}
	lengths := t.lengthsOf(peers.Addr())
	for _, bits := range lengths.inUse {
		if bits > peers.Bits() {
			continue
		}
		key := claimKey{p, netip.PrefixFrom(peers.Addr(), bits).Masked()}
		if l := t.single[key]; l != nil {
			buf = append(buf, l)
		}
		if s := t.shared[key]; !s.admits(claim, bits == peers.Bits()) {
			for _, l := range s.leases {
				buf = append(buf, l)
			}
		}
	}
	if lengths.longerThan(peers.Bits()) {
		for _, l := range p.leases {
			if l.peers.Bits() > peers.Bits() && peers.Contains(l.peers.Addr()) {
				buf = append(buf, l)
			}
		}
	}
	return buf
}

// match returns the lease that a connection from addr belongs to, or the
// sharer whose leases compete for it, or neither.
func (t *claimTable) match(p *port, addr netip.Addr) (*Lease, *sharer) {
	if len(p.leases) == 0 {
		return nil, nil
	}
	for _, bits := range t.lengthsOf(addr).inUse {
		key := claimKey{p, netip.PrefixFrom(addr, bits).Masked()}
		if l := t.single[key]; l != nil {
			return l, nil
		}
		if s := t.shared[key]; s != nil && len(s.leases) > 0 {
			return nil, s
		}
	}
	return nil, nil
}

func (t *claimTable) add(l *Lease) {
	key := claimKey{l.port, l.peers}
	if l.claim.Identity == 0 {
		t.single[key] = l
	} else {
		s := t.shared[key]
		if s == nil {
			s = &sharer{key: key, leases: make(map[Identity]*Lease)}
			t.shared[key] = s
		}
		if len(s.leases) == 0 {
			t.homes[l.peers] = append(t.homes[l.peers], l.port)
			s.identifier = l.claim.Identifier
		}
		s.leases[l.claim.Identity] = l
	}
	t.lengthsOf(l.peers.Addr()).add(l.peers.Bits())
	t.clients.add(l.claim.Client)
	l.slot = len(l.port.leases)
	l.port.leases = append(l.port.leases, l)
}

func (t *claimTable) remove(l *Lease) {
	key := claimKey{l.port, l.peers}
	if l.claim.Identity == 0 {
		delete(t.single, key)
	} else {
		s := t.shared[key]
		delete(s.leases, l.claim.Identity)
		t.leaveHome(s)
		t.tidy(s)
	}
	t.lengthsOf(l.peers.Addr()).remove(l.peers.Bits())
	t.clients.remove(l.claim.Client)
	last := len(l.port.leases) - 1
	moved := l.port.leases[last]
	l.port.leases[l.slot] = moved
	moved.slot = l.slot
	l.port.leases[last] = nil
	l.port.leases = l.port.leases[:last]
}

func (t *claimTable) leaveHome(s *sharer) {
	if len(s.leases) > 0 {
		return
	}
	ports := slices.DeleteFunc(t.homes[s.key.peers], func(p *port) bool { return p == s.key.port })
	if len(ports) == 0 {
		delete(t.homes, s.key.peers)
		return
	}
	t.homes[s.key.peers] = ports
}

// tidy forgets a sharer of which nothing is left.
func (t *claimTable) tidy(s *sharer) {
	if len(s.leases) == 0 && s.candidates == 0 {
		delete(t.shared, s.key)
	}
}

// candidates counts the connections that may yet turn out to be the lease's.
func (t *claimTable) candidates(l *Lease) int {
	if l.claim.Identity == 0 {
		return 0
	}
	return t.shared[claimKey{l.port, l.peers}].candidates
}

func (t *claimTable) lengthsOf(addr netip.Addr) *prefixLengths {
	if addr.Is4() {
		return &t.lengths[0]
	}
	return &t.lengths[1]
}

// prefixLengths counts the claims of each prefix length, because a look-up
// has to try every length that is in use: nearly always just one.
type prefixLengths struct {
	count [129]int
	inUse []int
}

func (s *prefixLengths) add(bits int) {
	if s.count[bits]++; s.count[bits] == 1 {
		s.inUse = append(s.inUse, bits)
	}
}

func (s *prefixLengths) remove(bits int) {
	if s.count[bits]--; s.count[bits] > 0 {
		return
	}
	for i, b := range s.inUse {
		if b == bits {
			s.inUse[i] = s.inUse[len(s.inUse)-1]
			s.inUse = s.inUse[:len(s.inUse)-1]
			return
		}
	}
}

func (s *prefixLengths) longerThan(bits int) bool {
	for _, b := range s.inUse {
		if b > bits {
			return true
		}
	}
	return false
}
