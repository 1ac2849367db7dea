package admin

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// PortCell is a passive port in short, for a picture of all.
type PortCell struct {
	Port uint16 `json:"port"`
	// Pending is how many leases wait for their connection.
	Pending int `json:"pending"`
	// Connected and Missed count leases that a client has connected to, or has
	// let pass.
	Connected uint64 `json:"connected"`
	Missed    uint64 `json:"missed"`
	Retired   bool   `json:"retired,omitempty"`
	// Unreached says that some network reaches other ports, but never this one.
	Unreached bool `json:"unreached,omitempty"`
}

// Port is a passive port.
type Port struct {
	PortCell
	Advertised uint16            `json:"advertised"`
	Bound      bool              `json:"bound"`
	Leases     []Lease           `json:"leases"`
	Outcomes   map[string]uint64 `json:"outcomes"`
}

// Lease is a lease that waits for its connection.
type Lease struct {
	Client  netip.Addr   `json:"client"`
	Peers   netip.Prefix `json:"peers"`
	Granted time.Time    `json:"granted"`
	// Identified says that the lease shares its port by TLS session.
	Identified bool `json:"identified"`
}

// Ports are all passive ports.
type Ports struct {
	Counts PortCounts `json:"counts"`
	Ports  []Port     `json:"ports"`
	// Outcomes counts leases that have ended, of all ports.
	Outcomes map[string]uint64 `json:"outcomes"`
	// Unreached are ports that clients of a network never reach though they reach
	// others.
	Unreached []UnreachedPorts `json:"unreached"`
}

// UnreachedPorts are those of one network.
type UnreachedPorts struct {
	Network netip.Prefix `json:"network"`
	Ports   string       `json:"ports"`
}

func (a *Admin) servePorts(w http.ResponseWriter, _ *http.Request) {
	snapshot := a.snapshot()
	p := Ports{Counts: countPorts(snapshot), Ports: []Port{}, Outcomes: outcomes(snapshot.Totals), Unreached: []UnreachedPorts{}}
	unreached := unreachedPorts(snapshot)
	for _, s := range snapshot.Ports {
		port := Port{
			PortCell: cellOf(s, unreached), Advertised: s.AdvertisedPort, Bound: s.Bound,
			Leases: []Lease{}, Outcomes: outcomes(s.Counters),
		}
		for _, l := range s.Pending {
			port.Leases = append(port.Leases, Lease{l.Client, l.Peers, l.Granted, l.Identified})
		}
		p.Ports = append(p.Ports, port)
	}
	for _, u := range snapshot.Unreached {
		p.Unreached = append(p.Unreached, UnreachedPorts{u.Network, u.Ports.String()})
	}
	answer(w, http.StatusOK, p)
}

func outcomes(c portalloc.Counters) map[string]uint64 {
	counts := make(map[string]uint64, len(c.Outcomes))
	for outcome, count := range c.Outcomes {
		counts[portalloc.Outcome(outcome).String()] = count
	}
	return counts
}

func countPorts(s portalloc.Snapshot) PortCounts {
	c := PortCounts{Waiting: s.Waiting, Exhausted: s.Totals.Exhausted, Refused: s.Totals.Refused, Unreached: len(unreachedPorts(s))}
	for _, port := range s.Ports {
		c.Pending += len(port.Pending)
		switch {
		case port.Retired:
			c.Retired++
		case len(port.Pending) == 0:
			c.Total++
			c.Free++
		default:
			c.Total++
		}
	}
	return c
}

// unreachedPorts are those that any network never reaches.
func unreachedPorts(s portalloc.Snapshot) map[uint16]bool {
	ports := make(map[uint16]bool)
	for _, u := range s.Unreached {
		for _, r := range u.Ports {
			for port := int(r.First); port <= int(r.Last); port++ {
				ports[uint16(port)] = true
			}
		}
	}
	return ports
}

func cellOf(s portalloc.PortSnapshot, unreached map[uint16]bool) PortCell {
	c := s.Counters.Outcomes
	return PortCell{
		Port: s.Port, Pending: len(s.Pending), Connected: c[portalloc.Connected],
		Missed:  c[portalloc.Expired] + c[portalloc.WrongPeer] + c[portalloc.TLSMismatch] + c[portalloc.Reclaimed],
		Retired: s.Retired, Unreached: unreached[s.Port],
	}
}
