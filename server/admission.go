package server

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

// turnedAway counts the connections that were closed at once, and lets one a
// second be told of: an attack must not fill the logs as well.
type turnedAway struct {
	mu         sync.Mutex
	count      uint64
	suppressed uint64 // since the last that was told of
	next       time.Time
}

// add counts one and says whether to tell of it, and how many were not.
func (t *turnedAway) add(now time.Time) (suppressed uint64, told bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if now.Before(t.next) {
		t.suppressed++
		return 0, false
	}
	suppressed, t.suppressed = t.suppressed, 0
	t.next = now.Add(time.Second)
	return suppressed, true
}

func (t *turnedAway) total() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// turnAway closes a new connection whose client Options.Admit refuses, before
// it costs more than this question. Behind a load balancer the client is not
// known yet; session.prepare asks again when it is.
func (s *Server) turnAway(conn net.Conn, spec Listener) bool {
	admit := s.current().Admit
	if admit == nil {
		return false
	}
	client := addrPortOf(conn.RemoteAddr())
	if containsAddr(spec.ProxyProtocol, client.Addr()) {
		return false
	}
	reason, ok := admit(client.Addr())
	if ok {
		return false
	}
	s.tellTurnedAway(SecurityEvent{Client: client, Listener: addrPortOf(conn.LocalAddr()), Reason: reason})
	reset(conn)
	return true
}

// refuseUnheard closes a new connection when there are far too many.
func (s *Server) refuseUnheard(conn net.Conn, spec Listener) {
	s.refusals[LimitSessions].Add(1)
	defer reset(conn)
	e := SecurityEvent{Client: addrPortOf(conn.RemoteAddr()), Listener: addrPortOf(conn.LocalAddr()), Reason: "limit", Detail: LimitSessions.String()}
	if containsAddr(spec.ProxyProtocol, e.Client.Addr()) {
		e.Client, e.Proxy = netip.AddrPort{}, e.Client
	}
	s.tellRefused(&s.overrun, e)
}

func (s *Server) tellTurnedAway(e SecurityEvent) { s.tellRefused(&s.turned, e) }

func (s *Server) tellRefused(refused *turnedAway, e SecurityEvent) {
	suppressed, told := refused.add(time.Now())
	if !told {
		return
	}
	s.log.Info("session refused", zap.Stringer("remote_addr", e.Client), zap.String("reason", e.Reason), zap.Uint64("not_logged", suppressed))
	if hook := s.current().OnSecurity; hook != nil {
		e.Kind, e.Time, e.Suppressed = SecuritySessionRefused, time.Now(), suppressed
		hook(e)
	}
}

// refusal is what Options.Admit says of the session's client, if it refuses
// it.
func (s *session) refusal() (reason string, refused bool) {
	client, admit := s.eventClient(), s.server.current().Admit
	if admit == nil || !client.IsValid() {
		return "", false
	}
	reason, ok := admit(client.Addr())
	return reason, !ok
}

// isTurnedAway tells of a client behind a load balancer that is refused.
func (s *session) isTurnedAway() bool {
	reason, refused := s.refusal()
	if refused {
		s.server.tellTurnedAway(SecurityEvent{SessionID: s.id, Client: s.client, Proxy: s.proxy, Listener: s.local, Reason: reason})
	}
	return refused
}

// eventClient is the client as events name it. A load balancer that connects
// for itself, to see whether the server is well (LOCAL in the PROXY header), is
// nobody's client.
func (s *session) eventClient() netip.AddrPort {
	if s.proxy.IsValid() && s.client.Addr() == s.proxy.Addr() {
		return netip.AddrPort{}
	}
	return s.client
}
