package server

import (
	"net/netip"
	"time"
)

// SessionEvent tells that a session has been let in, or that it has ended.
type SessionEvent struct {
	// Ended says which of the two.
	Ended bool
	// Time is when.
	Time time.Time
	// SessionID is unique within the server's life.
	SessionID uint64
	// Client and Local are the two ends of the control connection.
	Client, Local netip.AddrPort
	// User is the name of the account at the end, empty if nobody was logged in.
	User string
}

// tellSession tells the embedder of the session itself.
func (s *session) tellSession(ended bool, user string) {
	if hook := s.opts.OnSession; hook != nil {
		hook(SessionEvent{Ended: ended, Time: time.Now(), SessionID: s.id, Client: s.client, Local: s.local, User: user})
	}
}
