package portalloc

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pires/go-proxyproto"
)

// proxyOptions believes 10.0.0.0/8 what it says in PROXY headers.
func proxyOptions() Options {
	return Options{
		Ports:   PortList{{7, 7}},
		Proxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, // the form must not matter
		Unproxy: func(conn net.Conn) (net.Conn, error) {
			client := proxyproto.NewConn(conn, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(0))
			if client.ProxyHeader() == nil {
				return nil, errors.New("no PROXY header")
			}
			return client, nil
		},
	}
}

func proxyHeader(t *testing.T, version byte, client string) string {
	t.Helper()
	header := proxyproto.HeaderProxyFromAddrs(version,
		net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7})
	text, err := header.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestClientBehindAProxy(t *testing.T) {
	for name, version := range map[string]byte{"version 1": 1, "version 2": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, proxyOptions(), func(t *testing.T, b *testbed) {
				l, other := b.try("203.0.113.1"), b.try("203.0.113.2")
				b.connect(l, "10.0.0.1", proxyHeader(t, version, "203.0.113.1:4711")+"hello")
				b.wantMessage(l, "hello")
				if got := b.events[0].Peer.String(); got != "203.0.113.1:4711" {
					t.Errorf("the event's peer is %s; want the client", got)
				}
				b.wantClosed(b.connect(other, "10.0.0.1", proxyHeader(t, version, "203.0.113.9:4711")))
			})
		})
	}
}

func TestProxyHeaderThatLiesOrFails(t *testing.T) {
	for name, header := range map[string]string{
		"no header":         "220 hello, I am a client\r\n",
		"an oversized one":  "PROXY TCP4 " + strings.Repeat("1", 4096),
		"a bad address":     "PROXY TCP4 999.0.0.1 192.0.2.1 1 2\r\n",
		"a truncated one":   "PROXY TCP4 203.0",
		"a binary fragment": "\r\n\r\n\x00\r\nQUIT\n\x21\x11",
		"nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, proxyOptions(), func(t *testing.T, b *testbed) {
				l := b.try("203.0.113.1")
				client := b.connect(l, "10.0.0.1", header)
				time.Sleep(proxyHeaderTimeout)
				synctest.Wait()
				b.wantClosed(client)
				b.connect(l, "10.0.0.1", proxyHeader(t, 1, "203.0.113.1:4711")+"hello")
				b.wantMessage(l, "hello")
				if got := b.Snapshot().Totals.Refused; got != 1 {
					t.Errorf("refused %d; want 1", got)
				}
			})
		})
	}
}

func TestOnlyProxiesAreBelieved(t *testing.T) {
	inBubble(t, proxyOptions(), func(t *testing.T, b *testbed) {
		l := b.try("203.0.113.1")
		b.wantClosed(b.connect(l, "198.51.100.1", proxyHeader(t, 1, "203.0.113.1:4711")))
		b.connect(l, "203.0.113.1", "straight")
		b.wantMessage(l, "straight")
	})
}

func TestSlowProxyDelaysNobody(t *testing.T) {
	inBubble(t, proxyOptions(), func(t *testing.T, b *testbed) {
		slow, quick := b.try("203.0.113.1"), b.try("203.0.113.2")
		client := b.connect(slow, "10.0.0.1", "")
		b.connect(quick, "203.0.113.2", "quick")
		b.wantMessage(quick, "quick")
		go io.WriteString(client, proxyHeader(t, 2, "203.0.113.1:4711")+"slow")
		synctest.Wait()
		b.wantMessage(slow, "slow")
	})
}

func TestCloseDoesNotWaitForAProxy(t *testing.T) {
	inBubble(t, proxyOptions(), func(t *testing.T, b *testbed) {
		client := b.connect(b.try("203.0.113.1"), "10.0.0.1", "")
		start := time.Now()
		b.Close()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close waited %v for a header", waited)
		}
		b.wantClosed(client)
	})
}
