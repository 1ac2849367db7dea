package portalloc

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Outcome says how a lease ended. Its text form is the one in logs and metrics.
type Outcome uint8

const (
	// Connected: the data connection came ("connected").
	Connected Outcome = iota
	// Expired: nobody connected in time ("expired").
	Expired
	// WrongPeer: nobody connected in time, but somebody tried from elsewhere
	// ("wrong_peer"): often a client behind several addresses, or source NAT.
	WrongPeer
	// TLSMismatch: nobody connected in time, but a connection came that could
	// not be told apart by its TLS session ("tls_mismatch").
	TLSMismatch
	// Replaced: the session asked for another data connection ("replaced").
	Replaced
	// Cancelled: the session ended or gave the lease back ("cancelled").
	Cancelled
	// Reclaimed: not connected for a while, and others waited ("reclaimed").
	Reclaimed
)

// String returns the text form.
func (o Outcome) String() string {
	names := [...]string{"connected", "expired", "wrong_peer", "tls_mismatch", "replaced", "cancelled", "reclaimed"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("unknown (%d)", int(o))
}

// Event tells of one lease, when it ends.
type Event struct {
	// Port and AdvertisedPort are the two faces of the lease's port.
	Port, AdvertisedPort uint16
	// Client is the address of the control connection's client.
	Client netip.Addr
	// Peer is the other end of the data connection, if Outcome is Connected.
	Peer netip.AddrPort
	// Outcome says how the lease ended.
	Outcome Outcome
	// Waited is how long the session had waited for the lease.
	Waited time.Duration
	// Held is the time from the grant to the end of the lease.
	Held time.Duration
}

// Refusal tells of a connection that was closed because no lease expects one
// from there.
type Refusal struct {
	// Time is when it came.
	Time time.Time
	// Port is the listen port.
	Port uint16
	// Peer is where it came from; behind a load balancer, what its header says.
	Peer netip.AddrPort
	// Expected says that a lease on the port waits for a connection from
	// elsewhere: it may be an attempt to steal that one.
	Expected bool
	// Cause says the same in words, for logs.
	Cause string
}

// Counters count since the allocator was made.
type Counters struct {
	// Granted is the number of leases; each ends in one of the outcomes.
	Granted uint64
	// Outcomes counts ended leases by Outcome.
	Outcomes [Reclaimed + 1]uint64
	// Refused is the number of connections closed because no lease expected
	// them.
	Refused uint64
	// Exhausted is the number of times that Acquire returned ErrExhausted;
	// TryAcquire does not count, since its caller may go on to wait. It is
	// counted for the allocator, not for a port.
	Exhausted uint64
	// TooMany is the number of times that ErrTooMany was returned. It is
	// counted for the allocator, not for a port.
	TooMany uint64
}

func (c *Counters) count(o Outcome) { c.Outcomes[o]++ }

// waitBounds are the upper bounds of the wait histogram's buckets.
func waitBounds() []time.Duration {
	return []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second}
}

// WaitHistogram counts leases by the time that their sessions had waited for
// them: at most 0, 1 ms, 10 ms, 100 ms, 1 s, 5 s, and more.
type WaitHistogram [7]uint64

func (h *WaitHistogram) add(waited time.Duration) {
	if waited == 0 { // nearly always
		h[0]++
		return
	}
	i, _ := slices.BinarySearch(waitBounds(), waited)
	h[i]++
}

// Snapshot is a view of the allocator. It is read port by port, so ports may
// be seen at slightly different times.
type Snapshot struct {
	// Ports are the ports in the order of the list; retired ones follow, by
	// number.
	Ports []PortSnapshot
	// Waiting is the number of sessions that wait for a port.
	Waiting int
	// Totals are the counters of all ports, past ones included.
	Totals Counters
	// Waits says how long sessions had waited for their leases.
	Waits WaitHistogram
	// Unreached are the ports that clients of a network never reached though
	// they reached others.
	Unreached []Unreached
}

// PortSnapshot is one port of a Snapshot.
type PortSnapshot struct {
	// Port and AdvertisedPort are the port's two faces.
	Port, AdvertisedPort uint16
	// Bound says that the port is held; ports of large ranges are not until
	// their first lease.
	Bound bool
	// Retired says that a Resize has taken the port off the list, and that it
	// closes with its last lease.
	Retired bool
	// Pending are the leases that wait for their connection.
	Pending []PendingLease
	// Counters are those of this port.
	Counters Counters
}

// PendingLease is a lease that waits for its connection.
type PendingLease struct {
	// Client is the address of the control connection's client.
	Client netip.Addr
	// Peers is where the connection may come from.
	Peers netip.Prefix
	// Granted is when the lease began.
	Granted time.Time
	// Identified says that the lease shares its port by identity.
	Identified bool
}

// Snapshot returns a view of the allocator. It holds the lock only for one
// port at a time.
func (a *Allocator) Snapshot() Snapshot {
	a.mu.Lock()
	s := Snapshot{Waiting: a.queue.waiting, Totals: a.totals, Waits: a.waits, Unreached: a.reach.unreached(time.Now())}
	ports := slices.Clone(a.ports)
	active := len(ports)
	for p := range a.retired {
		ports = append(ports, p)
	}
	a.mu.Unlock()

	slices.SortFunc(ports[active:], func(a, b *port) int { return int(a.listen) - int(b.listen) })
	s.Ports = make([]PortSnapshot, len(ports))
	for i, p := range ports {
		a.mu.Lock()
		s.Ports[i] = p.snapshotLocked(i >= active)
		a.mu.Unlock()
	}
	return s
}

func (p *port) snapshotLocked(retired bool) PortSnapshot {
	s := PortSnapshot{
		Port: p.listen, AdvertisedPort: p.advertised, Bound: p.isBound(), Retired: retired, Counters: p.counters,
	}
	for _, l := range p.leases {
		s.Pending = append(s.Pending, PendingLease{
			Client: l.claim.Client, Peers: l.peers, Granted: l.granted, Identified: l.claim.Identity != 0,
		})
	}
	return s
}
