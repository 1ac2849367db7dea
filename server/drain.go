package server

import (
	"context"
	"time"
)

const (
	// drainIdle is how long the client of a session that is to end may be silent
	// before it counts as idle: within it, it is in the middle of something,
	// between PASV and RETR for one, or between two files.
	drainIdle = 5 * time.Second
	// drainBusy is until when sessions may begin something new, if nobody says how
	// much time there is.
	drainBusy = time.Minute
)

// Shutdown stops accepting and returns nil when the last session has ended:
// idle ones are told so (421), and those in the middle of something, which send
// command after command, may go on, with data connections of their own, for half
// of the time until ctx's deadline, or a minute where it has none; then each ends
// with its running transfer. When ctx is done first, Shutdown returns ctx's error,
// and the remaining sessions run on until Close. The allocator of the passive
// ports stays open.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain(busyUntil(ctx, time.Now()))
	ended := make(chan struct{})
	go s.waitForSessions(ended)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain does what Shutdown does, with the moment until which sessions in the
// middle of something may go on, and does not wait for their end. A later moment
// than that of an earlier call changes nothing.
func (s *Server) Drain(by time.Time) {
	s.stopAccepting()
	s.accepts.Wait() // who was accepted is served
	for _, session := range s.liveSessions() {
		session.drain(by)
	}
}

func busyUntil(ctx context.Context, now time.Time) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return now.Add(deadline.Sub(now) / 2)
	}
	return now.Add(drainBusy)
}

func (s *Server) waitForSessions(ended chan<- struct{}) {
	s.sessions.Wait()
	close(ended)
}

// drain ends the session as soon as no transfer runs and its client is idle, or
// that moment has come.
func (s *session) drain(by time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drainBy = sooner(s.drainBy, by)
	s.wakeLocked()
}

// leaveAtLocked says when a session without a transfer has to end because the
// server does. Zero: it does not.
func (s *session) leaveAtLocked() time.Time {
	if s.drainBy.IsZero() {
		return time.Time{}
	}
	return sooner(s.drainBy, s.idleSince.Add(drainIdle))
}

// sooner is the earlier of two deadlines, of which the zero time is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
