package portalloc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// port is one port of the range, bound once and kept.
type port struct {
	listen   uint16
	listener net.Listener // nil until bound

	// Guarded by Allocator.mu.
	advertised uint16
	accepting  bool         // acceptLoop runs
	suspended  bool         // another process accepts on it: see Resume
	gone       func(uint16) // told when acceptLoop has ended; nil: nobody
	closed     bool         // for good
	wanted     bool         // a Resize is about to bring it back: not to be closed
	retryBind  time.Time    // when a port that could not be bound may be tried again
	leases     []*Lease     // pending, in no order
	strays     uint64       // connections that nobody expected
	counters   Counters
}

func makePorts(listen, advertised PortList) []*port {
	ports := make([]*port, 0, listen.Len())
	for p := range listen.All() {
		ports = append(ports, &port{listen: p})
	}
	i := 0
	for p := range advertised.All() {
		ports[i].advertised = p
		i++
	}
	return ports
}

// lazyBindThreshold is the size of a range above which a port is bound at its
// first lease instead of at the start: binding tens of thousands of ports at
// once takes long and may take all file descriptors.
const lazyBindThreshold = 1024

// bindAll binds the ports, or none if one is taken. Large ranges are left to
// bindLocked. The ports must not be in use yet.
func (a *Allocator) bindAll(ports []*port) error {
	if len(ports) > lazyBindThreshold {
		return nil
	}
	for i, p := range ports {
		if err := a.bind(p); err != nil {
			for _, bound := range ports[:i] {
				bound.close()
			}
			return explainBind(p, err)
		}
	}
	return nil
}

func (a *Allocator) bind(p *port) error {
	listener, err := a.options().Listen(context.Background(), p.listen)
	if err != nil {
		return err
	}
	p.listener = listener
	return nil
}

// explainBind says who holds the port and what to do. It looks at every
// process, so it is not for use under the lock.
func explainBind(p *port, err error) error {
	const remedy = "take the port out of the passive ports"
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("portalloc: bind passive port %d: %w: %s, or allow this program to bind it", p.listen, err, remedy)
	}
	if holder := Holder(p.listen); holder != "" {
		return fmt.Errorf("portalloc: bind passive port %d, which %s holds: %w: stop that program, or %s", p.listen, holder, err, remedy)
	}
	return fmt.Errorf("portalloc: bind passive port %d: %w: free the port, or %s", p.listen, err, remedy)
}

// bindRetry is how long a port that could not be bound is left alone.
const bindRetry = 10 * time.Second

// bindLocked binds a port of a large range at its first lease, and says
// whether the port can be used. That is a system call under the lock, but only
// once in the life of a port.
func (a *Allocator) bindLocked(p *port, now time.Time) bool {
	if p.listener != nil {
		return true
	}
	if err := a.bind(p); err != nil {
		p.retryBind = now.Add(bindRetry)
		a.noteTroubleLocked("passive port cannot be bound: free it, or take it out of the passive ports", p, err)
		return false
	}
	a.startAcceptingLocked(p)
	return true
}

// noteTroubleLocked logs an error that may hit every port at once, as a want of
// file descriptors does.
func (a *Allocator) noteTroubleLocked(message string, p *port, err error) {
	if suppressed, allowed := a.troubleLog.allow(time.Now()); allowed {
		a.later = append(a.later, func() {
			a.log.Error(message, zap.Uint16("port", p.listen), zap.Error(err), zap.Uint64("not_logged", suppressed))
		})
	}
}

func (p *port) isBound() bool { return p.listener != nil && !p.closed }

// close closes the port for good. The lock must be held if others know the port.
func (p *port) close() {
	p.closed = true
	if p.listener != nil {
		p.listener.Close()
	}
}

func (a *Allocator) startAcceptingLocked(p *port) {
	if p.listener == nil || p.accepting || p.suspended {
		return
	}
	p.accepting = true
	a.running.Add(1)
	go a.acceptLoop(p, p.listener)
}

// acceptLoop hands the connections of one port to their leases until the
// listener is closed. It never waits for a client.
func (a *Allocator) acceptLoop(p *port, listener net.Listener) {
	defer a.running.Done()
	defer a.noteGone(p)
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil:
			a.arrived(p, conn)
		case a.mayAcceptAgain(p, err):
			// Most likely no file descriptor is left. The connection stays in
			// the kernel's queue, so trying again at once would spin.
			time.Sleep(10 * time.Millisecond)
		default:
			return
		}
	}
}

func (a *Allocator) mayAcceptAgain(p *port, err error) bool {
	a.mu.Lock()
	defer a.unlock()
	if p.closed {
		return false
	}
	a.noteTroubleLocked("accept on passive port", p, err)
	return true
}

func (a *Allocator) arrived(p *port, conn net.Conn) {
	peer := addrPortOf(conn.RemoteAddr())
	if a.isProxy(peer.Addr()) {
		a.arrivedByProxy(p, conn, peer)
		return
	}
	a.dispatch(p, conn, peer)
}

// dispatch gives a connection to the lease that it belongs to.
func (a *Allocator) dispatch(p *port, conn net.Conn, peer netip.AddrPort) {
	a.mu.Lock()
	l, s := a.claims.match(p, peer.Addr())
	switch {
	case l != nil:
		l.connectLocked(conn, peer)
		a.unlock()
	case s == nil:
		p.strays++
		refusal := Refusal{Time: time.Now(), Port: p.listen, Peer: peer, Expected: len(p.leases) > 0, Cause: "no session expects a data connection from there"}
		a.refuseAndUnlock(p, conn, peer, refusal.Cause)
		if a.options().OnRefused != nil {
			a.options().OnRefused(refusal)
		}
	case s.candidates >= len(s.leases)+spareCandidates:
		a.refuseAndUnlock(p, conn, peer, "too many connections from there have not said yet whose they are")
	default:
		a.addCandidateLocked(p, s, conn, peer)
		a.unlock()
	}
}

// refuseAndUnlock closes a connection that belongs to nobody, as cheaply as
// possible.
func (a *Allocator) refuseAndUnlock(p *port, conn net.Conn, peer netip.AddrPort, reason string) {
	a.totals.Refused++
	p.counters.Refused++
	suppressed, allowed := a.strayLog.allow(time.Now())
	a.doomed = append(a.doomed, conn)
	a.unlock()
	if allowed {
		a.log.Warn("data connection refused", zap.Uint16("port", p.listen), zap.Stringer("peer", peer),
			zap.String("reason", reason), zap.Uint64("not_logged", suppressed))
	}
}

// reset closes a connection without the handshake and waiting state that an
// orderly close leaves behind.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// addrPortOf returns the address in the form that leases use; the zero value
// if it is no TCP address.
func addrPortOf(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// throttle lets one message a second through and counts the others.
type throttle struct {
	next       time.Time
	suppressed uint64
}

func (t *throttle) allow(now time.Time) (suppressed uint64, allowed bool) {
	if now.Before(t.next) {
		t.suppressed++
		return 0, false
	}
	suppressed = t.suppressed
	t.suppressed = 0
	t.next = now.Add(time.Second)
	return suppressed, true
}
