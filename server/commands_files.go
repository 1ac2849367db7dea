package server

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// rewordDone is for DELE, RMD and RNTO, whose success needs no words but that.
func (s *session) rewordDone(cmd command, r reply) reply {
	if r.code >= 400 {
		return s.explain(r)
	}
	switch cmd.verb {
	case "RNTO":
		s.emit(Event{Kind: EventRename, Path: s.renameFrom, Target: s.abs(cmd.arg), Command: cmd.verb, Code: r.code})
	default: // DELE, RMD
		s.emit(Event{Kind: EventDelete, Path: s.abs(cmd.arg), Command: cmd.verb, Code: r.code})
	}
	r.text = "Done."
	return r
}

// cmdCWD changes the directory that paths start from.
func (s *session) cmdCWD(cmd command) string {
	directory := s.abs(cmd.arg)
	info, err := s.files.Stat(directory)
	switch {
	case err != nil:
		s.replyError(550, err)
	case !info.IsDir():
		s.reply(550, "Is not a directory.")
	default:
		s.directory = directory
		s.reply(250, "Directory is "+quoted(directory))
	}
	return ""
}

func (s *session) cmdCDUP(cmd command) string {
	cmd.arg = ".."
	return s.cmdCWD(cmd)
}

func (s *session) cmdPWD(command) string {
	s.reply(257, quoted(s.directory)+" is the current directory")
	return ""
}

// rewordMKD puts the quoted path first, as RFC 959 (appendix II) asks for and
// clients parse it.
func (s *session) rewordMKD(cmd command, r reply) reply {
	if r.code < 400 {
		s.emit(Event{Kind: EventMkdir, Path: s.abs(cmd.arg), Command: cmd.verb, Code: r.code})
		r.text = quoted(s.abs(cmd.arg)) + " created."
		return r
	}
	return s.explain(r)
}

// rewordRNFR lets the next command be RNTO.
func (s *session) rewordRNFR(cmd command, r reply) reply {
	if r.code == 350 {
		s.renaming, s.renameFrom = true, s.abs(cmd.arg)
		r.text = "Send RNTO with the new name."
		return r
	}
	return s.explain(r)
}

// quoted doubles the quotes inside a path (RFC 959, appendix II).
func quoted(path string) string { return `"` + strings.ReplaceAll(path, `"`, `""`) + `"` }

// cmdSIZE is for TYPE I: the size of a text would have to be counted line by
// line (RFC 3659 §4). Clients ask it to learn where an upload can go on.
func (s *session) cmdSIZE(cmd command) string {
	if s.form.ascii {
		s.reply(550, "SIZE works with TYPE I only.")
		return ""
	}
	path := s.abs(cmd.arg)
	if info, err := s.files.Stat(path); err == nil && info.IsDir() {
		s.reply(550, "Is a directory.")
		return ""
	}
	size, err := s.files.UploadSize(path)
	switch text := conflict(err); {
	case text != "":
		s.reply(450, text) // with a 550, clients would believe that there is no file
	case err != nil:
		s.replyError(550, err)
	default:
		s.reply(213, strconv.FormatInt(size, 10))
	}
	return ""
}

// cmdMLST describes one file on the control connection (RFC 3659 §7).
func (s *session) cmdMLST(cmd command) string {
	path := s.abs(cmd.arg)
	info, err := s.files.Stat(path)
	if err != nil {
		s.replyError(550, err)
		return ""
	}
	entry := string(s.facts.append(nil, info)) + " " + path
	s.replyLines(250, "Facts:", []string{entry}, "End")
	return ""
}

// listOnControl answers STAT with a path (RFC 959 §4.1.3).
func (s *session) listOnControl(cmd command) {
	l := s.newListing(command{verb: "LIST", arg: cmd.arg})
	info, err := s.files.Stat(l.dir)
	code := 213
	if err == nil && info.IsDir() {
		code = 212
	}
	entries, err := l.entries(s.files.FS)
	if err != nil {
		s.replyError(450, err)
		return
	}
	l.sort(entries)
	lines := make([]string, len(entries))
	for i, entry := range entries {
		lines[i] = string(appendLong(nil, entry, l.now))
	}
	s.replyLines(code, "Status of "+l.dir+":", lines, "End of status")
}

// cmdMFMT sets the modification time (draft-somers-ftp-mfxx §3).
func (s *session) cmdMFMT(cmd command) string {
	stamp, name, _ := strings.Cut(cmd.arg, " ")
	modified, err := parseTime(stamp)
	if err != nil || name == "" {
		s.reply(501, "Syntax: MFMT <YYYYMMDDhhmmss> <path>")
		return ""
	}
	if err := s.files.Chtimes(s.abs(name), modified, modified); err != nil {
		s.replyError(550, err)
		return ""
	}
	s.reply(213, "Modify="+modified.Format(timeFormat)+"; "+name)
	return ""
}

// parseTime reads a time of RFC 3659 §2.3, with or without fractions.
func parseTime(stamp string) (time.Time, error) {
	whole, _, _ := strings.Cut(stamp, ".")
	return time.Parse(timeFormat, whole)
}

// cmdMFF sets facts (draft-somers-ftp-mfxx §5): Modify and UNIX.mode. All are
// checked before one is set.
func (s *session) cmdMFF(cmd command) string {
	list, name, found := strings.Cut(cmd.arg, " ")
	if !found || name == "" || !strings.HasSuffix(list, ";") {
		s.reply(501, "Syntax: MFF <fact>=<value>;... <path>")
		return ""
	}
	path := s.abs(name)
	var steps []func() error
	for assignment := range strings.SplitSeq(strings.TrimSuffix(list, ";"), ";") {
		fact, value, _ := strings.Cut(assignment, "=")
		step, ok := s.setFact(path, fact, value)
		if !ok {
			s.reply(504, "Facts that can be set: Modify=<YYYYMMDDhhmmss>;UNIX.mode=<octal>;")
			return ""
		}
		steps = append(steps, step)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			s.replyError(550, err)
			return ""
		}
	}
	s.reply(213, list+" "+name)
	return ""
}

func (s *session) setFact(path, fact, value string) (func() error, bool) {
	switch strings.ToLower(fact) {
	case "modify":
		modified, err := parseTime(value)
		return func() error { return s.files.Chtimes(path, modified, modified) }, err == nil
	case "unix.mode":
		mode, ok := parseMode(value)
		return func() error { return s.files.Chmod(path, mode) }, ok
	}
	return nil, false
}

// parseMode reads permission bits in octal.
func parseMode(s string) (os.FileMode, bool) {
	mode, err := strconv.ParseUint(s, 8, 12)
	return os.FileMode(mode), err == nil && mode <= 0o777
}

// replyError answers a command that the files refused; the log has the cause.
func (s *session) replyError(code int, err error) {
	r := s.explain(reply{code: codeOf(err, code), text: err.Error(), last: true})
	s.reply(r.code, r.text)
}

func (s *session) replyLines(code int, first string, between []string, last string) {
	s.lastCode = code
	s.control.replyLines(code, first, between, last)
}

// copyFile copies within the account's files, until cancelled.
func (t *transfer) copyFile(from, to string) error {
	files := t.session.files.FS
	src, err := files.GetHandle(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := files.GetHandle(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	err = t.copyBlocks(dst, src)
	if err != nil {
		passTransferError(dst, err)
	}
	if closeErr := dst.Close(); err == nil {
		err = closeErr
	}
	return err
}
