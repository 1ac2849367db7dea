package server

import (
	"errors"
	"io"
	"net"
	"time"

	"go.uber.org/zap"
)

// How a session reads commands: one at a time, each within its time. Beside a
// transfer it is otherwise: beside.go.

// next returns the next line for the engine. Everything that the engine need
// not or must not see is answered on the way. An error ends the session.
func (s *session) next() (string, error) {
	for {
		cmd, err := s.receive()
		if err != nil {
			return "", err
		}
		line := s.answer(cmd)
		if s.ctx.Err() != nil {
			return "", io.EOF
		}
		if line != "" {
			return line, nil
		}
	}
}

// answer handles a command, and returns the line that the engine is to answer,
// if there is one.
func (s *session) answer(cmd command) (line string) {
	started := time.Now()
	s.lastCode = 0
	s.noteTickets()
	line = s.handleSafely(cmd)
	if s.lastCode != 0 { // 0: the engine or a transfer answers
		s.observe(cmd, started, s.lastCode)
	}
	s.startedAt = started
	return line
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

// receive returns the next command: one that was held back behind a transfer, or
// what the client sends.
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
		cmd, err := s.readCommand()
		switch {
		case err == nil:
			s.begin(cmd)
			return cmd, nil
		case !isTimeout(err):
			return command{}, io.EOF
		case s.isIdle():
			s.reply(421, "No command came in time; closing control connection.")
			s.log.Info("session timed out", zap.Bool("logged_in", s.account != nil))
			return command{}, io.EOF
		}
	}
}

// readCommand waits for the client's next command, and longer if it sends them
// too fast.
func (s *session) readCommand() (cmd command, err error) {
	line, err := s.lines.next()
	s.mu.Lock()
	s.reading = false
	s.mu.Unlock()
	switch {
	case err == nil:
		cmd = parseCommand(line)
	case errors.Is(err, errLineTooLong):
		cmd = command{tooLong: true}
	default:
		return command{}, err
	}
	if !s.keepPace() {
		return command{}, io.EOF
	}
	return cmd, nil
}

// begin makes cmd what the session is doing.
func (s *session) begin(cmd command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.idleSince = cmd, time.Now()
}

// release returns a command that was held back, or says that the session is to
// end. Otherwise it sets the deadline for reading the next.
func (s *session) release() (cmd command, ok, leaving bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.leaveAtLocked(); !at.IsZero() && !time.Now().Before(at) {
		return command{}, false, true
	}
	if len(s.held) > 0 {
		cmd, s.held = s.held[0], s.held[1:]
		s.current = cmd
		return cmd, true, false
	}
	s.reading = true
	s.noteAboutLocked()
	s.control.setReadDeadline(sooner(s.commandDeadlineLocked(), s.leaveAtLocked()))
	return command{}, false, false
}

// commandDeadlineLocked says until when the next command must come.
func (s *session) commandDeadlineLocked() time.Time {
	limits := s.opts.Limits
	if s.account == nil {
		return deadline(s.loginSince, limits.LoginTimeout)
	}
	return deadline(s.idleSince, s.idleTimeout)
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

func (s *session) currentTransfer() *transfer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transfer
}

// wakeLocked makes the goroutine that waits for a command look at the state
// again.
func (s *session) wakeLocked() {
	if s.reading {
		s.control.setReadDeadline(time.Unix(1, 0))
	}
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
