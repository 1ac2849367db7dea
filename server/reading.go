package server

import (
	"errors"
	"io"
	"net"
	"time"

	"go.uber.org/zap"
)

// How a session reads commands: one at a time, each within its time, and held
// back while a transfer runs that it may not run beside.

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
		if s.lastCode != 0 { // 0: the engine or a transfer answers
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
		s.settleUpload()
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
			if !s.keepPace() {
				return command{}, io.EOF
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
		if at := s.leaveAtLocked(); !at.IsZero() && !time.Now().Before(at) {
			return command{}, false, true
		}
		if len(s.held) > 0 {
			cmd, s.held = s.held[0], s.held[1:]
			s.current = cmd
			return cmd, true, false
		}
	}
	s.reading = true
	s.noteAboutLocked()
	s.control.setReadDeadline(s.readDeadlineLocked())
	return command{}, false, false
}

// readDeadlineLocked says until when to wait for the next command, after which
// there may be more to do than to end an idle session.
func (s *session) readDeadlineLocked() time.Time {
	if s.transfer != nil {
		return time.Time{}
	}
	return sooner(s.commandDeadlineLocked(), s.leaveAtLocked())
}

// commandDeadlineLocked says until when the next command must come. A running
// transfer stops the clock.
func (s *session) commandDeadlineLocked() time.Time {
	limits := s.opts.Limits
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
		s.current = cmd
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
	s.stopListening()
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
	case len(s.held) > 0:
		s.wakeLocked()
	case s.reading:
		s.control.setReadDeadline(s.readDeadlineLocked())
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

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
