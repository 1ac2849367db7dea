package server

import (
	"slices"
	"sync"
	"time"
)

// How a session reads commands beside a transfer. The session's goroutine does
// the transfer itself: most are over before anything could come, and a second
// goroutine that waits in vain costs a fifth of a small file's time. Beside those
// that take longer another one listens, which answers what may run beside a
// transfer and holds the rest back. Meanwhile the session's goroutine touches
// nothing that those commands do but under session.mu.

// heldCommands bounds what a client may send ahead while a transfer runs. Beyond
// it nothing is read until the transfer ends.
const heldCommands = 64

// doBeside runs work, the session's transfer t, and has commands read meanwhile
// if it takes long.
func (s *session) doBeside(t *transfer, work func()) {
	t.listened = make(chan struct{})
	s.server.young.add(t)
	work()
	s.mu.Lock()
	listening := t.listening
	s.mu.Unlock()
	if listening {
		<-t.listened
	}
	s.lastCode = 0 // if any, of what was answered beside it
}

// listenIfRunning has commands read beside t from now on.
func (s *session) listenIfRunning(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfer == t && !t.listening {
		s.listenLocked(t)
	}
}

func (s *session) listenLocked(t *transfer) {
	t.listening = true
	go s.listen(t)
}

// listen reads commands until t has ended, or the client may send no more.
func (s *session) listen(t *transfer) {
	defer close(t.listened)
	defer s.stopListening(t)
	s.control.flushDelayed()
	for s.startListening(t) {
		s.settleUpload(t)
		cmd, err := s.readCommand()
		switch {
		case err == nil:
			held, full := s.hold(t, cmd)
			if full {
				return
			}
			if !held {
				s.answer(cmd)
			}
		case isTimeout(err): // it was woken
		case s.quitIsHeld(): // the client said QUIT and left: let the transfer end
			return
		default:
			s.kill(errSessionEnded)
			return
		}
	}
}

// startListening says whether t still runs. Nothing limits how long the client
// is silent beside it.
func (s *session) startListening(t *transfer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transfer != t {
		return false
	}
	s.reading = true
	s.control.setReadDeadline(time.Time{})
	return true
}

// stopListening says that no command is read any more until t has ended.
func (s *session) stopListening(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.alone = true
	t.settleLocked()
}

// hold keeps a command for after the transfer, if it may not run beside it or
// others came before it: replies keep the order of the commands. An ABOR acts at
// once even so; its reply takes its turn. Full says that enough are held.
func (s *session) hold(t *transfer, cmd command) (held, full bool) {
	s.mu.Lock()
	s.idleSince = time.Now()
	running := s.transfer == t && !t.ending
	if running && len(s.held) == 0 && s.server.commands[cmd.verb].isImmediate(cmd) {
		s.current = cmd
		s.mu.Unlock()
		return false, false
	}
	s.held = append(s.held, cmd)
	full = len(s.held) >= heldCommands
	s.mu.Unlock()
	if running && cmd.verb == "ABOR" {
		t.abort(errAborted)
	}
	return true, full
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

// transferEnded lets other commands run, once no ABOR is left to be answered: it
// returns those that have come meanwhile.
func (s *session) transferEnded() []abort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if aborts := s.transfer.aborts; len(aborts) > 0 {
		s.transfer.aborts = nil
		return aborts
	}
	s.transfer = nil
	s.idleSince = time.Now()
	s.wakeLocked() // who listens
	return nil
}

// listenAfter is how long a transfer runs until commands are read beside it; it
// may be twice that.
const listenAfter = 10 * time.Millisecond

// youngTransfers are those beside which nobody listens yet, the oldest first. A
// timer for each would cost more than the listening.
type youngTransfers struct {
	mu   sync.Mutex
	list []*transfer // those that have ended among them
}

func (y *youngTransfers) add(t *transfer) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.list = append(y.list, t); len(y.list) == 1 {
		time.AfterFunc(listenAfter, y.grow)
	}
}

// grow has commands read beside those that have become old.
func (y *youngTransfers) grow() {
	y.mu.Lock()
	defer y.mu.Unlock()
	old, now := 0, time.Now()
	for ; old < len(y.list) && now.Sub(y.list[old].started) >= listenAfter; old++ {
		t := y.list[old]
		t.session.listenIfRunning(t)
	}
	y.list = slices.Delete(y.list, 0, old)
	if len(y.list) > 0 {
		time.AfterFunc(listenAfter, y.grow)
	}
}
