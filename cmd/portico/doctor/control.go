package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// control is the client's end of a control connection. One goroutine uses it at
// a time. After any error it is broken: what the server sends next could be
// taken for the answer to something else.
type control struct {
	conn    net.Conn
	reader  *bufio.Reader
	timeout time.Duration
	unwatch func() bool
	broken  bool
}

// newControl takes over conn, which it closes when ctx is done.
func newControl(ctx context.Context, conn net.Conn, timeout time.Duration) *control {
	return &control{
		conn: conn, reader: bufio.NewReader(conn), timeout: timeout,
		unwatch: context.AfterFunc(ctx, func() { conn.Close() }),
	}
}

// command sends a line and returns the reply.
func (c *control) command(format string, args ...any) (reply, error) {
	if err := c.send(fmt.Sprintf(format, args...)); err != nil {
		return reply{}, err
	}
	return c.receive()
}

func (c *control) send(line string) error {
	c.conn.SetWriteDeadline(time.Now().Add(c.timeout))
	if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
		return c.fail(err)
	}
	return nil
}

// receive reads the next reply, all of which must come within the timeout.
func (c *control) receive() (reply, error) {
	c.conn.SetReadDeadline(time.Now().Add(c.timeout))
	r, err := readReply(c.reader)
	if err != nil {
		return reply{}, c.fail(err)
	}
	if r.code == 421 { // the server leaves (RFC 959 §5.4)
		c.broken = true
	}
	return r, nil
}

// errEarlyBytes: RFC 4217 has nothing between the 234 and the handshake, so
// such bytes were put in by someone on the way, or the server is confused.
var errEarlyBytes = errors.New("there are bytes in clear behind the reply to AUTH TLS")

// startTLS makes the handshake and goes on under TLS.
func (c *control) startTLS(ctx context.Context, config *tls.Config) (*tls.ConnectionState, error) {
	if c.reader.Buffered() > 0 {
		return nil, c.fail(errEarlyBytes)
	}
	conn := tls.Client(c.conn, config)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, c.fail(err)
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	state := conn.ConnectionState()
	return &state, nil
}

func (c *control) fail(err error) error {
	c.broken = true
	return err
}

// close takes leave without waiting for an answer.
func (c *control) close() {
	c.unwatch()
	if !c.broken {
		c.conn.SetDeadline(time.Now().Add(time.Second))
		c.conn.Write([]byte("QUIT\r\n"))
	}
	c.broken = true
	c.conn.Close()
}

func (c *control) local() netip.Addr  { return addrPortOf(c.conn.LocalAddr()).Addr() }
func (c *control) remote() netip.Addr { return addrPortOf(c.conn.RemoteAddr()).Addr() }

func addrPortOf(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
