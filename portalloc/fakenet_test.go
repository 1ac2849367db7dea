package portalloc

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// fakeNet is a network in memory whose clients have any address they like.
type fakeNet struct {
	mu        sync.Mutex
	listeners map[uint16]*fakeListener
	taken     map[uint16]bool // ports that something else holds
	onListen  func()          // called when a port is about to be bound
}

func newFakeNet() *fakeNet {
	return &fakeNet{listeners: make(map[uint16]*fakeListener), taken: make(map[uint16]bool)}
}

func (n *fakeNet) listen(_ context.Context, port uint16) (net.Listener, error) {
	if n.onListen != nil {
		n.onListen()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[port] != nil || n.taken[port] {
		return nil, fmt.Errorf("fake port %d is taken", port)
	}
	l := &fakeListener{net: n, port: port, incoming: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[port] = l
	return l, nil
}

// bound lists the ports that are listened on.
func (n *fakeNet) bound() PortList {
	n.mu.Lock()
	defer n.mu.Unlock()
	var ports []uint16
	for port := range n.listeners {
		ports = append(ports, port)
	}
	return portListOf(ports)
}

// dial returns the client's end of a connection that the port's listener has
// accepted, or an error if nobody listens.
func (n *fakeNet) dial(port uint16, from string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[port]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("fake port %d: connection refused", port)
	}
	client, server := net.Pipe()
	remote := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 50000))
	select {
	case l.incoming <- &fakeConn{Conn: server, local: l.Addr(), remote: remote}:
		return client, nil
	case <-l.closed:
		client.Close()
		return nil, fmt.Errorf("fake port %d: connection refused", port)
	}
}

type fakeListener struct {
	net      *fakeNet
	port     uint16
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (l *fakeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.incoming:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *fakeListener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.net.listeners, l.port)
		close(l.closed)
	})
	return nil
}

func (l *fakeListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: int(l.port)}
}

type fakeConn struct {
	net.Conn
	local, remote net.Addr
}

func (c *fakeConn) LocalAddr() net.Addr  { return c.local }
func (c *fakeConn) RemoteAddr() net.Addr { return c.remote }

// testbed is an allocator on a fake network, inside a synctest bubble.
type testbed struct {
	*Allocator
	t   *testing.T
	net *fakeNet

	mu       sync.Mutex
	events   []Event
	refusals []Refusal
}

// inBubble runs a test with its own clock and network. The allocator is closed
// at the end; a goroutine that is left over fails the test.
func inBubble(t *testing.T, opts Options, test func(t *testing.T, b *testbed)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, opts)
		defer b.Close()
		test(t, b)
	})
}

func newTestbed(t *testing.T, opts Options) *testbed {
	t.Helper()
	b := &testbed{t: t, net: newFakeNet()}
	opts.Listen = b.net.listen
	opts.Observer = func(e Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, e)
	}
	opts.OnRefused = func(r Refusal) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.refusals = append(b.refusals, r)
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	allocator, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.Allocator = allocator
	return b
}

// try is TryAcquire for one client that must succeed.
func (b *testbed) try(client string) *Lease {
	b.t.Helper()
	l, err := b.TryAcquire(Claim{Client: netip.MustParseAddr(client)})
	if err != nil {
		b.t.Fatalf("TryAcquire for %s: %v", client, err)
	}
	return l
}

// tryAs is try with an identity.
func (b *testbed) tryAs(client string, id Identity) *Lease {
	b.t.Helper()
	l, err := b.TryAcquire(Claim{Client: netip.MustParseAddr(client), Identity: id})
	if err != nil {
		b.t.Fatalf("TryAcquire for %s as %d: %v", client, id, err)
	}
	return l
}

// testWaiter is a call of Acquire on a goroutine of its own.
type testWaiter struct {
	lease  *Lease
	err    error
	after  time.Duration
	done   bool
	cancel context.CancelFunc
}

// wait calls Acquire and returns when it waits or has returned. Read the result
// after synctest.Wait only.
func (b *testbed) wait(claim Claim) *testWaiter {
	ctx, cancel := context.WithCancel(b.t.Context())
	w := &testWaiter{cancel: cancel}
	start := time.Now()
	go func() {
		w.lease, w.err = b.Acquire(ctx, claim)
		w.after, w.done = time.Since(start), true
		cancel()
	}()
	synctest.Wait()
	return w
}

// connect dials the lease's port from an address and sends the message.
func (b *testbed) connect(l *Lease, from, message string) net.Conn {
	b.t.Helper()
	conn, err := b.net.dial(l.Port(), from)
	if err != nil {
		b.t.Fatal(err)
	}
	go io.WriteString(conn, message)
	synctest.Wait()
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

// wantMessage takes the lease's connection and reads the message from it.
func (b *testbed) wantMessage(l *Lease, want string) {
	b.t.Helper()
	conn, err := l.Accept(b.t.Context())
	if err != nil {
		b.t.Errorf("Accept: %v", err)
		return
	}
	defer conn.Close()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		b.t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

// wantClosed checks that the server has closed the connection.
func (b *testbed) wantClosed(client net.Conn) {
	b.t.Helper()
	client.SetReadDeadline(time.Now().Add(time.Nanosecond))
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		b.t.Errorf("reading from a refused connection: %v; want EOF", err)
	}
}

// outcomes lists those of all leases that have ended, in order.
func (b *testbed) outcomes() []Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Outcome
	for _, e := range b.events {
		all = append(all, e.Outcome)
	}
	return all
}

func mustPorts(t testing.TB, s string) PortList {
	t.Helper()
	list, err := ParsePorts(s)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func claimOf(client string) Claim { return Claim{Client: netip.MustParseAddr(client)} }

// readIdentity is an Options.Identify for clients that send their identity as
// the first byte, '0' being "none" and '!' garbage.
func readIdentity(conn net.Conn) (Identity, net.Conn, error) {
	var hello [1]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil {
		return 0, nil, err
	}
	if hello[0] == '!' {
		return 0, nil, fmt.Errorf("garbage")
	}
	return Identity(hello[0] - '0'), &replayConn{Conn: conn, first: hello[:]}, nil
}

// replayConn yields some bytes again before those of the connection.
type replayConn struct {
	net.Conn
	first []byte
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func claimPeers(client string) netip.Prefix { return PeerPolicy{}.Peers(netip.MustParseAddr(client)) }

// leases lists the pending leases, oldest first.
func (list *ageList) leases() []*Lease {
	var all []*Lease
	for l := list.oldest; l != nil; l = l.newer {
		all = append(all, l)
	}
	return all
}
