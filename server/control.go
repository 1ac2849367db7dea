package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// control is the control connection as the engine sees it. Read hands it the
// lines that are meant for it, one at a time; Write takes its replies and
// passes them on, reworded. TLS is below it: the engine sees plain text.
type control struct {
	session *session
	socket  net.Conn
	raw     net.Conn // the socket, or what a PROXY header made of it
	replies replyParser

	// Of the engine, once there is one:
	unread   []byte // of the lines that it reads
	loggedIn bool   // it knows the account
	hidden   int    // replies to come that are for nobody

	writing sync.Mutex // guards conn against a change to TLS, and keeps replies whole
	conn    net.Conn   // raw, or TLS over it
	tls     *tls.Conn  // conn, if it is TLS
	version uint16     // of TLS, and the cipher suite; 0 in clear
	cipher  uint16
	records *recordReader // under tls
	out     []byte        // replies that are to be sent
}

var _ net.Conn = (*control)(nil)

func newControl(s *session, conn net.Conn) *control {
	return &control{session: s, socket: conn, raw: conn, conn: conn}
}

// Read returns the next line for the engine.
func (c *control) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		line, err := c.session.next()
		if err != nil {
			return 0, err
		}
		c.feed(line)
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// feed gives the engine a line to read, behind a login if it does not know the
// account yet. It is not told the password.
func (c *control) feed(line string) {
	if !c.loggedIn {
		c.loggedIn = true
		c.hidden++
		c.unread = append(c.unread, "PASS *\r\n"...)
	}
	c.unread = append(append(c.unread, line...), '\r', '\n')
}

// Write takes the engine's replies. It never fails: the engine would stop
// replying after an error. A client that cannot be written to ends the session.
func (c *control) Write(p []byte) (int, error) {
	for line := range c.replies.lines(p) {
		c.session.engineReply(line)
	}
	return len(p), nil
}

// reply sends a reply of one line (RFC 959 §4.2).
func (c *control) reply(code int, text string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = appendReply(c.out, code, ' ', text)
	c.flush()
}

// delayReply sends a reply with the next one, or when flushDelayed is called.
func (c *control) delayReply(code int, text string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = appendReply(c.out, code, ' ', text)
}

func (c *control) flushDelayed() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if len(c.out) > 0 {
		c.flush()
	}
}

// replyLines sends a reply of several lines: first and last carry the code,
// those between start with a space.
func (c *control) replyLines(code int, first string, between []string, last string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.out = appendReply(c.out, code, '-', first)
	for _, line := range between {
		c.out = append(appendTelnet(append(c.out, ' '), line), '\r', '\n')
	}
	c.out = appendReply(c.out, code, ' ', last)
	c.flush()
}

// appendReply appends a line that carries a code. Where text has several
// lines, all but the last are marked as such.
func appendReply(dst []byte, code int, mark byte, text string) []byte {
	for {
		line, rest, more := strings.Cut(text, "\n")
		dst = strconv.AppendInt(dst, int64(code), 10)
		if more {
			dst = append(dst, '-')
		} else {
			dst = append(dst, mark)
		}
		dst = append(appendTelnet(dst, strings.TrimSuffix(line, "\r")), '\r', '\n')
		if !more {
			return dst
		}
		text = rest
	}
}

// flush writes c.out. The caller holds c.writing.
func (c *control) flush() {
	c.conn.SetWriteDeadline(deadline(time.Now(), c.session.opts.Limits.StallTimeout))
	if _, err := c.conn.Write(c.out); err != nil {
		c.session.cancel(err)
		c.raw.Close()
	}
	if c.out = c.out[:0]; cap(c.out) > 4096 {
		c.out = nil
	}
}

// startTLS makes the TLS handshake. What the client sent ahead in clear is
// forgotten (the command injection of CVE-2011-0411).
func (c *control) startTLS(timeout time.Duration) error {
	s := c.session
	records := &recordReader{Conn: c.raw}
	var shown tlsHandshake
	conn := tls.Server(records, s.server.tls.forControl(s, &shown))
	c.raw.SetDeadline(deadline(time.Now(), timeout))
	if err := conn.HandshakeContext(s.ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	records.established = true
	s.server.tls.ledger.shown(s.id, shown)
	s.sinceTicket.Store(0)
	c.raw.SetDeadline(time.Time{})
	state := conn.ConnectionState()
	c.version, c.cipher = state.Version, state.CipherSuite
	s.server.handshakes.count(ChannelControl, state.Version)
	if s.host == nil { // a host that HOST has chosen has shown its certificate
		s.host = s.opts.findHost(state.ServerName)
	}
	c.writing.Lock()
	c.conn, c.tls, c.records = conn, conn, records
	c.writing.Unlock()
	s.lines.reset(conn)
	s.forgetHeld()
	return nil
}

// stopTLS ends TLS in order and goes on in clear: both sides send
// close_notify, and the first byte behind the client's is in clear.
func (c *control) stopTLS(timeout time.Duration) error {
	c.raw.SetDeadline(deadline(time.Now(), timeout))
	if err := c.tls.CloseWrite(); err != nil {
		return fmt.Errorf("end TLS: %w", err)
	}
	if n, err := c.tls.Read(make([]byte, 1)); n > 0 || err != io.EOF || c.records.ended {
		return fmt.Errorf("end TLS: the client sent no close_notify: %w", cmp.Or(err, errors.New("it sent data")))
	}
	c.raw.SetDeadline(time.Time{})
	c.writing.Lock()
	c.conn, c.tls = c.raw, nil
	c.writing.Unlock()
	c.session.lines.reset(c.records.clear())
	c.session.forgetHeld()
	c.records, c.version, c.cipher = nil, 0, 0
	return nil
}

// hasClientCertificate says whether the client has shown a certificate that
// was verified.
func (c *control) hasClientCertificate() bool {
	state := c.tlsState()
	return state != nil && len(state.VerifiedChains) > 0
}

func (c *control) isEncrypted() bool { return c.tls != nil }

// tlsState is nil in clear.
func (c *control) tlsState() *tls.ConnectionState {
	if c.tls == nil {
		return nil
	}
	state := c.tls.ConnectionState()
	return &state
}

func (c *control) setReadDeadline(t time.Time) { c.raw.SetReadDeadline(t) }

// disconnect closes the connection; under TLS it says so first (close_notify).
func (c *control) disconnect() {
	c.raw.SetWriteDeadline(time.Now().Add(time.Second))
	c.writing.Lock()
	conn := c.conn
	c.writing.Unlock()
	conn.Close()
}

// Close is called by the engine when it has sent its last reply.
func (c *control) Close() error {
	c.session.cancel(errSessionEnded)
	c.disconnect()
	return nil
}

// LocalAddr and RemoteAddr are the two ends of the control connection.
func (c *control) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr is the client's address.
func (c *control) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline does nothing, as do the other two: deadlines are the session's,
// and the engine is told that it has none.
func (c *control) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (c *control) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (c *control) SetWriteDeadline(time.Time) error { return nil }

// readProxyHeader takes the client's address from the PROXY header, if the
// peer is one of the trusted.
func (c *control) readProxyHeader(trusted []netip.Prefix, timeout time.Duration) error {
	if !containsAddr(trusted, addrPortOf(c.raw.RemoteAddr()).Addr()) {
		return nil
	}
	c.raw.SetReadDeadline(deadline(time.Now(), timeout))
	conn, err := ReadProxyHeader(c.raw)
	if err != nil {
		return err
	}
	c.session.log.Debug("PROXY header", zap.Stringer("proxy", c.raw.RemoteAddr()), zap.Stringer("client", conn.RemoteAddr()))
	c.session.proxy = addrPortOf(c.raw.RemoteAddr())
	c.raw, c.conn = conn, conn
	return nil
}

func containsAddr(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}
