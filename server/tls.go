package server

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// tickets makes the TLS configurations of sessions. The session ticket of a
// control connection carries the session's id, encrypted under keys that are
// only in memory, so a data connection that resumes it proves whose it is.
type tickets struct {
	ledger ledger
	issuer [16]byte // tells this server's sessions from those of others with the same keys
	// base is the configuration in force. Its keys encrypt all tickets;
	// otherwise it is only cloned. Nil: no TLS.
	base atomic.Pointer[tls.Config]

	mu      sync.Mutex // held while base or keys change
	keys    [][32]byte // newest first
	given   bool       // keys are those of SetTicketKeys
	renewAt time.Time
}

const (
	// ticketKeyLife is how long a key makes tickets. The one before it still
	// opens them.
	ticketKeyLife = 24 * time.Hour
	ticketKeys    = 2
)

func newTickets(config *tls.Config) *tickets {
	t := &tickets{ledger: newLedger()}
	rand.Read(t.issuer[:])
	t.use(config)
	return t
}

// use takes another configuration. Tickets of before stay good, and so does the
// old configuration where none is to be offered any more: there are sessions that
// need it.
func (t *tickets) use(config *tls.Config) {
	if config == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	base := config.Clone()
	if len(t.keys) > 0 {
		base.SetSessionTicketKeys(t.keys)
	}
	t.base.Store(base)
}

// SetTicketKeys has TLS session tickets encrypted under the first of these keys,
// and opened by all of them. From then on the server makes no keys itself, and
// resumes sessions of control connections, also those of other servers with the
// same keys: of TLS 1.3 alone, and where client certificates are not asked for.
// Keys that were in use before still open tickets until the next call but one.
// Without keys it does nothing.
func (s *Server) SetTicketKeys(keys [][32]byte) { s.tls.setKeys(keys) }

func (t *tickets) setKeys(keys [][32]byte) {
	if len(keys) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Clone(keys)
	for _, key := range t.keys {
		if len(all) < len(keys)+ticketKeys && !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	t.keys, t.given = all, true
	if base := t.base.Load(); base != nil {
		base.SetSessionTicketKeys(all)
	}
}

func (t *tickets) hasGivenKeys() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.given
}

// renewKeys makes a new key when its time has come.
func (t *tickets) renewKeys(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.given || now.Before(t.renewAt) {
		return
	}
	var key [32]byte
	rand.Read(key[:])
	t.keys = append([][32]byte{key}, t.keys...)
	t.keys = t.keys[:min(len(t.keys), ticketKeys)]
	t.base.Load().SetSessionTicketKeys(t.keys)
	t.renewAt = now.Add(ticketKeyLife)
}

// forControl is the configuration of a session's control connection. Alone it
// resumes nothing: a ticket of an earlier session would name that one. With keys
// that others have, too, a client saves a full handshake when it comes back to
// another server, under TLS 1.3, where it is sent new tickets at once, which name
// this session. They are bound to what only the two ends of this connection know
// (RFC 8446 §7.1), whatever session it was resumed from, so they prove as much as
// those of a full handshake. Client certificates are not carried over.
//
// The ticket that the client shows is noted in shown. The callbacks change the
// configuration that they belong to, which is this connection's own, once the
// ClientHello has told what is needed.
func (t *tickets) forControl(s *session, shown *tlsHandshake) *tls.Config {
	t.renewKeys(time.Now())
	t.ledger.enter(s.id, s.peers())
	config := t.forHost(s.tlsOptions())
	config.WrapSession = t.wrapFor(s.id)
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session := t.note(shown, ticket, state)
		if state.Version != tls.VersionTLS13 || config.ClientAuth != tls.NoClientCert || !t.hasGivenKeys() {
			return nil, nil
		}
		return session, nil
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if host := s.opts.findHost(hello.ServerName); host != nil && s.host == nil {
			takeCertificate(config, host.TLS)
		}
		offerProtocol(config, hello, "ftp")
		return nil, nil
	}
	return config
}

// forData is the configuration of a session's data connection. It resumes the
// sessions of the same control connection.
//
// On uploads TLS 1.3 sends no ticket, unless resuming is required: a client
// that only writes never reads it and closes with unread bytes, which resets
// the connection and may lose the end of the file. Where resuming is required,
// that is the lesser evil: a client that uses each ticket once (curl) could not
// make its next transfer. The ticket of TLS 1.2 is part of the handshake, so
// every client reads it.
func (t *tickets) forData(s *session, way direction, learnt *tlsHandshake) *tls.Config {
	t.renewKeys(time.Now())
	config := t.forHost(s.tlsOptions())
	silent := way == upload && s.opts.SessionReuse != SessionReuseRequired
	wrap := t.wrapFor(s.id)
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		learnt.renewed = true
		return wrap(state, session)
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		// The ticket is read before new ones are made, so this comes in time.
		// Setting it earlier would refuse to resume.
		config.SessionTicketsDisabled = silent && state.Version == tls.VersionTLS13
		session := t.note(learnt, ticket, state)
		if learnt.owner != s.id {
			return nil, nil
		}
		return session, nil
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if silent && speaksTLS13(config, hello) && !slices.Contains(hello.Extensions, extensionPreSharedKey) {
			config.SessionTicketsDisabled = true
		}
		offerProtocol(config, hello, "ftp-data")
		return nil, nil
	}
	return config
}

// note opens a ticket and notes what it says.
func (t *tickets) note(shown *tlsHandshake, ticket []byte, state tls.ConnectionState) *tls.SessionState {
	session, owner, serial := t.open(ticket, state)
	shown.owner, shown.serial = owner, serial
	shown.foreign = shown.foreign || owner == 0
	return session
}

// open decrypts a ticket. The owner is 0 if it names none.
func (t *tickets) open(ticket []byte, state tls.ConnectionState) (session *tls.SessionState, owner, serial uint64) {
	session, err := t.base.Load().DecryptTicket(ticket, state)
	if err != nil || session == nil {
		return nil, 0, 0
	}
	owner, serial = t.ticketOwner(session)
	return session, owner, serial
}

// extensionPreSharedKey is the extension in which TLS 1.3 offers a ticket
// (RFC 8446 §4.2.11).
const extensionPreSharedKey = 41

// speaksTLS13 says whether TLS 1.3 will be agreed on.
func speaksTLS13(config *tls.Config, hello *tls.ClientHelloInfo) bool {
	return (config.MaxVersion == 0 || config.MaxVersion >= tls.VersionTLS13) && slices.Contains(hello.SupportedVersions, tls.VersionTLS13)
}

// forHost is a copy of the configuration with what a virtual host has of its own.
func (t *tickets) forHost(host *tls.Config) *tls.Config {
	config := t.base.Load().Clone()
	takeCertificate(config, host)
	return config
}

func takeCertificate(config, host *tls.Config) {
	if host == nil {
		return
	}
	config.Certificates, config.GetCertificate = host.Certificates, host.GetCertificate
	config.ClientAuth, config.ClientCAs = host.ClientAuth, host.ClientCAs
}

// offerProtocol agrees to an application protocol (RFC 7301) that the client
// names. One that names others only is let in without: refusing would help
// nobody.
func offerProtocol(config *tls.Config, hello *tls.ClientHelloInfo, protocol string) {
	if slices.Contains(hello.SupportedProtos, protocol) {
		config.NextProtos = []string{protocol}
	}
}

func (t *tickets) wrapFor(id uint64) func(tls.ConnectionState, *tls.SessionState) ([]byte, error) {
	return func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, t.ticketEntry(id, t.ledger.issue(id)))
		return t.base.Load().EncryptTicket(state, session)
	}
}

// ticketMark starts our entry in a TLS session's Extra, which others may share.
const ticketMark = "portico.session.2:"

func (t *tickets) ticketEntry(id, serial uint64) []byte {
	entry := append([]byte(ticketMark), t.issuer[:]...)
	entry = binary.BigEndian.AppendUint64(entry, id)
	return binary.BigEndian.AppendUint64(entry, serial)
}

// ticketOwner is the id of the session that a ticket was made for, 0 if it
// names none of this server's, and the ticket's serial number.
func (t *tickets) ticketOwner(session *tls.SessionState) (id, serial uint64) {
	for i := len(session.Extra) - 1; i >= 0; i-- {
		entry, ok := bytes.CutPrefix(session.Extra[i], []byte(ticketMark))
		if ok && len(entry) == 32 && bytes.Equal(entry[:16], t.issuer[:]) {
			return binary.BigEndian.Uint64(entry[16:]), binary.BigEndian.Uint64(entry[24:])
		}
	}
	return 0, 0
}

// handshakeData makes the TLS handshake of a data connection, and learns from
// it what the client shows.
func (s *session) handshakeData(conn net.Conn, way direction) (*tls.Conn, error) {
	var learnt tlsHandshake
	tickets := s.server.tls
	tlsConn := tls.Server(conn, tickets.forData(s, way, &learnt))
	if err := tlsConn.HandshakeContext(s.ctx); err != nil {
		s.resumption.fail()
		s.security(SecurityEvent{Kind: SecurityTLSFailed, Reason: "data", Detail: err.Error()})
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	s.sinceTicket.Store(0)
	state := tlsConn.ConnectionState()
	learnt.resumed = state.DidResume
	s.server.handshakes.count(ChannelData, state.Version)
	s.resumption.learn(learnt)
	tickets.ledger.shown(s.id, learnt)
	if !learnt.resumed && s.opts.SessionReuse == SessionReuseRequired {
		s.server.notResumed.Add(1)
		s.security(SecurityEvent{Kind: SecurityTLSFailed, Reason: "not_resumed"})
		tlsConn.Close()
		return nil, errNotResumed
	}
	return tlsConn, nil
}

// dataIdentity is what the session's next data connection will show of itself.
func (s *session) dataIdentity() portalloc.Identity {
	if !s.protectedData || s.opts.SessionReuse == SessionReuseOff {
		return 0
	}
	if !s.resumption.isExpected() || s.server.tls.ledger.mixes(s.id) {
		return 0
	}
	return portalloc.Identity(s.id)
}

// Apart implements portalloc.Identifier.
func (t *tickets) Apart(a, b portalloc.Identity) bool {
	return t.ledger.areApart(uint64(a), uint64(b))
}

// errPeeked stops a handshake that was only begun to read the ClientHello.
var errPeeked = errors.New("server: ClientHello read")

// Identify implements portalloc.Identifier: it reads the ClientHello of a data
// connection and says whose ticket it offers, 0 if none's. The connection it
// returns starts from the beginning.
func (t *tickets) Identify(conn net.Conn) (portalloc.Identity, net.Conn, error) {
	var owner uint64
	config := t.base.Load().Clone()
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		_, owner, _ = t.open(ticket, state)
		return nil, errPeeked
	}
	peeked := &peekedConn{Conn: conn}
	err := tls.Server(peeked, config).Handshake()
	if errors.Is(err, errPeeked) {
		err = nil
	}
	peeked.replay()
	return portalloc.Identity(owner), peeked, err
}

// peekedConn keeps what is read from it and refuses to write, until replay.
type peekedConn struct {
	net.Conn
	seen      []byte
	replaying bool
}

func (c *peekedConn) Read(p []byte) (int, error) {
	if !c.replaying {
		n, err := c.Conn.Read(p)
		c.seen = append(c.seen, p[:n]...)
		return n, err
	}
	if len(c.seen) > 0 {
		n := copy(p, c.seen)
		if c.seen = c.seen[n:]; len(c.seen) == 0 {
			c.seen = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *peekedConn) Write(p []byte) (int, error) {
	if !c.replaying {
		return 0, errPeeked // the handshake wants to answer: the ClientHello has been read
	}
	return c.Conn.Write(p)
}

func (c *peekedConn) replay() { c.replaying = true }

// SyscallConn makes socket options work through this connection.
func (c *peekedConn) SyscallConn() (syscall.RawConn, error) {
	if socket, ok := c.Conn.(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// SetLinger makes reset work through this connection.
func (c *peekedConn) SetLinger(sec int) error {
	if tcp, ok := c.Conn.(interface{ SetLinger(int) error }); ok {
		return tcp.SetLinger(sec)
	}
	return nil
}

var (
	_ portalloc.Identifier = (*tickets)(nil)
	_ net.Conn             = (*peekedConn)(nil)
)
