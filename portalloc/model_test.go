package portalloc

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	modelWait          = 5 * time.Second
	modelAcceptTimeout = 30 * time.Second
	modelReclaimAfter  = 2 * time.Second
)

// FuzzAllocator plays a random sequence of what sessions, clients, strangers
// and operators do, and compares the allocator with a simple model after each
// step. The first byte chooses the options, each further pair of bytes a step.
func FuzzAllocator(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 1, 0, 1, 1})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 7, 0, 7, 0, 7, 0, 4, 200, 2, 0})
	f.Add([]byte{2, 0, 9, 0, 17, 7, 8, 7, 9, 1, 40, 3, 3, 5, 5, 6, 1, 4, 90, 8, 0})
	f.Add([]byte{3, 7, 1, 7, 2, 7, 3, 7, 4, 6, 2, 6, 0, 4, 120, 1, 1, 1, 2, 9, 3})
	random := uint32(2463534242)
	for range 150 {
		script := make([]byte, 121)
		for i := range script {
			random ^= random << 13
			random ^= random >> 17
			random ^= random << 5
			script[i] = byte(random >> 8)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 || len(script) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, script[0])
			defer m.b.Close() // or a failure would leave its goroutines
			for steps := script[1:]; len(steps) >= 2 && !t.Failed(); steps = steps[2:] {
				m.step(steps[0], steps[1])
				m.settle()
				m.check()
			}
			m.finish()
		})
	})
}

// model is what the allocator should have come to.
type model struct {
	t        *testing.T
	b        *testbed
	policy   PeerPolicy
	ports    PortList
	sessions []*modelSession
	waiting  []*modelClaim // in the order of arrival
	waited   time.Time     // when somebody began to wait last
	resized  time.Time
	nextID   Identity
	tokens   int
	trace    []string
}

// modelSession is one session, which has one claim at most.
type modelSession struct {
	client string
	claim  *modelClaim
}

// modelClaim is a claim from the moment it is made.
type modelClaim struct {
	client   string
	identity Identity
	peers    netip.Prefix
	cancel   context.CancelFunc
	since    time.Time

	claimState        // as it was when all goroutines were blocked
	mayEnd     bool   // the model has ended it
	wantToken  string // the model has connected to it

	mu  sync.Mutex
	now claimState // kept by the claim's own goroutine
}

// claimState is what has become of a claim.
type claimState struct {
	lease   *Lease
	granted time.Time
	ended   time.Time
	err     error  // of Acquire
	isOver  bool   // the lease, or the claim without one
	token   string // what the connection brought
}

func (c *modelClaim) isPending() bool { return c.lease != nil && !c.isOver }

func newModel(t *testing.T, choice byte) *model {
	m := &model{t: t, ports: PortList{{1, 3}}}
	opts := Options{
		Ports: m.ports, Identify: readLongIdentity,
		Wait: modelWait, AcceptTimeout: modelAcceptTimeout, ReclaimAfter: modelReclaimAfter,
		MaxPerAddress: 1000,
	}
	switch choice % 4 {
	case 1:
		opts.Sharing = SharingExclusive
	case 2:
		opts.Peer = PeerPolicy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.0.0.0/8")}}
	case 3:
		opts.Peer = PeerPolicy{Any: true}
	}
	m.policy = opts.Peer
	m.b = newTestbed(t, opts)
	for i := range 12 {
		m.sessions = append(m.sessions, &modelSession{client: modelClients()[i%len(modelClients())]})
	}
	return m
}

func modelClients() []string {
	return []string{"203.0.113.1", "10.1.0.1", "10.1.0.2", "10.2.0.1", "2001:db8::1"}
}

// readLongIdentity reads eight digits, and gives them back.
func readLongIdentity(conn net.Conn) (Identity, net.Conn, error) {
	var hello [8]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil {
		return 0, nil, err
	}
	id, err := strconv.ParseUint(string(hello[:]), 10, 64)
	return Identity(id), &replayConn{Conn: conn, first: hello[:]}, err
}

func (m *model) step(op, arg byte) {
	session := m.sessions[int(arg)%len(m.sessions)]
	identified := arg >= 128
	switch op % 10 {
	case 0, 1:
		m.acquire(session, identified, nil)
	case 2:
		if session.claim != nil && session.claim.lease != nil {
			m.acquire(session, identified, session.claim)
		}
	case 3:
		m.connectOwn(session)
	case 4:
		m.connectStray(uint16(arg)%4+1, modelClients()[int(arg)%len(modelClients())])
	case 5:
		m.logf("%v pass", time.Duration(arg)*100*time.Millisecond)
		time.Sleep(time.Duration(arg) * 100 * time.Millisecond)
	case 6:
		m.end(session)
	case 7:
		m.resize(arg)
	case 8:
		m.connectForeign(session, arg)
	case 9:
		m.connectGarbage(session)
	}
}

func (m *model) logf(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	for _, line := range m.trace {
		m.t.Log(line)
	}
	m.t.Fatalf(format, args...)
}

// acquire has a session claim a port. It waits if it has to.
func (m *model) acquire(s *modelSession, identified bool, replaces *modelClaim) {
	if s.claim != nil && !s.claim.isOver && replaces == nil {
		return // a session has one claim at a time
	}
	c := &modelClaim{client: s.client, peers: m.policy.Peers(netip.MustParseAddr(s.client))}
	claim := Claim{Client: netip.MustParseAddr(s.client)}
	if identified {
		m.nextID++
		c.identity = m.nextID
		claim.Identity = c.identity
	}
	if replaces != nil {
		claim.Replaces = replaces.lease
		replaces.mayEnd = true
	}
	// What a replaced lease frees goes to those who wait, and what they leave
	// may do for the claim: checkWaiters sees to that.
	foreseeable := replaces == nil || !replaces.isPending() || len(m.waiters()) == 0
	mustWait := m.mustWait(c, replaces)
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(m.t.Context())
	s.claim = c
	c.since = time.Now()
	m.waiting = append(m.waiting, c)
	m.waited = c.since
	m.logf("%s claims a port, identity %d, replaces %v", c.client, c.identity, replaces != nil)
	go m.runClaim(ctx, c, claim)
	m.settle()
	if got := c.lease == nil; foreseeable && got != mustWait {
		m.fail("%s, identity %d: waits %v; want %v", c.client, c.identity, got, mustWait)
	}
}

// runClaim is the life of a claim: it reads what its connection brings.
func (m *model) runClaim(ctx context.Context, c *modelClaim, claim Claim) {
	defer c.cancel()
	lease, err := m.b.Acquire(ctx, claim)
	c.update(claimState{lease: lease, granted: time.Now(), err: err, isOver: err != nil})
	if err != nil {
		return
	}
	over := claimState{lease: lease, granted: time.Now(), isOver: true}
	defer func() {
		over.ended = time.Now()
		c.update(over)
	}()
	conn, err := lease.Accept(context.Background())
	if err != nil {
		return
	}
	defer conn.Close()
	if token, err := io.ReadAll(conn); err == nil {
		over.token = string(token)
	}
}

func (c *modelClaim) update(state claimState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = state
}

// settle waits until all goroutines are blocked and looks what has become of
// the claims.
func (m *model) settle() {
	synctest.Wait()
	for _, c := range m.claims() {
		c.mu.Lock()
		c.claimState = c.now
		c.mu.Unlock()
	}
}

// mustWait says whether a claim that is made now has to wait: for somebody who
// was there before, or because no port is free.
func (m *model) mustWait(c, replaces *modelClaim) bool {
	for _, w := range m.waiters() {
		if m.compete(w, c) {
			return true
		}
	}
	return !m.anyFree(c, replaces)
}

func (m *model) compete(a, b *modelClaim) bool {
	return m.b.options().Sharing == SharingExclusive || a.peers.Overlaps(b.peers)
}

// anyFree says whether a port is free for a claim, if one lease were not there.
func (m *model) anyFree(c, without *modelClaim) bool {
	for port := range m.ports.All() {
		if !slices.ContainsFunc(m.pendingOn(port), func(other *modelClaim) bool {
			return other != without && m.conflict(c, other)
		}) {
			return true
		}
	}
	return false
}

// conflict is the one rule of the allocator.
func (m *model) conflict(a, b *modelClaim) bool {
	return m.compete(a, b) && (m.b.options().Sharing == SharingExclusive ||
		a.identity == 0 || b.identity == 0 || a.peers != b.peers)
}

func (m *model) claims() []*modelClaim {
	var all []*modelClaim
	for _, s := range m.sessions {
		if s.claim != nil {
			all = append(all, s.claim)
		}
	}
	return all
}

func (m *model) pendingOn(port uint16) []*modelClaim {
	return slices.DeleteFunc(m.claims(), func(c *modelClaim) bool { return !c.isPending() || c.lease.Port() != port })
}

// waiters lists those who wait, in the order of arrival.
func (m *model) waiters() []*modelClaim {
	m.waiting = slices.DeleteFunc(m.waiting, func(c *modelClaim) bool { return c.lease != nil || c.isOver })
	return m.waiting
}

// connectOwn has a session's client connect as it should.
func (m *model) connectOwn(s *modelSession) {
	if c := s.claim; c != nil && c.isPending() {
		m.logf("%s connects to its port %d", c.client, c.lease.Port())
		m.expectAt(c, m.connect(c.lease.Port(), c.client, c.identity), c.identity)
	}
}

// connectStray has somebody connect to some port, perhaps rightly.
func (m *model) connectStray(port uint16, from string) {
	m.logf("%s connects to port %d", from, port)
	var owners []*modelClaim
	for _, c := range m.pendingOn(port) {
		if c.peers.Contains(netip.MustParseAddr(from)) {
			owners = append(owners, c)
		}
	}
	token := m.connect(port, from, 0)
	if len(owners) == 1 { // several: no identity, so it is nobody's
		m.expectAt(owners[0], token, 0)
	}
}

// connectForeign has a client show another session's identity.
func (m *model) connectForeign(s *modelSession, arg byte) {
	c, other := s.claim, m.sessions[int(arg/16)%len(m.sessions)].claim
	if c == nil || other == nil || !c.isPending() || !other.isPending() || other.identity == 0 || c == other {
		return
	}
	port := c.lease.Port()
	m.logf("%s connects to port %d as %d", c.client, port, other.identity)
	sharers := m.pendingOn(port)
	token := m.connect(port, c.client, other.identity)
	switch {
	case slices.Contains(sharers, other) && other.peers == c.peers:
		m.expectAt(other, token, other.identity)
	case c.identity == 0 || !slices.ContainsFunc(sharers, func(o *modelClaim) bool { return o != c && o.peers == c.peers }):
		m.expectAt(c, token, other.identity)
	}
}

// connectGarbage has a client send no identity at all.
func (m *model) connectGarbage(s *modelSession) {
	if c := s.claim; c != nil && c.isPending() && c.identity != 0 {
		m.logf("%s sends garbage to port %d", c.client, c.lease.Port())
		conn, err := m.b.net.dial(c.lease.Port(), c.client)
		if err != nil {
			m.fail("%v", err)
		}
		go func() {
			io.WriteString(conn, "gar")
			conn.Close()
		}()
	}
}

// connect sends a token of its own through a new connection.
func (m *model) connect(port uint16, from string, id Identity) (token string) {
	m.tokens++
	token = fmt.Sprintf("%08dtoken %d", id, m.tokens)
	conn, err := m.b.net.dial(port, from)
	if err != nil {
		if m.ports.Contains(port) || len(m.pendingOn(port)) > 0 {
			m.fail("connect to port %d: %v", port, err)
		}
		return token
	}
	go func() {
		io.WriteString(conn, token)
		conn.Close()
	}()
	return token
}

// expectAt checks that a connection has come to a claim, and not got lost.
func (m *model) expectAt(c *modelClaim, token string, id Identity) {
	m.settle()
	if c.token != token {
		m.fail("the lease of %s on port %d got %q; want %q", c.client, c.lease.Port(), c.token, token)
	}
	c.wantToken = token
}

// end ends a session's claim, whether it waits or has a lease.
func (m *model) end(s *modelSession) {
	if c := s.claim; c != nil && !c.isOver {
		m.logf("%s ends its claim", c.client)
		c.mayEnd = true
		if c.lease == nil {
			c.cancel()
			return
		}
		c.lease.Close()
	}
}

func (m *model) resize(arg byte) {
	ports := []PortList{{{1, 1}}, {{1, 3}}, {{2, 4}}, {{4, 4}, {1, 2}}}[arg%4]
	m.logf("the ports become %v", ports)
	if err := resize(m.b, ports, nil); err != nil {
		m.fail("Reload: %v", err)
	}
	m.ports, m.resized = ports, time.Now()
}
