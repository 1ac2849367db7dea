package portalloc

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	// missesToAvoid leases in a row on one port that clients of one network
	// never connected to make the port count as unreached for the network.
	missesToAvoid = 3
	// avoidFor is how long that holds: somebody may mend the firewall.
	avoidFor = 10 * time.Minute
	// knownNetworks and knownMisses (ports of one network) bound the memory.
	knownNetworks = 1024
	knownMisses   = 256
)

// reachability remembers which ports the clients of which networks (/24 for
// IPv4, /48 for IPv6) fail to reach. A port that a network never reaches while
// it reaches others usually means that a firewall's hole is smaller than the
// range.
type reachability struct {
	networks map[netip.Prefix]*network
	warnAt   time.Time // not before
}

// network is what is known of one client network. Nil knows nothing.
type network struct {
	connected bool
	missed    map[*port]misses
}

type misses struct {
	count int
	last  time.Time
}

// Unreached are ports that clients of a network were told, several times, and
// never connected to, though they connected to others.
type Unreached struct {
	Network netip.Prefix
	Ports   PortList
}

func newReachability() reachability {
	return reachability{networks: make(map[netip.Prefix]*network)}
}

func networkOf(client netip.Addr) netip.Prefix {
	bits := 24
	if client.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(client, bits).Masked()
}

// network returns what is known of the client's network, nil if nothing.
func (r *reachability) network(client netip.Addr) *network {
	if len(r.networks) == 0 {
		return nil
	}
	return r.networks[networkOf(client)]
}

func (r *reachability) learn(client netip.Addr) *network {
	prefix := networkOf(client)
	if n := r.networks[prefix]; n != nil {
		return n
	}
	if len(r.networks) >= knownNetworks {
		for some := range r.networks { // any: the map's order is random
			delete(r.networks, some)
			break
		}
	}
	n := &network{}
	r.networks[prefix] = n
	return n
}

func (n *network) miss(p *port, now time.Time) {
	m, known := n.missed[p]
	switch {
	case n.missed == nil:
		n.missed = make(map[*port]misses)
	case !known && len(n.missed) >= knownMisses:
		return
	}
	n.missed[p] = misses{m.count + 1, now}
}

// forget drops what is known of a port that is closed.
func (r *reachability) forget(p *port) {
	for _, n := range r.networks {
		delete(n.missed, p)
	}
}

func (n *network) avoids(p *port, now time.Time) bool {
	if n == nil || !n.connected || len(n.missed) == 0 {
		return false
	}
	m := n.missed[p]
	return m.count >= missesToAvoid && now.Sub(m.last) < avoidFor
}

// noteReachLocked learns from the end of a lease.
func (a *Allocator) noteReachLocked(l *Lease, outcome Outcome, now time.Time) {
	switch outcome {
	case Connected:
		n := a.reach.learn(l.claim.Client)
		n.connected = true
		if len(n.missed) > 0 {
			delete(n.missed, l.port)
		}
	case Expired, Reclaimed:
		n := a.reach.learn(l.claim.Client)
		n.miss(l.port, now)
		if n.avoids(l.port, now) && now.After(a.reach.warnAt) {
			a.reach.warnAt = now.Add(time.Minute)
			network, ports := networkOf(l.claim.Client), n.unreached(now)
			a.later = append(a.later, func() {
				a.log.Warn("ports never reached from a network: is the hole in the firewall smaller than the range?",
					zap.Stringer("network", network), zap.Stringer("ports", ports))
			})
		}
	}
}

func (r *reachability) unreached(now time.Time) []Unreached {
	var all []Unreached
	for prefix, n := range r.networks {
		if ports := n.unreached(now); len(ports) > 0 {
			all = append(all, Unreached{prefix, ports})
		}
	}
	slices.SortFunc(all, func(a, b Unreached) int { return a.Network.Addr().Compare(b.Network.Addr()) })
	return all
}

func (n *network) unreached(now time.Time) PortList {
	var ports []uint16
	for p := range n.missed {
		if n.avoids(p, now) {
			ports = append(ports, p.listen)
		}
	}
	return portListOf(ports)
}

// portListOf gathers ports into ranges.
func portListOf(ports []uint16) PortList {
	slices.SortFunc(ports, cmp.Compare[uint16])
	var list PortList
	for _, p := range ports {
		if n := len(list); n > 0 && list[n-1].Last+1 == p {
			list[n-1].Last = p
		} else {
			list = append(list, PortRange{p, p})
		}
	}
	return list
}
