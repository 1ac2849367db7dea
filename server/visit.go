package server

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// visit is what the log says of a session as a whole. Who looks every few
// seconds whether the server is well, from this machine or as a load balancer,
// and says nothing but QUIT, is not worth two lines each time.
type visit struct {
	opened atomic.Bool // has been logged
	check  atomic.Bool // it was such a look
}

// isOwn says whether the connection comes from the server's own address, or
// from a load balancer that speaks for itself.
func (s *session) isOwn() bool {
	return s.client.Addr().Unmap() == s.local.Addr().Unmap() || !s.eventClient().IsValid()
}

// noteVisit takes notice of a command. The first tells what the session is.
func (s *session) noteVisit(cmd command) {
	if cmd.verb == "QUIT" && !s.visit.opened.Load() {
		s.visit.check.Store(true)
		return
	}
	s.logOpened()
}

func (s *session) logOpened() {
	if s.visit.opened.CompareAndSwap(false, true) {
		s.log.Info("session opened", zap.Stringer("local_addr", s.local), zap.Bool("tls", s.control.isEncrypted()))
	}
}

func (s *session) logClosed() {
	if s.visit.check.Load() {
		return
	}
	if s.baseLog != nil { // otherwise it was refused before it began
		s.logOpened()
	}
	s.log.Info("session closed", zap.Duration("duration", time.Since(s.started)))
}
