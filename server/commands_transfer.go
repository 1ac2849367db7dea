package server

import (
	"context"
	"crypto/rand"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cmdTransfer starts a transfer of a file.
func (s *session) cmdTransfer(cmd command) string {
	s.startTransfer(cmd, &transfer{path: s.abs(cmd.arg)})
	return ""
}

// cmdSTOU stores under a name that nothing has, and tells it in the 150 reply
// (RFC 1123 §4.1.2.9).
//
// RFC 959 has no argument. Clients send the name of their own file, which then
// starts the new one's, or a directory for it to stand in.
func (s *session) cmdSTOU(cmd command) string {
	name := s.abs(cmd.arg)
	if info, err := s.files.Stat(name); cmd.arg == "" || err == nil && info.IsDir() {
		name = path.Join(name, "ftp")
	}
	name += "-" + rand.Text()
	s.startTransfer(cmd, &transfer{path: name, opening: "FILE: " + name})
	return ""
}

// cmdList starts a listing.
func (s *session) cmdList(cmd command) string {
	l := s.newListing(cmd)
	s.startTransfer(cmd, &transfer{path: l.dir, listing: l})
	return ""
}

// startTransfer does t, if the data connection is settled. Commands are read
// meanwhile.
func (s *session) startTransfer(cmd command, t *transfer) {
	offset, size := s.restart, s.allocated
	s.restart, s.allocated = 0, 0
	switch {
	case s.opts.RequireTLS == TLSForData && !s.protectedData:
		s.reply(521, "Encryption of data connections is required: send PBSZ 0 and PROT P first.")
		return
	case s.setup == nil:
		s.reply(425, "Use EPSV, PASV, EPRT or PORT first.")
		return
	}
	if !s.beginTransfer(t) {
		return
	}
	t.offset, t.form = offset, s.form
	if t.command = cmd; t.direction() == DirectionUpload && size > 0 {
		t.size = offset + size
	}
	s.register(cmd, t)
	s.doBeside(t, func() { t.run(s.files, s.setup) })
}

// register makes t what the session is doing.
func (s *session) register(cmd command, t *transfer) {
	t.session, t.command, t.started = s, cmd, time.Now()
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
	if len(fields) == 3 && fields[1] == "R" {
		fields = append(fields[:1], fields[2])
	}
	notNumber := func(s string) bool { _, err := strconv.ParseUint(s, 10, 64); return err != nil }
	if len(fields) == 0 || len(fields) > 2 || slices.ContainsFunc(fields, notNumber) {
		s.reply(501, "Syntax: ALLO <bytes> [R <bytes>]")
		return ""
	}
	if size, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
		s.allocated = size
	}
	s.reply(202, "No storage allocation is necessary.")
	return ""
}

// cmdABOR aborts the running transfer, or says that there is none. A data
// connection that is settled but not used is given up.
func (s *session) cmdABOR(cmd command) string {
	if t := s.currentTransfer(); t != nil && t.requestAbort(cmd) {
		return ""
	}
	s.dropSetup()
	s.reply(226, "No transfer is running.")
	return ""
}
