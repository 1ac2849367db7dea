package server_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// watch collects security events.
type watch chan server.SecurityEvent

func newWatch() watch { return make(watch, 1000) }

func (w watch) note(e server.SecurityEvent) { w <- e }

// next returns the next event and reports it if it is not this one.
func (w watch) next(t *testing.T, kind server.SecurityKind, reason string) server.SecurityEvent {
	t.Helper()
	select {
	case e := <-w:
		if e.Kind != kind || e.Reason != reason {
			t.Fatalf("got %v %q, want %v %q: %+v", e.Kind, e.Reason, kind, reason, e)
		}
		return e
	case <-time.After(within):
		t.Fatalf("no event came, want %v %q", kind, reason)
		return server.SecurityEvent{}
	}
}

func (w watch) none(t *testing.T) {
	t.Helper()
	select {
	case e := <-w:
		t.Errorf("got %+v, want no further event", e)
	default:
	}
}

func TestSecurityEventsOfLogins(t *testing.T) {
	t.Parallel()
	w := newWatch()
	s := startSite(t, func(o *server.Options) {
		o.OnSecurity, o.TLS = w.note, testCertificate(t)
		o.Limits.SessionsPerUser = 1
	})
	c := dial(t, s.addr)
	c.expect(220)
	c.encrypt(&tls.Config{})
	c.cmd(331, "USER "+strings.Repeat("é", 500))
	c.cmd(530, "PASS secret")
	failed := w.next(t, server.SecurityLoginFailed, "denied")
	if failed.Method != "password" || failed.TLS != "1.3" || failed.SessionID == 0 || failed.Time.IsZero() {
		t.Errorf("the event lacks how and when: %+v", failed)
	}
	if failed.User != strings.Repeat("é", 64) {
		t.Errorf("the user's name is %q, want it cut at 128 bytes", failed.User)
	}
	if failed.Client.String() != c.conn.LocalAddr().String() || failed.Listener.String() != s.addr {
		t.Errorf("the event names %v and %v, want %v and %v", failed.Client, failed.Listener, c.conn.LocalAddr(), s.addr)
	}
	c.logIn()
	if ok := w.next(t, server.SecurityLoginOK, ""); ok.User != "alice" || ok.Method != "password" {
		t.Errorf("got %+v, want alice by password", ok)
	}
	second := dial(t, s.addr)
	second.expect(220)
	second.cmd(331, "USER alice")
	second.cmd(530, "PASS "+testPassword)
	w.next(t, server.SecurityLimit, "sessions_per_user")
	w.none(t)
}

func TestSecurityEventsOfProtocolAbuse(t *testing.T) {
	t.Parallel()
	w := newWatch()
	s := startSite(t, func(o *server.Options) {
		o.OnSecurity, o.TLS, o.RequireTLS = w.note, testCertificate(t), server.TLSForLogin
	})
	abuse := server.SecurityProtocolAbuse
	c := dial(t, s.addr)
	c.expect(220)

	for range 9 {
		c.cmd(500, "WHAT is this")
	}
	w.none(t)
	c.cmd(500, "WHAT")
	w.next(t, abuse, "unknown_commands")
	for range 10 {
		c.cmd(503, "PASS secret")
	}
	w.next(t, abuse, "bad_sequence")
	c.cmd(500, "%s", strings.Repeat("x", 5000))
	w.next(t, abuse, "long_lines")
	c.cmd(530, "USER alice")
	if e := w.next(t, server.SecurityCommandRefused, "tls_required"); e.Verb != "USER" || e.User != "alice" {
		t.Errorf("got %+v, want USER alice", e)
	}
	c.encrypt(&tls.Config{})
	c.logIn()
	w.next(t, server.SecurityLoginOK, "")
	c.cmd(501, "PORT 9,9,9,9,4,5")
	w.next(t, abuse, "bounce")
	c.cmd(501, "PORT 10,9,9,9,4,5")
	w.next(t, server.SecurityCommandRefused, "private_address")
	c.cmd(501, "PORT 127,0,0,1,0,25")
	w.next(t, server.SecurityCommandRefused, "low_port")

	browser := dial(t, s.addr)
	browser.expect(220)
	browser.cmd(421, "POST / HTTP/1.1")
	browser.expectEnd()
	w.next(t, abuse, "http")

	garbage := dial(t, s.addr)
	garbage.expect(220)
	garbage.cmd(500, "\x16\x03\x01\x02")
	w.next(t, abuse, "garbage")

	noTLS := dial(t, s.addr)
	noTLS.expect(220)
	noTLS.cmd(234, "AUTH TLS")
	noTLS.send("not a ClientHello at all")
	noTLS.expectEnd()
	if e := w.next(t, server.SecurityTLSFailed, "control"); e.Detail == "" {
		t.Error("the event does not tell the cause")
	}
	w.none(t)
}

// gate refuses clients while it is closed.
type gate struct{ closed atomic.Bool }

func (g *gate) admit(netip.Addr) (string, bool) { return "ban", !g.closed.Load() }

// knockInVain connects and is closed out without a word.
func knockInVain(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return // it was so fast that even the dialer saw it
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(within))
	var timeout net.Error
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("read %d bytes and %v, want the end of the connection", n, err)
	}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	w, g := newWatch(), &gate{}
	s := startSite(t, func(o *server.Options) { o.OnSecurity, o.Admit = w.note, g.admit })
	early := login(t, s.addr)
	w.next(t, server.SecurityLoginOK, "")
	waiting := dial(t, s.addr)
	waiting.expect(220)
	waiting.cmd(331, "USER alice")
	g.closed.Store(true)

	for range 3 {
		knockInVain(t, s.addr)
	}
	e := w.next(t, server.SecuritySessionRefused, "ban")
	if e.Client.Addr() != netip.MustParseAddr("127.0.0.1") || e.SessionID != 0 {
		t.Errorf("got %+v, want the client's address and no session", e)
	}
	waiting.cmd(421, "PASS "+testPassword) // begun before the ban: no more guesses
	waiting.expectEnd()
	early.cmd(257, "PWD") // is logged in: another user of the same address
	if got := s.Statistics().TurnedAway; got != 4 {
		t.Errorf("%d connections were turned away, want 4", got)
	}
	g.closed.Store(false)
	login(t, s.addr)
}

// Behind a load balancer the client is refused, and never the balancer.
func TestAdmitBehindLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWatch()
	asked := make(chan netip.Addr, 100)
	srv, err := server.New(server.Options{
		Auth:       oneUser{},
		Listeners:  []server.Listener{{Address: "127.0.0.1:0", ProxyProtocol: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		OnSecurity: w.note,
		Admit: func(client netip.Addr) (string, bool) {
			asked <- client
			return "ban", client != netip.MustParseAddr("203.0.113.7")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.ListenAndServe() }()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	addr := srv.Addrs()[0].String()

	banned := dial(t, addr)
	banned.send("PROXY TCP4 203.0.113.7 198.51.100.1 4000 21")
	banned.expectEnd()
	e := w.next(t, server.SecuritySessionRefused, "ban")
	if e.Client.String() != "203.0.113.7:4000" || e.Proxy.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %+v, want the real client and its load balancer", e)
	}

	other := dial(t, addr)
	other.send("PROXY TCP4 203.0.113.8 198.51.100.1 4000 21")
	other.expect(220)
	other.cmd(331, "USER alice")
	other.cmd(530, "PASS wrong")
	if e := w.next(t, server.SecurityLoginFailed, "denied"); e.Client.Addr() != netip.MustParseAddr("203.0.113.8") {
		t.Errorf("got %+v, want the real client", e)
	}

	health := dial(t, addr)
	fmt.Fprintf(health.conn, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00") // PROXY v2, LOCAL: the balancer itself
	health.expect(220)
	health.cmd(331, "USER alice")
	health.cmd(530, "PASS wrong")
	if e := w.next(t, server.SecurityLoginFailed, "denied"); e.Client.IsValid() || !e.Proxy.IsValid() {
		t.Errorf("got %+v, want no client but the load balancer", e)
	}

	headless := dial(t, addr)
	headless.send("USER alice")
	headless.expectEnd()
	if e := w.next(t, server.SecuritySessionRefused, "proxy_header"); e.Client.IsValid() {
		t.Errorf("got %+v, want no client", e)
	}
	close(asked)
	for client := range asked {
		if client.IsLoopback() {
			t.Error("the load balancer itself was asked about")
		}
	}
}

func TestWrongPeerEvent(t *testing.T) {
	t.Parallel()
	peer := netip.MustParseAddrPort("203.0.113.9:999")
	for expected, reason := range map[bool]string{true: "foreign", false: "unexpected"} {
		e := server.WrongPeer(portalloc.Refusal{Peer: peer, Expected: expected})
		if e.Kind != server.SecurityWrongPeer || e.Reason != reason || e.Client != peer {
			t.Errorf("got %+v, want wrong_peer %s of %v", e, reason, peer)
		}
	}
}

func TestSecurityKindText(t *testing.T) {
	t.Parallel()
	for kind := server.SecurityLoginOK; kind <= server.SecurityConfigChanged; kind++ {
		text, _ := kind.MarshalText()
		var back server.SecurityKind
		if err := back.UnmarshalText(text); err != nil || back != kind {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
}
