package portalloc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Lease is a session's hold on one port for connections from one set of
// peers. It is pending until a connection comes, or until it is closed,
// replaced, expired or reclaimed; then the port is free for others. Its
// methods may be called concurrently.
type Lease struct {
	allocator    *Allocator
	port         *port
	advertised   uint16 // when it was granted: a Resize may change the port's
	claim        Claim
	peers        netip.Prefix
	granted      time.Time
	waited       time.Duration
	straysBefore uint64 // port.strays when it was granted

	// Guarded by allocator.mu.
	state        leaseState
	accepted     bool          // Accept has returned a connection
	conn         net.Conn      // of a connected lease, until it is taken
	changed      chan struct{} // closed when Accept should look again; nil: nobody waits
	slot         int           // position in port.leases
	older, newer *Lease        // neighbours in the age list
	unidentified bool          // a connection came that could not be told apart
}

type leaseState uint8

const (
	statePending leaseState = iota
	stateConnected
	stateEnded
)

// Port is the listen port.
func (l *Lease) Port() uint16 { return l.port.listen }

// AdvertisedPort is the port that the client is told.
func (l *Lease) AdvertisedPort() uint16 { return l.advertised }

// Accept waits for the connection and returns it; the caller closes it. It
// returns ErrNotConnected when the lease ends without one, ErrAccepted when an
// earlier call has returned it, and ctx's error when that is done first (the
// lease then stays as it was).
//
// A lease with an identity may return as soon as a connection has come that
// could be its own. Its first Read or Write then waits for the connection that
// really is: some clients show who they are only after they have seen that
// their connection was accepted (lftp waits for the 150 reply).
func (l *Lease) Accept(ctx context.Context) (net.Conn, error) {
	for {
		conn, changed, err := l.poll()
		if conn != nil || err != nil {
			return conn, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// poll returns the connection, or an error, or a channel that is closed when
// it is worth calling poll again.
func (l *Lease) poll() (net.Conn, <-chan struct{}, error) {
	a := l.allocator
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.accepted {
		return nil, nil, fmt.Errorf("port %d: %w", l.port.listen, ErrAccepted)
	}
	if l.state == statePending && a.claims.candidates(l) > 0 {
		l.accepted = true
		return newLazyConn(l), nil, nil
	}
	conn, changed, err := l.takeLocked()
	l.accepted = conn != nil
	return conn, changed, err
}

// take is poll for the connection itself, which an earlier poll has promised.
func (l *Lease) take() (net.Conn, <-chan struct{}, error) {
	l.allocator.mu.Lock()
	defer l.allocator.mu.Unlock()
	return l.takeLocked()
}

func (l *Lease) takeLocked() (net.Conn, <-chan struct{}, error) {
	switch {
	case l.conn != nil:
		conn := l.conn
		l.conn = nil
		return conn, nil, nil
	case l.state != statePending:
		return nil, nil, fmt.Errorf("port %d: %w", l.port.listen, ErrNotConnected)
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return nil, l.changed, nil
}

// Close ends a pending lease, and closes a connection that came but was never
// taken by Accept. It always returns nil and may be called again.
func (l *Lease) Close() error {
	l.end(Cancelled)
	return nil
}

func (l *Lease) end(outcome Outcome) {
	a := l.allocator
	a.mu.Lock()
	defer a.unlock()
	a.endLocked(l, outcome)
	a.dropConnLocked(l)
}

// connectLocked gives the lease its connection.
func (l *Lease) connectLocked(conn net.Conn, peer netip.AddrPort) {
	l.state = stateConnected
	l.conn = conn
	l.allocator.releaseLocked(l, Event{Outcome: Connected, Peer: peer})
}

// notifyLocked makes those who wait for the lease look again.
func (l *Lease) notifyLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// whyExpired says, while it still stands on its port, what is known of a lease that nobody connected to in time.
func (l *Lease) whyExpired() Outcome {
	switch {
	case l.unidentified, l.allocator.claims.candidates(l) > 0:
		return TLSMismatch
	case l.port.strays != l.straysBefore:
		return WrongPeer
	default:
		return Expired
	}
}

// ageList holds the pending leases, oldest first, through the leases' own
// links: adding and removing cost no allocation.
type ageList struct {
	oldest, newest *Lease
}

func (list *ageList) add(l *Lease) {
	l.older = list.newest
	if list.newest == nil {
		list.oldest = l
	} else {
		list.newest.newer = l
	}
	list.newest = l
}

func (list *ageList) remove(l *Lease) {
	if l.older == nil {
		list.oldest = l.newer
	} else {
		l.older.newer = l.newer
	}
	if l.newer == nil {
		list.newest = l.older
	} else {
		l.newer.older = l.older
	}
	l.older, l.newer = nil, nil
}
