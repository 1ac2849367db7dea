//go:build unix

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// curl goes through a load balancer whose ports are others than the server's,
// and which tells the server who the client is on control and data ports.
func TestClientsBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	for _, test := range []struct {
		version byte
		client  string
		modes   []mode
	}{
		{1, "203.0.113.7", []mode{pasv, epsv}},
		{2, "203.0.113.7", []mode{pasv, epsv}},
		{1, "2001:db8:1::7", []mode{epsv}},
		{2, "2001:db8:1::7", []mode{epsv}},
	} {
		t.Run(fmt.Sprintf("PROXY v%d, %s", test.version, test.client), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.narrow(2)
			b := balancerOf(t, s, test.version, test.client)
			advertised := suite.ports.take(t, 2)
			s.set("passive.advertised_ports", advertised.String())
			s.set("passive.public_address", []any{map[string]any{"address": "127.0.0.1"}})
			p := s.start()
			control := suite.ports.take(t, 1).first
			b.relay(t, control, s.control)
			for i := range advertised.n {
				b.relay(t, advertised.first+i, s.passive.first+i)
			}
			for _, r := range routes(test.modes, []security{plain, explicit}) {
				if r.host != "127.0.0.1" {
					continue // the balancer's own address
				}
				roundTripByCurl(t, s, r, control, advertised)
			}
			if want := netip.AddrPortFrom(b.client, 54321).String(); !strings.Contains(p.log.String(), want) {
				t.Errorf("the log does not name the client %s", want)
			}
			if strings.Contains(p.log.String(), b.local.String()) {
				t.Errorf("the log takes the balancer %s for a client", b.local)
			}
		})
	}
}

func roundTripByCurl(t *testing.T, s *site, r route, control int, advertised ports) {
	t.Helper()
	e := s.endpoint(r, t.TempDir())
	e.port = control
	c := &curl{t: t, endpoint: e}
	file := newSample(t, 200_000)
	back := filepath.Join(e.scratch, "back")
	for _, transfer := range [][]string{
		{"-T", file.path, c.url("/" + r.name())},
		{"-o", back, c.url("/" + r.name())},
	} {
		// Without the option curl does not look at the address of a 227 reply.
		if _, err := c.run(append([]string{"--no-ftp-skip-pasv-ip"}, transfer...)...); err != nil {
			t.Fatalf("%s: %v\n%s", r.name(), err, c.trace())
		}
	}
	file.check(t, r.name(), back)
	named := passivePorts(c.trace())
	if len(named) < 2 {
		t.Errorf("%s: the client was told %d ports for two transfers", r.name(), len(named))
	}
	for _, port := range named {
		if !advertised.contains(port) {
			t.Errorf("%s: the client was told port %d, want one of %v", r.name(), port, advertised)
		}
	}
}

// badHeaders is what no load balancer sends.
func badHeaders() map[string]string {
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	v4 := "\xcb\x00\x71\x07\xc6\x33\x64\x50\xd4\x31\x08\x49" // addresses and ports
	return map[string]string{
		"nothing":                           "",
		"a command instead":                 "USER alice\r\n",
		"bytes that are none":               "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"v1 cut short":                      "PROXY TCP4 203.0.113.7 198.51",
		"v1 without ports":                  "PROXY TCP4 203.0.113.7 198.51.100.80\r\n",
		"v1 with a port beyond 65535":       "PROXY TCP4 203.0.113.7 198.51.100.80 70000 21\r\n",
		"v1 whose family is not its own":    "PROXY TCP4 2001:db8::7 2001:db8::80 54321 21\r\n",
		"v1 of 64 KiB":                      "PROXY TCP4 " + strings.Repeat("1", 64<<10),
		"v2 cut short":                      signature + "\x21\x11\x00\x0c\xcb\x00",
		"v2 that promises 65535 bytes":      signature + "\x21\x11\xff\xff" + v4,
		"v2 too short for its family":       signature + "\x21\x11\x00\x04" + v4[:4],
		"v2 of a version that is not there": signature + "\x51\x11\x00\x0c" + v4,
		"v2 with an unknown command":        signature + "\x2f\x11\x00\x0c" + v4,
	}
}

// boundedTime is how soon a connection must end that sends no valid header:
// after the login timeout that the tests set on control ports, after 5 s on
// passive ones.
const boundedTime = 12 * time.Second

func TestBadHeadersOnTheControlPort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := balancerOf(t, s, 2, "203.0.113.7")
	s.set("limits.login_timeout", "3s")
	s.start()
	var all sync.WaitGroup
	for name, header := range badHeaders() {
		all.Go(func() {
			said, err := stranger{b.local, []byte(header)}.visit(t, s.control)
			if err != nil || strings.HasPrefix(said, "220") {
				t.Errorf("%s: the server says %q, %v", name, said, err)
			}
		})
	}
	for range 10 { // others are not held up
		r := b.session(t, s)
		r.login()
		_ = r.Close()
	}
	all.Wait()
}

// On a passive port they go away without a trace, too: the client that the
// port waits for still gets it.
func TestBadHeadersOnAPassivePort(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(1)
	b := balancerOf(t, s, 1, "203.0.113.7")
	s.start()
	r := b.session(t, s)
	r.login()
	r.epsv()
	strangers := map[string]stranger{
		"the header of another client":         {b.local, balancer{b.version, b.local, netip.MustParseAddr("203.0.113.8")}.header(t, s.passive.first)},
		"the right header from somewhere else": {netip.MustParseAddr("127.0.0.2"), b.header(t, s.passive.first)},
	}
	for name, header := range badHeaders() {
		strangers[name] = stranger{b.local, []byte(header)}
	}
	var all sync.WaitGroup
	for name, from := range strangers {
		all.Go(func() {
			if said, err := from.visit(t, s.passive.first); err != nil || said != "" {
				t.Errorf("%s: the server says %q, %v", name, said, err)
			}
		})
	}
	all.Wait()
	conn := b.dial(t, s.passive.first)
	r.send("LIST")
	r.expect(150)
	if text, err := io.ReadAll(conn); err != nil || len(text) == 0 {
		t.Errorf("the rightful client gets %q, %v", text, err)
	}
	r.expect(226)
}

// stranger is a connection that the server should end.
type stranger struct {
	local netip.Addr
	says  []byte
}

// visit connects and returns what the server says until it closes the
// connection, which it may do before this side has sent everything or even
// noticed that there is a connection. It may run on any goroutine.
func (v stranger) visit(t *testing.T, port int) (string, error) {
	conn, err := rawDialer(v.local).DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.ECONNRESET) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetWriteDeadline(time.Now().Add(boundedTime))
	_, _ = conn.Write(v.says)
	return closed(conn, boundedTime)
}

// Who is not trusted may come without a header, but not with one.
func TestHeadersOfStrangers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := balancerOf(t, s, 1, "203.0.113.7")
	p := s.start()
	for _, version := range []byte{1, 2} {
		header := balancer{version, b.local, b.client}.header(t, s.control)
		said, err := stranger{netip.MustParseAddr("127.0.0.2"), header}.visit(t, s.control)
		if err != nil || strings.Contains(said, "331") {
			t.Errorf("v%d: the server says %q, %v", version, said, err)
		}
	}
	if strings.Contains(p.log.String(), b.client.String()) {
		t.Error("the log believes the header")
	}
	r := dialRaw(t, s.controlAddress())
	r.login()
	r.list()
}

// A health check of the balancer's own has no client.
func TestHealthCheckOfTheBalancer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := balancerOf(t, s, 2, "203.0.113.7")
	s.start()
	for name, header := range map[string]string{
		"v2 LOCAL":   "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00",
		"v1 UNKNOWN": "PROXY UNKNOWN\r\n",
	} {
		conn := sayFrom(t, b.local, s.control, []byte(header))
		greeting := make([]byte, 4)
		if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting) != "220 " {
			t.Errorf("%s: the greeting is %q, %v", name, greeting, err)
		}
	}
}

// Silent connections of the balancer's wait for nobody else's account.
func TestSilentBalancerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(1)
	b := balancerOf(t, s, 2, "203.0.113.7")
	s.start()
	silent := make([]net.Conn, 0, 100)
	for range 50 {
		silent = append(silent, sayFrom(t, b.local, s.control, nil), sayFrom(t, b.local, s.passive.first, nil))
	}
	start := time.Now()
	r := b.session(t, s)
	r.login()
	for range 5 {
		r.epsv()
		conn := b.dial(t, s.passive.first)
		r.send("NLST")
		r.expect(150)
		if text, err := io.ReadAll(conn); err != nil || len(text) == 0 {
			t.Errorf("the listing is %q, %v", text, err)
		}
		r.expect(226)
	}
	if took := time.Since(start); took > 4*time.Second { // less than any of them lasts
		t.Errorf("beside silent connections five listings take %v", took)
	}
	for _, conn := range silent {
		_ = conn.Close()
	}
}
