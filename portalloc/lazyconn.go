package portalloc

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// lazyConn is a lease's connection before it is known which one it is. Its
// first Read or Write waits for that, at the longest until the lease ends or
// its own deadline.
type lazyConn struct {
	lease *Lease

	mu            sync.Mutex // taken before the allocator's
	conn          net.Conn   // nil until known
	closed        bool
	readDeadline  time.Time     // to set once the connection is known
	writeDeadline time.Time     // likewise
	moved         chan struct{} // closed when closed or a deadline changes
}

func newLazyConn(l *Lease) *lazyConn {
	return &lazyConn{lease: l, moved: make(chan struct{})}
}

func (c *lazyConn) Read(p []byte) (int, error) {
	conn, err := c.bind(func() time.Time { return c.readDeadline })
	if err != nil {
		return 0, err
	}
	return conn.Read(p)
}

func (c *lazyConn) Write(p []byte) (int, error) {
	conn, err := c.bind(func() time.Time { return c.writeDeadline })
	if err != nil {
		return 0, err
	}
	return conn.Write(p)
}

// bind waits for the connection. It reads the deadline under the lock.
func (c *lazyConn) bind(deadline func() time.Time) (net.Conn, error) {
	for {
		c.mu.Lock()
		conn, changed, err := c.tryBindLocked()
		until, moved := deadline(), c.moved
		c.mu.Unlock()
		if conn != nil || err != nil {
			return conn, err
		}
		if err := waitUntil(until, changed, moved); err != nil {
			return nil, err
		}
	}
}

// waitUntil waits for one of the two channels, or fails at the time (zero:
// never).
func waitUntil(deadline time.Time, changed, moved <-chan struct{}) error {
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-changed:
	case <-moved:
	case <-expired:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// tryBindLocked returns the connection if it is known by now, else a channel
// that is closed when it may be. Taking it from the lease and keeping it is one
// step under the lock, for Read and Write may both be waiting.
func (c *lazyConn) tryBindLocked() (net.Conn, <-chan struct{}, error) {
	switch {
	case c.closed:
		return nil, nil, net.ErrClosed
	case c.conn != nil:
		return c.conn, nil, nil
	}
	conn, changed, err := c.lease.take()
	if conn == nil {
		return nil, changed, err
	}
	conn.SetReadDeadline(c.readDeadline)
	conn.SetWriteDeadline(c.writeDeadline)
	c.conn = conn
	return conn, nil, nil
}

// Close closes the connection if it is known, and else ends the lease.
func (c *lazyConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	close(c.moved)
	conn := c.conn
	c.mu.Unlock()
	if conn != nil {
		return conn.Close()
	}
	return c.lease.Close()
}

func (c *lazyConn) LocalAddr() net.Addr {
	if conn := c.bound(); conn != nil {
		return conn.LocalAddr()
	}
	return c.lease.port.listener.Addr()
}

// RemoteAddr is the client's address with port 0 until the connection is known.
func (c *lazyConn) RemoteAddr() net.Addr {
	if conn := c.bound(); conn != nil {
		return conn.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.lease.claim.Client, 0))
}

func (c *lazyConn) bound() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

func (c *lazyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *lazyConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		return c.conn.SetReadDeadline(t)
	}
	c.readDeadline = t
	return c.movedLocked()
}

func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		return c.conn.SetWriteDeadline(t)
	}
	c.writeDeadline = t
	return c.movedLocked()
}

// movedLocked makes those that wait in bind look at their deadline again.
func (c *lazyConn) movedLocked() error {
	if c.closed {
		return net.ErrClosed
	}
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}

// SyscallConn makes socket options work through this connection, once it is
// known.
func (c *lazyConn) SyscallConn() (syscall.RawConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if socket, ok := c.conn.(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
