package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server/pace"
)

// ErrServerClosed is returned by Serve and ListenAndServe after Shutdown or
// Close.
var ErrServerClosed = errors.New("server: closed")

// Server is an FTP server. Its methods may be called concurrently.
type Server struct {
	opts         Options
	log          *zap.Logger
	commands     map[string]commandSpec
	siteCommands map[string]siteCommand
	tls          *tickets // nil: no TLS
	dialer       *activeDialer
	buffers      buffers
	sessions     sync.WaitGroup
	accepts      sync.WaitGroup // loops of Serve
	notResumed   atomic.Uint64
	turned       turnedAway
	overrun      turnedAway
	refusals     [LimitPassiveLeasesPerIP + 1]atomic.Uint64 // by Limit
	logins       *pace.Attempts[struct{}]
	loginsPerIP  *pace.Attempts[netip.Prefix]
	accounts     *accountUses
	links        links

	mu        sync.Mutex
	closing   bool
	bound     []boundListener // by Listen, not yet served
	listeners map[net.Listener]struct{}
	live      map[uint64]*session
	perIP     map[netip.Prefix]int
	lastID    uint64
}

type boundListener struct {
	net.Listener
	spec Listener
}

// New returns a server with these options, or an error that joins all that is
// wrong with them. Nothing listens yet.
func New(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	dialer, err := newActiveDialer(opts.Active)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:         opts,
		log:          opts.Logger.Named("server"),
		commands:     commandTable(),
		siteCommands: siteCommands(),
		dialer:       dialer,
		buffers:      newBuffers(),
		listeners:    make(map[net.Listener]struct{}),
		live:         make(map[uint64]*session),
		perIP:        make(map[netip.Prefix]int),
		logins:       pace.NewAttempts[struct{}](opts.Limits.LoginsPerMinute),
		loginsPerIP:  pace.NewAttempts[netip.Prefix](opts.Limits.LoginsPerMinutePerIP),
		accounts:     newAccountUses(opts.Limits),
		links:        newLinks(opts.Limits.Bandwidth.Upload, opts.Limits.Bandwidth.Download),
	}
	if opts.TLS != nil {
		s.tls = newTickets(opts.TLS)
	}
	return s, nil
}

// Listen binds all of Options.Listeners, or none: an error names the address.
// Calling it again does nothing.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrServerClosed
	}
	if len(s.bound) > 0 {
		return nil
	}
	var bound []boundListener
	for _, spec := range s.opts.Listeners {
		listener, err := s.opts.Listen(context.Background(), spec.Address)
		if err != nil {
			for _, b := range bound {
				b.Close()
			}
			return fmt.Errorf("server: listen on %s: %w", spec.Address, err)
		}
		bound = append(bound, boundListener{listener, spec})
	}
	s.bound = bound
	return nil
}

func listenTCP(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // costs time, and a TCP sandbox does not see such sockets
	return config.Listen(ctx, "tcp", address)
}

// Addrs are the addresses that Listen has bound, in the order of
// Options.Listeners.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]net.Addr, len(s.bound))
	for i, b := range s.bound {
		addrs[i] = b.Addr()
	}
	return addrs
}

// ListenAndServe binds Options.Listeners, if Listen has not, and serves them
// until Shutdown or Close; then it returns ErrServerClosed. Any other error
// means that a listener failed; the server is then closed.
func (s *Server) ListenAndServe() error {
	if err := s.Listen(); err != nil {
		return err
	}
	s.mu.Lock()
	bound := s.bound
	s.mu.Unlock()
	failed := make(chan error, len(bound))
	for _, b := range bound {
		go func() { failed <- s.serve(b.Listener, b.spec) }()
	}
	err := <-failed
	if !errors.Is(err, ErrServerClosed) {
		s.Close()
	}
	return err
}

// Serve serves a control listener of the caller's until Shutdown or Close, and
// then returns ErrServerClosed. It closes the listener. Clients may use AUTH
// TLS if the server has a certificate.
func (s *Server) Serve(l net.Listener) error { return s.serve(l, Listener{}) }

// ServeTLS is Serve with TLS before the greeting (implicit TLS).
func (s *Server) ServeTLS(l net.Listener) error {
	if s.tls == nil {
		l.Close()
		return errors.New("server: ServeTLS needs Options.TLS")
	}
	return s.serve(l, Listener{ImplicitTLS: true})
}

func (s *Server) serve(l net.Listener, spec Listener) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.admit(conn, spec)
		case s.isClosing():
			return ErrServerClosed
		case isTemporary(err):
			// No file descriptor is left, most likely. The connection stays
			// queued in the kernel, so trying again at once would spin.
			s.log.Error("accept", zap.Stringer("address", l.Addr()), zap.Error(err))
			time.Sleep(10 * time.Millisecond)
		default:
			return fmt.Errorf("server: accept on %v: %w", l.Addr(), err)
		}
	}
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners[l] = struct{}{}
	s.accepts.Add(1)
	return true
}

func (s *Server) untrack(l net.Listener) {
	l.Close()
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	s.accepts.Done()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// admit registers a session for the connection and starts it.
func (s *Server) admit(conn net.Conn, spec Listener) {
	if s.turnAway(conn, spec) {
		return
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		conn.Close()
		return
	}
	if s.isOverrunLocked() {
		s.mu.Unlock()
		s.refuseUnheard(conn, spec)
		return
	}
	s.lastID++
	session := newSession(s, s.lastID, conn, spec)
	s.live[session.id] = session
	s.sessions.Add(1)
	s.mu.Unlock()
	go session.start()
}

// isOverrunLocked says that even of the connections that are only there to be
// refused there are too many: each has to be told why, under TLS after a
// handshake that the client may drag out.
func (s *Server) isOverrunLocked() bool {
	limit := s.opts.Limits.Sessions
	return limit > 0 && len(s.live) >= 2*limit+100
}

// enter counts a session whose client's address is known, and says why it may
// not stay, if so.
func (s *Server) enter(session *session) (refusal string) {
	network := networkOf(session.client.Addr())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.perIP[network]++
	session.counted = true
	limits := s.opts.Limits
	switch {
	case s.closing:
		return "The server is shutting down."
	case limits.Sessions > 0 && len(s.live) > limits.Sessions:
		s.refusals[LimitSessions].Add(1)
		return "Too many sessions on this server, try again later."
	case limits.SessionsPerIP > 0 && s.perIP[network] > limits.SessionsPerIP:
		s.refusals[LimitSessionsPerIP].Add(1)
		return "Too many sessions from your address, close one first."
	}
	return ""
}

// leave takes an ended session out of the registry.
func (s *Server) leave(session *session) {
	s.mu.Lock()
	delete(s.live, session.id)
	if network := networkOf(session.client.Addr()); session.counted {
		if s.perIP[network]--; s.perIP[network] == 0 {
			delete(s.perIP, network)
		}
	}
	s.mu.Unlock()
	s.sessions.Done()
}

// Shutdown stops accepting, tells idle sessions so (421), lets running
// transfers end, and returns nil when the last session has. When ctx is done
// first it returns ctx's error; the remaining sessions run on until Close.
// The allocator of the passive ports stays open.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopAccepting()
	for _, session := range s.liveSessions() {
		session.drain()
	}
	ended := make(chan struct{})
	go s.waitForSessions(ended)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) waitForSessions(ended chan<- struct{}) {
	s.sessions.Wait()
	close(ended)
}

// Close stops accepting, ends every session at once, and returns when nothing
// runs on their behalf. It always returns nil and may be called again, also
// after a Shutdown that ran out of time.
func (s *Server) Close() error {
	s.stopAccepting()
	for _, session := range s.liveSessions() {
		session.kill(errServerClosing)
	}
	s.sessions.Wait()
	s.accepts.Wait()
	return nil
}

func (s *Server) stopAccepting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for _, b := range s.bound {
		b.Close()
	}
	for l := range s.listeners {
		l.Close()
	}
}

func (s *Server) liveSessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := make([]*session, 0, len(s.live))
	for _, session := range s.live {
		sessions = append(sessions, session)
	}
	return sessions
}

// Statistics counts what the server holds now, and what it has refused.
type Statistics struct {
	// Sessions is the number of control connections.
	Sessions int
	// Transfers is the number of sessions with a running transfer.
	Transfers int
	// NotResumed counts the data connections refused because they did not
	// resume their control connection's TLS session (SessionReuseRequired).
	NotResumed uint64
	// TurnedAway counts the control connections that Options.Admit refused.
	TurnedAway uint64
	// OverLimit counts what limits have refused, by Limit.
	OverLimit [LimitPassiveLeasesPerIP + 1]uint64
}

// Statistics counts sessions and transfers.
func (s *Server) Statistics() Statistics {
	sessions := s.liveSessions()
	stats := Statistics{Sessions: len(sessions), NotResumed: s.notResumed.Load(), TurnedAway: s.turned.total()}
	for _, session := range sessions {
		if session.currentTransfer() != nil {
			stats.Transfers++
		}
	}
	for limit := range s.refusals {
		stats.OverLimit[limit] = s.refusals[limit].Load()
	}
	return stats
}
