package server

import (
	"context"
	"time"
)

// The end of the data connection is the end of the file (RFC 959 §3.4.1), also
// where a client was killed, or closes the data connection behind an ABOR. The
// control connection tells the difference, but its end, or the ABOR, may still
// wait to be read when the upload's goroutine sees the end of the data.
//
// Linux closes the sockets of a killed process the youngest first, so the end of
// the control connection even comes behind that of the data, by microseconds
// and what the network adds. Under TLS there is no such doubt: nobody sends
// close_notify for the dead.
const (
	// endGrace bounds the wait for that end.
	endGrace = 5 * time.Millisecond
	// endGraceShare is the part of an upload's own time that the wait may add:
	// a client is hardly ever killed in the middle of a short upload.
	endGraceShare = 10
	// minGrace is the shortest wait. Timers of an idle process are no finer, so
	// that a small upload would take many times as long as without.
	minGrace = time.Millisecond
)

// settleTimeout bounds the wait for what the control connection has to say: it
// may have received half a line, or bytes that are TLS's own.
const settleTimeout = time.Second

// uploadCut waits until everything has been acted on that had come on the
// control connection before the data connection ended, or that comes with its
// end if that was in clear. It returns why the upload is not complete, nil if it
// is.
func (t *transfer) uploadCut(inClear bool) error {
	if inClear && !t.isAlone() {
		t.waitOutEnd()
	}
	if settled := t.awaitControl(); settled != nil {
		timeout := time.NewTimer(settleTimeout)
		defer timeout.Stop()
		select {
		case <-settled:
		case <-t.ctx.Done():
		case <-timeout.C:
		}
	}
	return context.Cause(t.ctx)
}

func (t *transfer) isAlone() bool {
	t.session.mu.Lock()
	defer t.session.mu.Unlock()
	return t.alone
}

// waitOutEnd gives the end of the control connection time to arrive.
func (t *transfer) waitOutEnd() {
	length := min(endGrace, time.Since(t.started)/endGraceShare)
	if length < minGrace {
		return
	}
	grace := time.NewTimer(length)
	defer grace.Stop()
	select {
	case <-t.ctx.Done():
	case <-grace.C:
	}
}

// awaitControl has commands read that have come. Who reads them knows alone
// whether one that has been read was acted on. It returns nil if there is nothing
// to wait for.
func (t *transfer) awaitControl() <-chan struct{} {
	s := t.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case t.alone || !t.listening && s.hasActed():
		return nil
	case !t.listening:
		s.listenLocked(t)
	}
	t.settled = make(chan struct{})
	s.wakeLocked()
	return t.settled
}

// hasActed says whether everything that the client has sent was acted on. Who
// reads commands calls it, before it reads.
func (s *session) hasActed() bool { return !s.lines.isAhead() && s.control.isQuiet() }

// settleUpload lets a waiting upload end if all that has come was acted on. The
// goroutine that listens calls it before it reads.
func (s *session) settleUpload(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.settled != nil && s.hasActed() {
		t.settleLocked()
	}
}

// settleLocked lets an upload end that waits.
func (t *transfer) settleLocked() {
	if t.settled != nil {
		close(t.settled)
		t.settled = nil
	}
}
