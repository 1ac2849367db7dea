package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
)

// Why a session or a transfer ended before its time.
var (
	errServerClosing  = errors.New("server: closing")
	errSessionEnded   = errors.New("server: the session ended")
	errUntrustedProxy = errors.New("server: PROXY header from an address that is not trusted to send one")
	errAborted        = errors.New("server: transfer aborted by the client")
)

// parameters are what commands have set and REIN sets back.
type parameters struct {
	form      form
	epsvOnly  bool  // EPSV ALL (RFC 2428 §4)
	restart   int64 // REST
	renaming  bool  // RNFR was the last command
	copyFrom  string
	facts     facts
	hashName  string
	hashRange byteRange
	umask     *os.FileMode // SITE UMASK; nil: the process's
}

// initialParameters: the default type is ASCII (RFC 959 §5.1).
func initialParameters() parameters {
	return parameters{form: form{ascii: true}, facts: allFacts, hashName: hashNames()[0], hashRange: wholeFile()}
}

// session is the life of one control connection.
//
// Commands are read by one goroutine, the engine's, inside control.Read. It
// alone touches the fields that are under no lock. A transfer runs on another
// goroutine of the engine's; what the two share is under mu.
type session struct {
	server  *Server
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
	counted bool           // in Server.perIP; under Server.mu
	ended   sync.Once
	over    atomic.Bool // nothing more is logged

	lines         lineReader
	engine        ftpserver.ClientContext // of the engine, once it greets
	greeted       bool                    // a command has come
	host          *VirtualHost            // of HOST, or of the name in the TLS handshake; nil: none
	user          string                  // of USER, until PASS
	failedLogins  int
	protectedData bool // PROT P (RFC 2228 §3)
	bufferSizeSet bool // PBSZ
	inflight      command
	startedAt     time.Time // when inflight came
	lastCode      int       // of the last reply outside transfers
	setup         *dataSetup
	account       *driver.Account // nil: not logged in
	files         *sessionFS      // of the account
	parameters

	resumption resumption

	sinceTicket atomic.Int32 // commands since the last ticket was sent

	mu        sync.Mutex
	transfer  *transfer
	held      []command // behind a running transfer
	reading   bool      // waiting for the client's next command
	idleSince time.Time
	draining  bool

	loginSince time.Time // when the client had to begin to log in

	idleTimeout time.Duration // SITE IDLE; set by the reading goroutine, under mu
}

func newSession(s *Server, id uint64, conn net.Conn, spec Listener) *session {
	ctx, cancel := context.WithCancelCause(context.Background())
	session := &session{
		server: s, id: id, spec: spec, started: time.Now(), ctx: ctx, cancel: cancel,
		log: s.log, protectedData: spec.ImplicitTLS, idleTimeout: s.opts.Limits.IdleTimeout, parameters: initialParameters(),
	}
	session.control = newControl(session, conn)
	return session
}

// start brings the connection to where the greeting is sent, and hands it to
// an engine of its own. The engine's goroutine then carries the session.
func (s *session) start() {
	if err := s.prepare(); err != nil {
		s.log.Info("session refused", zap.Stringer("remote_addr", s.control.RemoteAddr()), zap.Error(err))
		s.end()
		return
	}
	s.baseLog = s.log.With(zap.Uint64("session_id", s.id), zap.Stringer("remote_addr", s.client))
	s.log = s.baseLog
	s.log.Info("session opened", zap.Stringer("local_addr", s.local), zap.Bool("tls", s.control.isEncrypted()))
	if refusal := s.server.enter(s); refusal != "" {
		s.log.Warn("session refused", zap.String("reason", refusal))
		s.control.reply(421, refusal)
		s.end()
		return
	}
	engine := ftpserver.NewFtpServer(&engineDriver{session: s})
	engine.Logger = engineLogger(s)
	if err := engine.ListenAndServe(); err != nil {
		s.log.Error("start of the engine", zap.Error(err))
		s.end()
	}
}

// prepare reads the PROXY header and makes the TLS handshake of an implicit
// TLS listener.
func (s *session) prepare() error {
	timeout := s.server.opts.Limits.LoginTimeout
	if len(s.spec.ProxyProtocol) > 0 {
		if err := s.control.readProxyHeader(s.spec.ProxyProtocol, timeout); err != nil {
			return err
		}
	}
	s.client, s.local = addrPortOf(s.control.RemoteAddr()), addrPortOf(s.control.LocalAddr())
	if s.spec.ImplicitTLS {
		if err := s.control.startTLS(timeout); err != nil {
			return err
		}
	}
	s.lines.reset(s.control.conn)
	s.idleSince, s.loginSince = time.Now(), s.started
	return nil
}

// peers is where the session's data connections may come from.
func (s *session) peers() netip.Prefix {
	if ports := s.server.opts.Ports; ports != nil {
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
// registry. It waits for a running transfer's file to be closed.
func (s *session) end() {
	s.ended.Do(func() {
		s.kill(errSessionEnded)
		if t := s.currentTransfer(); t != nil {
			<-t.done
		}
		s.dropSetup()
		s.logOut()
		if s.server.tls != nil {
			s.server.tls.ledger.leave(s.id)
		}
		s.log.Info("session closed", zap.Duration("duration", time.Since(s.started)))
		s.over.Store(true)
		s.server.leave(s)
	})
}

func (s *session) logOut() {
	if s.account != nil {
		s.server.leaveUser(s.account.Name)
		s.account, s.files = nil, nil
		s.log = s.baseLog
		s.loginSince = time.Now()
	}
}

// next returns the next line for the engine. Everything that the engine need
// not or must not see is answered on the way. An error ends the session.
func (s *session) next() (string, error) {
	for {
		cmd, err := s.receive()
		if err != nil {
			return "", err
		}
		started := time.Now()
		s.lastCode = 0
		s.noteTickets()
		line := s.handleSafely(cmd)
		if s.lastCode != 0 { // 0: the engine or the transfer answers
			s.observe(cmd, started, s.lastCode)
		}
		if s.ctx.Err() != nil {
			return "", io.EOF
		}
		if line != "" {
			s.startedAt = started
			return line, nil
		}
	}
}

// handleSafely keeps a panic, in the embedder's files for one, to the session
// that it happened in.
func (s *session) handleSafely(cmd command) (line string) {
	defer func() {
		if r := recover(); r != nil {
			s.logPanic(cmd, r)
			s.reply(451, "Internal error; closing control connection.")
			s.cancel(errSessionEnded)
		}
	}()
	return s.handle(cmd)
}

func (s *session) logPanic(cmd command, r any) {
	s.log.Error("panic", zap.String("verb", cmd.verb), zap.Any("panic", r), zap.Stack("stack"))
}

// noteTickets tells the ledger that the client has read the tickets it was
// sent, when it must have: at its second command since, if it waits for replies
// between commands.
func (s *session) noteTickets() {
	if s.control.isEncrypted() && !s.lines.isAhead() && s.sinceTicket.Add(1) == 2 {
		s.server.tls.ledger.inHand(s.id)
	}
}

// heldCommands bounds what a client may send ahead while a transfer runs.
// Beyond it nothing is read until the transfer ends.
const heldCommands = 64

// receive returns the next command that may run now. While a transfer runs,
// only those do that the protocol allows beside it; the others are held back
// in their order.
func (s *session) receive() (command, error) {
	for {
		cmd, ok, leaving := s.release()
		if leaving {
			s.reply(421, "The server is shutting down; closing control connection.")
			return command{}, io.EOF
		}
		if ok {
			return cmd, nil
		}
		line, err := s.lines.next()
		s.mu.Lock()
		s.reading = false
		s.mu.Unlock()
		switch {
		case err == nil || errors.Is(err, errLineTooLong):
			cmd := command{tooLong: true}
			if err == nil {
				cmd = parseCommand(line)
			}
			if !s.hold(cmd) {
				return cmd, nil
			}
		case isTimeout(err):
			if s.isIdle() {
				s.reply(421, "No command came in time; closing control connection.")
				s.log.Info("session timed out", zap.Bool("logged_in", s.account != nil))
				return command{}, io.EOF
			}
		default:
			if !s.quitIsHeld() {
				return command{}, io.EOF
			}
			s.waitForTransfer() // the client said QUIT and left: let the transfer end
		}
	}
}

// release returns a command that was held back, if it may run now, or says
// that the session is to end. Otherwise it sets the deadline for reading the
// next.
func (s *session) release() (cmd command, ok, leaving bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfer == nil {
		if s.draining {
			return command{}, false, true
		}
		if len(s.held) > 0 {
			cmd, s.held = s.held[0], s.held[1:]
			return cmd, true, false
		}
	}
	s.reading = true
	s.control.setReadDeadline(s.commandDeadlineLocked())
	return command{}, false, false
}

// commandDeadlineLocked says until when the next command must come. A running
// transfer stops the clock.
func (s *session) commandDeadlineLocked() time.Time {
	limits := s.server.opts.Limits
	switch {
	case s.transfer != nil:
		return time.Time{}
	case s.account == nil:
		return deadline(s.loginSince, limits.LoginTimeout)
	default:
		return deadline(s.idleSince, s.idleTimeout)
	}
}

// deadline is the zero time, which is none, for a timeout of 0.
func deadline(from time.Time, timeout time.Duration) time.Time {
	if timeout == 0 {
		return time.Time{}
	}
	return from.Add(timeout)
}

func (s *session) isIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.commandDeadlineLocked()
	return !d.IsZero() && !time.Now().Before(d)
}

// hold keeps a command for after the running transfer, if it may not run
// beside it or others came before it: replies keep the order of the commands.
// An ABOR acts at once even so; its reply takes its turn.
func (s *session) hold(cmd command) bool {
	s.mu.Lock()
	s.idleSince = time.Now()
	t := s.transfer
	running := t != nil && !t.ending
	mayRun := t == nil || running && s.server.commands[cmd.verb].isImmediate(cmd)
	if mayRun && len(s.held) == 0 {
		s.mu.Unlock()
		return false
	}
	s.held = append(s.held, cmd)
	full := len(s.held) >= heldCommands
	s.mu.Unlock()
	if running && cmd.verb == "ABOR" {
		t.abort(errAborted)
	}
	if full {
		s.waitForTransfer()
	}
	return true
}

func (s *session) quitIsHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cmd := range s.held {
		if cmd.verb == "QUIT" {
			return true
		}
	}
	return false
}

func (s *session) waitForTransfer() {
	if t := s.currentTransfer(); t != nil {
		select {
		case <-t.done:
		case <-s.ctx.Done():
		}
	}
}

func (s *session) currentTransfer() *transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transfer
}

// drain ends the session as soon as no transfer runs.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.wakeLocked()
}

// wakeLocked makes the goroutine that reads commands look at the state again.
func (s *session) wakeLocked() {
	if s.reading && s.transfer == nil {
		s.control.setReadDeadline(time.Unix(1, 0))
	}
}

// transferEnded lets the commands run that were held back, once no ABOR is
// left to be answered: it returns those that have come meanwhile.
func (s *session) transferEnded() []abort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if aborts := s.transfer.aborts; len(aborts) > 0 {
		s.transfer.aborts = nil
		return aborts
	}
	s.transfer = nil
	s.idleSince = time.Now()
	switch {
	case len(s.held) > 0 || s.draining:
		s.wakeLocked()
	case s.reading:
		s.control.setReadDeadline(s.commandDeadlineLocked())
	}
	return nil
}

// forgetHeld drops commands that came before the connection changed between
// TLS and clear.
func (s *session) forgetHeld() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = nil
}

// reply sends a reply of one line. Only the goroutine that reads commands
// calls it.
func (s *session) reply(code int, text string) {
	s.lastCode = code
	s.control.reply(code, text)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
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
