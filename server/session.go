package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server/pace"
)

// Why a session or a transfer ended before its time.
var (
	errServerClosing  = errors.New("server: closing")
	errSessionEnded   = errors.New("server: the session ended")
	errUntrustedProxy = errors.New("server: PROXY header from an address that is not trusted to send one")
	errNotFTP         = errors.New("server: the client speaks HTTP")
	errTurnedAway     = errors.New("server: the client is not admitted")
	errAborted        = errors.New("server: transfer aborted by the client")
)

// parameters are what commands have set and REIN sets back.
type parameters struct {
	form       form
	epsvOnly   bool  // EPSV ALL (RFC 2428 §4)
	restart    int64 // REST
	allocated  int64 // ALLO
	renaming   bool  // RNFR was the last command
	renameFrom string
	copyFrom   string
	facts      facts
	hashName   string
	hashRange  byteRange
	umask      *os.FileMode // SITE UMASK; nil: the process's
}

// initialParameters: the default type is ASCII (RFC 959 §5.1).
func initialParameters() parameters {
	return parameters{form: form{ascii: true}, facts: allFacts, hashName: hashNames()[0], hashRange: wholeFile()}
}

// session is the life of one control connection.
//
// One goroutine carries it: the session's own, or the engine's inside control.Read,
// once there is an engine. It alone touches the fields that are under no lock,
// with the exception of beside.go.
type session struct {
	server  *Server
	opts    *settings // those with which it began
	id      uint64
	spec    Listener
	started time.Time
	log     *zap.Logger
	baseLog *zap.Logger     // log without a user's name
	ctx     context.Context // done when the session ends
	cancel  context.CancelCauseFunc
	control *control
	client  netip.AddrPort // the control connection's two ends; behind a
	local   netip.AddrPort // proxy, what its header says
	proxy   netip.AddrPort // that load balancer
	counted bool           // in Server.perIP; under Server.mu
	ended   sync.Once
	over    atomic.Bool // nothing more is logged
	visit   visit

	announced bool // OnSession was told of it

	lines         lineReader
	greeted       bool         // a command has come
	host          *VirtualHost // of HOST, or of the name in the TLS handshake; nil: none
	user          string       // of USER, until PASS
	failedLogins  int
	transfers     int            // of files, so far
	pace          *pace.Commands // nil: any
	slowed        bool           // by pace, at least once
	links         links
	abuse         abuse
	protectedData bool // PROT P (RFC 2228 §3)
	bufferSizeSet bool // PBSZ
	inflight      command
	startedAt     time.Time // when inflight came
	lastCode      int       // of the last reply outside transfers
	setup         *dataSetup
	account       *driver.Account // nil: not logged in
	use           *accountUse     // of the account
	files         *sessionFS      // of the account
	directory     string          // of CWD
	parameters

	resumption resumption

	sinceTicket atomic.Int32 // commands since the last ticket was sent

	mu        sync.Mutex
	transfer  *transfer
	held      []command // behind a running transfer
	current   command   // that is being answered, if not reading
	about     about
	ends      ends
	reading   bool // waiting for the client's next command
	idleSince time.Time
	drainBy   time.Time // when to end for the server's sake; zero: not told to

	loginSince time.Time // when the client had to begin to log in

	idleTimeout time.Duration // SITE IDLE; set by the reading goroutine, under mu
}

func newSession(s *Server, id uint64, conn net.Conn, spec Listener) *session {
	ctx, cancel := context.WithCancelCause(context.Background())
	opts := s.current()
	session := &session{
		server: s, opts: opts, id: id, spec: spec, started: time.Now(), ctx: ctx, cancel: cancel,
		log: s.log, protectedData: spec.ImplicitTLS, idleTimeout: opts.Limits.IdleTimeout, parameters: initialParameters(),
	}
	limits := opts.Limits
	session.pace = pace.NewCommands(limits.CommandsPerSecond)
	session.links = newLinks(limits.Bandwidth.UploadPerSession, limits.Bandwidth.DownloadPerSession)
	session.control = newControl(session, conn)
	return session
}

// start brings the connection to where the greeting is sent, and carries the
// session from there.
func (s *session) start() {
	refusal, err := s.prepare()
	if err != nil {
		if !errors.Is(err, errTurnedAway) {
			s.log.Info("session refused", zap.Stringer("remote_addr", s.control.RemoteAddr()), zap.Error(err))
		}
		s.end()
		return
	}
	s.baseLog = withFields(s.log, zap.Uint64("session_id", s.id), zap.Stringer("remote_addr", s.client))
	s.log = s.baseLog
	if !s.isOwn() {
		s.logOpened()
	}
	if refusal != "" {
		s.logOpened()
		s.log.Warn("session refused", zap.String("reason", refusal))
		s.security(SecurityEvent{Kind: SecuritySessionRefused, Reason: "limit", Detail: refusal})
		s.control.reply(421, refusal)
		s.end()
		return
	}
	s.announced = true
	s.tellSession(false, "")
	s.control.reply(220, s.banner())
	s.carry()
}

// carry answers commands until the session ends or one comes that is the
// engine's, whose goroutine then carries the session on. Many sessions never
// need it, and it costs more memory than all the rest of an idle one.
func (s *session) carry() {
	line, err := s.next()
	if err == nil {
		s.control.feed(line)
		err = s.startEngine()
	}
	if err != nil {
		s.end()
	}
}

// prepare reads the PROXY header and makes the TLS handshake of an implicit
// TLS listener. A client that may not stay has a right to the handshake, too:
// without it, it could not be told why.
func (s *session) prepare() (refusal string, err error) {
	timeout := s.opts.Limits.LoginTimeout
	if len(s.spec.ProxyProtocol) > 0 {
		if err := s.control.readProxyHeader(s.spec.ProxyProtocol, timeout); err != nil {
			s.proxy = addrPortOf(s.control.RemoteAddr())
			s.security(SecurityEvent{Kind: SecuritySessionRefused, Reason: "proxy_header", Detail: err.Error()})
			return "", err
		}
	}
	s.client, s.local = addrPortOf(s.control.RemoteAddr()), addrPortOf(s.control.LocalAddr())
	if s.proxy.IsValid() && s.isTurnedAway() {
		return "", errTurnedAway
	}
	s.noteEnds()
	refusal = s.server.enter(s)
	if s.spec.ImplicitTLS {
		if err := s.control.startTLS(timeout); err != nil {
			s.security(SecurityEvent{Kind: SecurityTLSFailed, Reason: "control", Detail: err.Error()})
			return "", err
		}
	}
	s.lines.reset(s.control.conn)
	s.loginSince = s.started
	s.noteActivity()
	return refusal, nil
}

// peers is where the session's data connections may come from.
func (s *session) peers() netip.Prefix {
	if ports := s.opts.Ports; ports != nil {
		return ports.Peers(s.client.Addr())
	}
	return netip.Prefix{}
}

// kill ends the session from outside.
func (s *session) kill(cause error) {
	s.cancel(cause)
	s.control.disconnect()
	if t := s.currentTransfer(); t != nil {
		t.abort(cause)
	}
}

// end releases everything that the session holds and takes it out of the
// registry. No transfer runs any more: the caller is who does them.
func (s *session) end() {
	s.ended.Do(func() {
		s.kill(errSessionEnded)
		s.dropSetup()
		user := ""
		if s.account != nil {
			user = s.account.Name
		}
		s.logOut()
		if s.opts.TLS != nil {
			s.server.tls.ledger.leave(s.id)
		}
		s.logClosed()
		s.over.Store(true)
		if s.announced {
			s.tellSession(true, user)
		}
		s.server.leave(s)
	})
}

func (s *session) logOut() {
	if s.account != nil {
		s.server.accounts.leave(s.use, time.Now())
		s.account, s.use, s.files = nil, nil, nil
		s.control.loggedIn = false
		s.log = s.baseLog
		s.loginSince = time.Now()
	}
}

// reply sends a reply of one line. Only who answers a command calls it, see
// session.answer.
func (s *session) reply(code int, text string) {
	s.lastCode = code
	s.noteReply(code)
	s.control.reply(code, text)
}

// addrPortOf returns a TCP address in the form that the rest compares; the
// zero value for any other.
func addrPortOf(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
