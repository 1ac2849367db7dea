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
func (s *session) uploadCut(inClear bool) error {
	t := s.currentTransfer()
	if t == nil {
		return nil
	}
	if inClear {
		s.waitOutEnd(t)
	}
	if settled := s.awaitControl(t); settled != nil {
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

// waitOutEnd gives the end of the control connection time to arrive.
func (s *session) waitOutEnd(t *transfer) {
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

// awaitControl sends the goroutine that reads commands through settleUpload: it
// alone knows whether a command that has been read was acted on. It returns nil
// if there is nothing to wait for.
func (s *session) awaitControl(t *transfer) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.alone {
		return nil
	}
	t.settled = make(chan struct{})
	s.control.setReadDeadline(time.Unix(1, 0))
	return t.settled
}

// settleUpload lets a waiting upload end if all that has come was acted on. The
// goroutine that reads commands calls it before it reads.
func (s *session) settleUpload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.transfer; t != nil && t.settled != nil && !s.lines.isAhead() && s.control.isQuiet() {
		t.settleLocked()
	}
}

// stopListening says that no command is read until the transfer has ended.
func (s *session) stopListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.transfer; t != nil {
		t.alone = true
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
