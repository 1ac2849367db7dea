package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// ErrServerClosed is returned by Serve and ListenAndServe after Shutdown or
// Close.
var ErrServerClosed = errors.New("server: closed")

// Server is an FTP server. Its methods may be called concurrently.
type Server struct {
	log          *zap.Logger
	commands     map[string]commandSpec
	siteCommands map[string]siteCommand
	tls          *tickets
	buffers      buffers
	young        youngTransfers
	sessions     sync.WaitGroup
	accepts      sync.WaitGroup // loops of Serve
	notResumed   atomic.Uint64
	turned       turnedAway
	overrun      turnedAway
	refusals     [LimitPassiveLeasesPerIP + 1]atomic.Uint64 // by Limit
	accounts     *accountUses
	traffic      traffic
	handshakes   handshakes

	reloading sync.Mutex // held by Reload as a whole
	inForce   atomic.Pointer[settings]

	mu        sync.Mutex
	closing   bool             // nothing is accepted any more
	closed    bool             // nor does anything run
	bound     []*boundListener // by Listen
	serving   chan error       // of ListenAndServe, for what ends it; nil before
	listeners map[net.Listener]struct{}
	live      map[uint64]*session
	perIP     map[netip.Prefix]int
	lastID    uint64
}

// New returns a server with these options, or an error that joins all that is
// wrong with them. Nothing listens yet.
func New(opts Options) (*Server, error) {
	inForce, err := newSettings(opts, nil)
	if err != nil {
		return nil, err
	}
	bandwidth := inForce.Limits.Bandwidth
	inForce.links = newLinks(bandwidth.Upload, bandwidth.Download)
	s := &Server{
		log:          inForce.Logger.Named("server"),
		commands:     commandTable(),
		siteCommands: siteCommands(),
		buffers:      newBuffers(),
		listeners:    make(map[net.Listener]struct{}),
		live:         make(map[uint64]*session),
		perIP:        make(map[netip.Prefix]int),
		accounts:     newAccountUses(inForce.Limits, inForce.SharedSessions),
		tls:          newTickets(inForce.TLS),
	}
	s.inForce.Store(inForce)
	return s, nil
}

// admit registers a session for the connection and starts it.
func (s *Server) admit(conn net.Conn, spec Listener) {
	if s.turnAway(conn, spec) {
		return
	}
	s.mu.Lock()
	if s.closed {
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
	limit := s.current().Limits.Sessions
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
	limits := s.current().Limits
	switch {
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

// Close stops accepting, ends every session at once, and returns when nothing
// runs on their behalf. It always returns nil and may be called again, also
// after a Shutdown that ran out of time.
func (s *Server) Close() error {
	s.stopAccepting()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
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
	// LoggedIn is how many of them have logged in.
	LoggedIn int
	// Accepted is the number of control connections so far, those that Admit
	// refused left out.
	Accepted uint64
	// Transfers is the number of sessions with a running transfer.
	Transfers int
	// Bytes is how many bytes data connections have moved, those of running
	// transfers included, by Direction.
	Bytes [DirectionListing + 1]uint64
	// Handshakes counts TLS handshakes that succeeded, by Channel.
	Handshakes [ChannelData + 1]TLSHandshakes
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
	s.mu.Lock()
	stats.Accepted = s.lastID
	s.mu.Unlock()
	for _, session := range sessions {
		session.mu.Lock()
		t, loggedIn := session.transfer, session.about.loggedIn
		session.mu.Unlock()
		if loggedIn {
			stats.LoggedIn++
		}
		if t != nil {
			stats.Transfers++
			s.traffic.count(t)
		}
	}
	for direction := range s.traffic {
		stats.Bytes[direction] = s.traffic[direction].Load()
	}
	stats.Handshakes = s.handshakes.totals()
	for limit := range s.refusals {
		stats.OverLimit[limit] = s.refusals[limit].Load()
	}
	return stats
}
