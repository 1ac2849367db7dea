//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strconv"
	"testing"
	"time"
)

// rawTimeout bounds each dialogue with the server.
const rawTimeout = 30 * time.Second

// raw is a control connection for what well-behaved clients never do. It
// speaks no TLS.
type raw struct {
	*textproto.Conn
	t     *testing.T
	conn  *net.TCPConn
	local netip.Addr // where connections come from
}

// dialRaw connects from 127.0.0.1 and reads the greeting.
func dialRaw(t *testing.T, address string) *raw {
	t.Helper()
	return dialRawFrom(t, address, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

// dialRawFrom connects from an address of this machine; a second one stands
// for a second client.
func dialRawFrom(t *testing.T, address string, local netip.Addr) *raw {
	t.Helper()
	conn := dialFrom(t, address, local)
	r := &raw{textproto.NewConn(conn), t, conn, local}
	r.expect(220)
	return r
}

func dialFrom(t *testing.T, address string, local netip.Addr) *net.TCPConn {
	t.Helper()
	conn, err := rawDialer(local).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(rawTimeout))
	return conn.(*net.TCPConn)
}

func rawDialer(local netip.Addr) *net.Dialer {
	dialer := &net.Dialer{
		Timeout:   rawTimeout,
		LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0)),
	}
	dialer.SetMultipathTCP(false)
	return dialer
}

// secondClient is another loopback address. Linux answers on all of
// 127.0.0.0/8, other systems on 127.0.0.1 alone.
func secondClient(t *testing.T) netip.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Skip("this machine has no second loopback address:", err)
	}
	_ = l.Close()
	return netip.AddrFrom4([4]byte{127, 0, 0, 2})
}

// send sends a command without waiting for its reply.
func (r *raw) send(format string, args ...any) {
	r.t.Helper()
	if err := r.PrintfLine(format, args...); err != nil {
		r.t.Fatal(err)
	}
}

// expect reads a reply, which must have this code.
func (r *raw) expect(code int) string {
	r.t.Helper()
	got, text, err := r.reply()
	if err != nil {
		r.t.Fatalf("no reply: %v, want %d", err, code)
	}
	if got != code {
		r.t.Fatalf("reply %d %s, want %d", got, text, code)
	}
	return text
}

func (r *raw) reply() (int, string, error) {
	code, text, err := r.ReadResponse(0)
	if wrong := (*textproto.Error)(nil); errors.As(err, &wrong) {
		err = nil // the code is the caller's business
	}
	return code, text, err
}

func (r *raw) login() {
	r.t.Helper()
	r.send("USER %s", userName)
	r.expect(331)
	r.send("PASS %s", suite.password)
	r.expect(230)
	r.send("TYPE I")
	r.expect(200)
}

// epsv asks for a passive port and returns where it is.
func (r *raw) epsv() string {
	r.t.Helper()
	r.send("EPSV")
	text := r.expect(229)
	named := passivePorts("229 " + text)
	if len(named) != 1 {
		r.t.Fatalf("229 %s names no port", text)
	}
	host, _, _ := net.SplitHostPort(r.conn.RemoteAddr().String())
	return net.JoinHostPort(host, strconv.Itoa(named[0]))
}

// data opens the data connection of an EPSV reply.
func (r *raw) data(address string) *net.TCPConn {
	r.t.Helper()
	return dialFrom(r.t, address, r.local)
}

// retr starts a download and returns its data connection.
func (r *raw) retr(file string) *net.TCPConn {
	r.t.Helper()
	conn := r.data(r.epsv())
	r.send("RETR %s", file)
	r.expect(150)
	return conn
}

// stor starts an upload and returns its data connection.
func (r *raw) stor(file string) *net.TCPConn {
	r.t.Helper()
	conn := r.data(r.epsv())
	r.send("STOR %s", file)
	r.expect(150)
	return conn
}

// list lists the user's root over a fresh data connection.
func (r *raw) list() string {
	r.t.Helper()
	conn := r.data(r.epsv())
	r.send("LIST")
	r.expect(150)
	text, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatal("LIST:", err)
	}
	r.expect(226)
	return string(text)
}

// reset closes a connection as a machine does that loses power and comes back:
// the server sees a reset instead of an orderly end.
func reset(t *testing.T, conns ...*net.TCPConn) {
	t.Helper()
	for _, c := range conns {
		if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
			t.Error(err)
		}
	}
}

// closed reads until the server ends the connection and returns what it said.
func closed(conn net.Conn, within time.Duration) (string, error) {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	said, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return string(said), fmt.Errorf("the connection is still open after %v", within)
	}
	return string(said), nil // a reset is an end too
}
