//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// balancer stands for a load balancer: it passes connections on with a PROXY
// header in front that names their client.
type balancer struct {
	version byte
	local   netip.Addr // where its connections to the server come from
	client  netip.Addr // what it says of its clients
}

// balancerOf makes a site believe what connections from 127.0.0.3 say, and
// returns what connects from there.
func balancerOf(t *testing.T, s *site, version byte, client string) balancer {
	t.Helper()
	secondClient(t) // skips where there is no such address
	const local = "127.0.0.3"
	s.set("listeners.0.proxy_protocol", []any{local + "/32"})
	return balancer{version, netip.MustParseAddr(local), netip.MustParseAddr(client)}
}

// header is what comes in front of a connection to a port.
func (b balancer) header(t *testing.T, port int) []byte {
	t.Helper()
	server := "198.51.100.80"
	if b.client.Is6() {
		server = "2001:db8::80"
	}
	header := proxyproto.HeaderProxyFromAddrs(b.version,
		net.TCPAddrFromAddrPort(netip.AddrPortFrom(b.client, 54321)),
		net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(server), uint16(port))))
	bytes, err := header.Format()
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// dial connects and sends the header.
func (b balancer) dial(t *testing.T, port int) *net.TCPConn {
	t.Helper()
	return sayFrom(t, b.local, port, b.header(t, port))
}

// sayFrom connects from an address and sends the first bytes.
func sayFrom(t *testing.T, local netip.Addr, port int, first []byte) *net.TCPConn {
	t.Helper()
	conn := dialFrom(t, fmt.Sprintf("127.0.0.1:%d", port), local)
	if _, err := conn.Write(first); err != nil {
		t.Fatal(err)
	}
	return conn
}

// session opens a control connection behind the balancer.
func (b balancer) session(t *testing.T, s *site) *raw {
	t.Helper()
	conn := b.dial(t, s.control)
	r := &raw{textproto.NewConn(conn), t, conn, b.local}
	r.expect(220)
	return r
}

// relay passes on what comes to a port of the balancer's, until the test ends.
func (b balancer) relay(t *testing.T, from, to int) {
	t.Helper()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", from))
	if err != nil {
		t.Fatal(err)
	}
	header := b.header(t, from)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				if err := b.pass(conn.(*net.TCPConn), to, header); err != nil {
					t.Errorf("relay from port %d to %d: %v", from, to, err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
}

// pass copies in both directions until both sides have ended.
func (b balancer) pass(client *net.TCPConn, to int, header []byte) error {
	defer client.Close()
	conn, err := rawDialer(b.local).Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
	if err != nil {
		return err
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	limit := time.Now().Add(commandTimeout)
	if err := errors.Join(client.SetDeadline(limit), server.SetDeadline(limit)); err != nil {
		return err
	}
	if _, err := server.Write(header); err != nil {
		return err
	}
	var there sync.WaitGroup
	there.Go(func() { stream(server, client) })
	stream(client, server)
	there.Wait()
	return nil
}

// stream copies to the end of a direction. A reset is such an end, too.
func stream(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = from.CloseRead()
	}
	_ = to.CloseWrite()
}
