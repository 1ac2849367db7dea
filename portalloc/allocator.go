package portalloc

import (
	"context"
	crand "crypto/rand"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Identity tells apart the sessions that share one port and one set of peers.
// The zero value is "none".
type Identity uint64

// Identifier tells apart the connections that claims with an identity compete
// for. Two Identifiers are the same if they are equal, so a pointer type serves
// best. It must be safe for concurrent use.
type Identifier interface {
	// Identify does what Options.Identify says.
	Identify(net.Conn) (Identity, net.Conn, error)
	// Apart says whether it is certain that a connection of one identity will
	// never show the other. Only then may they share a port. It is called under
	// the allocator's lock: it must be quick and not call the allocator.
	Apart(a, b Identity) bool
}

// Claim is what a session asks of the allocator.
type Claim struct {
	// Client is the address of the session's control connection. Required.
	Client netip.Addr
	// Identity, if not 0, promises that the connection will identify itself
	// to the Identifier. Claims for the same peers and with the same Identifier
	// share a port. No two pending leases of one Identifier may have the same
	// identity.
	Identity Identity
	// Identifier tells the connections of such claims apart. Nil:
	// Options.Identify.
	Identifier Identifier
	// Replaces is the session's earlier lease, which ends first (and with it a
	// connection that came for it but was never taken by Accept), so that one
	// session never holds two. It may be of another allocator. Nil or an ended
	// lease: nothing to replace.
	Replaces *Lease
}

// Allocator owns a list of TCP ports and lends them to sessions. All methods
// may be called concurrently.
type Allocator struct {
	inForce atomic.Pointer[Options] // stored with mu held
	log     *zap.Logger

	running   sync.WaitGroup // goroutines that Close waits for
	timer     *time.Timer    // runs sweep
	reloading sync.Mutex     // one Reload at a time; taken before mu

	mu         sync.Mutex
	closed     bool
	ports      []*port // those that new leases may use
	retired    map[*port]struct{}
	onlyPort   bool // Yield lets go of the only one
	asked      map[*askedConn]struct{}
	claims     claimTable
	age        ageList
	queue      queue
	reach      reachability
	rand       *rand.Rand
	wakeAt     time.Time  // when timer fires; zero: not armed
	events     []Event    // ended since the lock was taken, for the observer
	doomed     []net.Conn // to close once the lock is released
	later      []func()   // to do likewise
	totals     Counters
	waits      WaitHistogram
	strayLog   throttle
	troubleLog throttle // of errors that may hit all ports at once
}

// New returns an allocator that holds its ports: each is bound before New
// returns (ranges of more than 1,024 ports bind a port at its first lease).
// An error names the port and, where the system tells it, the program that
// holds it; no port is then bound. The caller closes the allocator.
func New(opts Options) (*Allocator, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	var seed [32]byte
	crand.Read(seed[:]) // never fails (crypto/rand)
	a := &Allocator{
		log:     opts.Logger.Named("portalloc"),
		retired: make(map[*port]struct{}),
		asked:   make(map[*askedConn]struct{}),
		claims:  newClaimTable(opts.Sharing == SharingExclusive),
		queue:   newQueue(opts.Sharing == SharingExclusive),
		reach:   newReachability(),
		rand:    rand.New(rand.NewChaCha8(seed)),
		ports:   makePorts(opts.Ports, opts.AdvertisedPorts),
	}
	a.inForce.Store(&opts)
	if err := a.bindAll(a.ports); err != nil {
		return nil, err
	}
	a.suspend(a.ports, opts.Suspended)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(time.Hour, a.sweep)
	a.timer.Stop()
	for _, p := range a.ports {
		a.startAcceptingLocked(p)
	}
	return a, nil
}

// options are those in force. They never change; Reload puts others in their
// place.
func (a *Allocator) options() *Options { return a.inForce.Load() }

// Ports is the list of listen ports that new leases may use.
func (a *Allocator) Ports() PortList { return a.options().Ports }

// AdvertisedPorts is the list of ports that clients are told.
func (a *Allocator) AdvertisedPorts() PortList { return a.options().AdvertisedPorts }

// Peers is where the data connection of a client may come from, as Options.Peer
// says. Leases for the same peers may compete for a port.
func (a *Allocator) Peers(client netip.Addr) netip.Prefix { return a.options().Peer.Peers(client) }

// TryAcquire returns a lease if a port is free for the claim and nobody waits
// for it; else it returns ErrExhausted at once, or ErrTooMany. After Close it
// returns ErrClosed. The caller closes the lease or calls its Accept.
func (a *Allocator) TryAcquire(claim Claim) (*Lease, error) {
	claim, peers, err := a.normalize(claim)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.unlock()
	return a.acquireLocked(claim, peers)
}

// Acquire returns a lease, waiting for a free port for up to Options.Wait.
// Those that wait are served first come, first served among the sessions of
// one client address, and in turns among addresses. It returns ErrExhausted
// when the time is over, ctx's error when that is done first, ErrTooMany at
// once, ErrClosed after Close. The caller closes the lease or calls its Accept.
func (a *Allocator) Acquire(ctx context.Context, claim Claim) (*Lease, error) {
	claim, peers, err := a.normalize(claim)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	lease, err := a.acquireLocked(claim, peers)
	if !errors.Is(err, ErrExhausted) {
		a.unlock()
		return lease, err
	}
	if a.options().Wait < 0 {
		a.totals.Exhausted++
		a.unlock()
		return nil, err
	}
	now := time.Now()
	w := a.queue.add(claim, peers, now)
	a.searchSoonLocked(now)
	a.unlock()

	timeout := time.NewTimer(a.options().Wait)
	defer timeout.Stop()
	select {
	case <-w.served:
	case <-timeout.C:
		a.abandon(w, ErrExhausted)
	case <-ctx.Done():
		a.abandon(w, context.Cause(ctx))
	}
	return w.lease, w.err
}

// abandon takes a waiter out of the queue, unless it has been served.
func (a *Allocator) abandon(w *waiter, err error) {
	a.mu.Lock()
	defer a.unlock()
	if !a.queue.remove(w) {
		return
	}
	w.err = err
	if errors.Is(err, ErrExhausted) {
		a.totals.Exhausted++
	}
	a.serveFollowersLocked(time.Now())
}

// Close ends every lease, refuses those who wait with ErrClosed, closes the
// ports, and waits until nothing runs on behalf of the allocator. Connections
// that have come for leases stay open, and are their sessions' to close. It
// always returns nil, and may be called again.
func (a *Allocator) Close() error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		a.timer.Stop()
		a.dismissLocked()
		for p := range a.retired {
			p.close()
		}
		for _, p := range a.ports {
			p.close()
		}
	}
	a.unlock()
	a.running.Wait()
	return nil
}

// dismissLocked ends everything that waits for something.
func (a *Allocator) dismissLocked() {
	for w := a.queue.next(); w != nil; w = a.queue.next() {
		a.queue.remove(w)
		w.finish(nil, ErrClosed)
	}
	for l := a.age.oldest; l != nil; l = a.age.oldest {
		a.endLocked(l, Cancelled)
	}
	for c := range a.asked {
		a.doomed = append(a.doomed, c.conn)
	}
}

// normalize brings the claim's address into the one form that maps compare,
// and says from where its connection may come.
func (a *Allocator) normalize(claim Claim) (Claim, netip.Prefix, error) {
	if r := claim.Replaces; r != nil && r.allocator != a {
		r.end(Replaced)
		claim.Replaces = nil
	}
	if !claim.Client.IsValid() {
		return claim, netip.Prefix{}, errors.New("portalloc: Claim.Client is no address: set it to the control connection's client")
	}
	claim.Client = claim.Client.Unmap().WithZone("")
	if a.options().Identify == nil && claim.Identifier == nil {
		claim.Identity = 0
	}
	return claim, a.options().Peer.Peers(claim.Client), nil
}

func (a *Allocator) acquireLocked(claim Claim, peers netip.Prefix) (*Lease, error) {
	if claim.Replaces != nil {
		a.endLocked(claim.Replaces, Replaced)
		a.dropConnLocked(claim.Replaces)
	}
	claim.Replaces = nil // or old leases would hang on to older ones
	if a.closed {
		return nil, ErrClosed
	}
	if limit := a.options().MaxPerAddress; limit > 0 && a.claims.clients.of(claim.Client)+a.queue.clients.of(claim.Client) >= limit {
		a.totals.TooMany++
		return nil, ErrTooMany
	}
	if a.queue.isWaitingFor(peers) {
		return nil, ErrExhausted // others came first
	}
	now := time.Now()
	p := a.choosePortLocked(claim, peers, now)
	if p == nil {
		return nil, ErrExhausted
	}
	return a.grantLocked(p, claim, peers, now, 0), nil
}

// unlock releases the lock and then does what must not be done under it:
// closing connections, logging, and telling the observer what happened.
func (a *Allocator) unlock() {
	events, doomed, later := a.events, a.doomed, a.later
	a.events, a.doomed, a.later = nil, nil, nil
	a.mu.Unlock()
	for _, do := range later {
		do()
	}
	for _, conn := range doomed {
		reset(conn)
	}
	for _, e := range events {
		a.report(e)
	}
}

func (a *Allocator) report(e Event) {
	if a.options().Observer != nil {
		a.options().Observer(e)
	}
	if entry := a.log.Check(zap.DebugLevel, "lease ended"); entry != nil {
		entry.Write(zap.Uint16("port", e.Port), zap.Stringer("client", e.Client), zap.Stringer("outcome", e.Outcome),
			zap.Duration("waited", e.Waited), zap.Duration("held", e.Held))
	}
}
