package server

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"
)

// cmdTransfer starts a transfer of a file. The engine reads the file and the
// data connection on a goroutine of its own, and commands are read meanwhile.
func (s *session) cmdTransfer(cmd command) string {
	return s.startTransfer(cmd, &transfer{path: s.abs(cmd.arg)}, cmd.line())
}

// cmdSTOU stores under a name that nothing has, and tells it in the 150 reply
// (RFC 1123 §4.1.2.9).
func (s *session) cmdSTOU(cmd command) string {
	name := s.abs(strings.TrimSuffix(cmd.arg, "/") + "/" + "ftp-" + rand.Text())
	if cmd.arg == "" {
		name = s.abs("ftp-" + rand.Text())
	}
	return s.startTransfer(cmd, &transfer{path: name, opening: "FILE: " + name}, "STOR "+name)
}

// cmdList starts a listing. The engine takes it for a download.
func (s *session) cmdList(cmd command) string {
	l := s.newListing(cmd)
	return s.startTransfer(cmd, &transfer{path: l.dir, listing: l}, "RETR /")
}

// startTransfer registers t, if the data connection is settled, and returns
// the line that makes the engine start it.
func (s *session) startTransfer(cmd command, t *transfer, line string) string {
	offset := s.restart
	s.restart = 0
	switch {
	case s.server.opts.RequireTLS == TLSForData && !s.protectedData:
		s.reply(521, "Encryption of data connections is required: send PBSZ 0 and PROT P first.")
		return ""
	case s.setup == nil:
		s.reply(425, "Use EPSV, PASV, EPRT or PORT first.")
		return ""
	}
	t.offset, t.form = offset, s.form
	s.register(cmd, t)
	return line
}

// register makes t what the session is doing.
func (s *session) register(cmd command, t *transfer) {
	t.session, t.command, t.started, t.done = s, cmd, time.Now(), make(chan struct{})
	t.ctx, t.cancel = context.WithCancelCause(s.ctx)
	s.mu.Lock()
	s.transfer = t
	s.mu.Unlock()
}

// cmdREST settles where the next transfer starts (RFC 3659 §5).
func (s *session) cmdREST(cmd command) string {
	offset, err := strconv.ParseInt(cmd.arg, 10, 64)
	switch {
	case err != nil || offset < 0:
		s.reply(501, "Syntax: REST <offset>")
	case s.form.ascii && offset != 0:
		s.reply(504, "REST works with TYPE I only.")
	default:
		s.restart = offset
		s.reply(350, "Restarting at "+strconv.FormatInt(offset, 10)+".")
	}
	return ""
}

// cmdALLO: space need not be reserved here (RFC 959 §4.1.3).
func (s *session) cmdALLO(cmd command) string {
	fields := strings.Fields(strings.ToUpper(cmd.arg))
	_, err := strconv.ParseUint(fields0(fields), 10, 64)
	if err != nil || (len(fields) != 1 && (len(fields) != 3 || fields[1] != "R")) {
		s.reply(501, "Syntax: ALLO <bytes> [R <bytes>]")
		return ""
	}
	s.reply(202, "No storage allocation is necessary.")
	return ""
}

func fields0(fields []string) string {
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// cmdABOR aborts the running transfer, or says that there is none. A data
// connection that is settled but not used is given up.
func (s *session) cmdABOR(command) string {
	if t := s.currentTransfer(); t != nil && t.requestAbort() {
		return ""
	}
	s.dropSetup()
	s.reply(226, "No transfer is running.")
	return ""
}
