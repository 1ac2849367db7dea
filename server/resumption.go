package server

import "sync"

// resumption is what a session learns of how its client resumes TLS sessions
// on data connections, in order to know whether the next one can be told by
// its ticket. A wrong guess costs the client a transfer, a missed chance just a
// share of a port; so a client is believed what it has shown, no more. The zero
// value has seen nothing.
type resumption struct {
	mu       sync.Mutex
	shown    bool // the client resumes when it has a new ticket
	keeps    bool // it resumes with a ticket that it has used before, too
	spent    bool // it has used the newest ticket
	expected bool // the next data connection will resume
}

// tlsHandshake is what the client has shown in one TLS handshake.
type tlsHandshake struct {
	resumed bool
	renewed bool   // the client was sent a new ticket
	owner   uint64 // the session whose ticket was shown, 0 if none
	serial  uint64 // of that ticket
	foreign bool   // a ticket was shown that this server has not made
}

// learn draws the conclusions from a handshake. Many clients use a ticket once
// (RFC 8446 §C.4; curl does, lftp and Python do not), so one that was sent none
// may not be able to resume the next time.
func (r *resumption) learn(h tlsHandshake) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case h.resumed:
		r.keeps = r.keeps || r.spent
		r.shown = true
	case r.expected:
		r.shown, r.keeps = false, false
	}
	r.spent = !h.renewed
	r.expected = r.shown && (h.renewed || r.keeps)
}

// fail is learn for a handshake that came to nothing.
func (r *resumption) fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown, r.keeps, r.expected = false, false, false
}

func (r *resumption) isExpected() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.expected
}
