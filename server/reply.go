package server

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
	"strings"
	"syscall"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"go.uber.org/zap"
)

// replyParser cuts what the engine writes into lines. The engine usually
// writes a line at a time, but not always.
type replyParser struct {
	partial []byte
}

// lines yields the complete lines without their CRLF. They are valid only
// while they are yielded.
func (r *replyParser) lines(p []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				r.partial = append(r.partial, p...)
				return
			}
			line := p[:i]
			if len(r.partial) > 0 {
				line = append(r.partial, line...)
				r.partial = nil
			}
			p = p[i+1:]
			if !yield(bytes.TrimSuffix(line, []byte("\r"))) {
				return
			}
		}
	}
}

// reply is the line of a reply that carries its code (RFC 959 §4.2).
type reply struct {
	code int
	text string
	last bool // false: the first line of several
}

// parseReply reads a line that starts with a code; ok is false for one that
// stands between the first and the last line of a reply.
func parseReply(line []byte) (r reply, ok bool) {
	if len(line) < 4 || (line[3] != ' ' && line[3] != '-') {
		return reply{}, false
	}
	code, err := strconv.Atoi(string(line[:3]))
	if err != nil || code < 100 {
		return reply{}, false
	}
	return reply{code: code, text: string(line[4:]), last: line[3] == ' '}, true
}

// engineReply passes a reply line of the engine's on to the client, in words
// of our own where the engine's tell too much or too little.
func (s *session) engineReply(line []byte) {
	r, ok := parseReply(line)
	if !ok || !r.last {
		return // of an error in several lines, which the client is not to see
	}
	if s.control.hidden > 0 {
		s.control.hidden--
		return
	}
	if spec := s.server.commands[s.inflight.verb]; spec.reword != nil {
		r = spec.reword(s, s.inflight, r)
	} else if r.code >= 400 {
		r = s.explain(r)
	}
	s.control.reply(r.code, r.text)
	s.observe(s.inflight, s.startedAt, r.code)
}

// explain puts an error of the engine's into words for the client. The
// engine's own may carry paths of the host and Go's way of putting things;
// they go to the log.
func (s *session) explain(r reply) reply {
	s.log.Debug("command failed", zap.Int("code", r.code), zap.String("cause", r.text))
	r.text = explain(r.code, r.text)
	return r
}

// codeOf is the reply code for an error of the files.
func codeOf(err error, usual int) int {
	switch {
	case errors.Is(err, ftpserver.ErrStorageExceeded):
		return 552
	case errors.Is(err, ftpserver.ErrFileNameNotAllowed):
		return 553
	default:
		return usual
	}
}

func explain(code int, cause string) string {
	if text := reason(cause); text != "" {
		return text
	}
	switch code {
	case 421:
		return "Service not available; try again later."
	case 425:
		return "Can't open data connection."
	case 426:
		return "Connection closed; transfer aborted."
	case 450, 550:
		return "Requested action not taken."
	case 451:
		return "Requested action aborted: local error in processing."
	case 500:
		return "Command not understood."
	case 501:
		return "Syntax error in parameters."
	case 502, 504:
		return "Command not implemented for that parameter."
	case 503:
		return "Bad sequence of commands."
	case 530:
		return "Please log in with USER and PASS."
	case 552:
		return "Requested action aborted: no storage space is left."
	case 553:
		return "File name not allowed."
	default:
		return "Requested action not taken."
	}
}

// reason finds in an error of the engine's the words of the operating system
// that concern the client. Errors end with their cause, which may be followed
// by nothing else.
func reason(cause string) string {
	for _, known := range []struct {
		errno syscall.Errno
		text  string
	}{
		{syscall.ENOENT, "No such file or directory."},
		{syscall.EACCES, "Permission denied."},
		{syscall.EPERM, "Permission denied."},
		{syscall.EEXIST, "File or directory exists already."},
		{syscall.ENOTEMPTY, "Directory is not empty."},
		{syscall.EISDIR, "Is a directory."},
		{syscall.ENOTDIR, "Is not a directory."},
		{syscall.ENOSPC, "No storage space is left."},
		{syscall.EROFS, "File system is read-only."},
		{syscall.ENAMETOOLONG, "File name too long."},
		{syscall.EXDEV, "Only files can be moved to another storage, one by one."},
		{syscall.EBUSY, "Other storage is mounted there."},
	} {
		if strings.HasSuffix(cause, known.errno.Error()) {
			return known.text
		}
	}
	switch {
	case strings.Contains(cause, "quota exceeded"):
		return "Quota exceeded; SITE QUOTA tells how much is used."
	case strings.HasSuffix(cause, "file does not exist"):
		return "No such file or directory."
	case strings.HasSuffix(cause, "file already exists"):
		return "File or directory exists already."
	case strings.HasSuffix(cause, "path escapes from parent"):
		return "No such file or directory."
	case strings.HasSuffix(strings.ToLower(cause), "not a directory"):
		return "Is not a directory."
	case strings.HasSuffix(cause, errors.ErrUnsupported.Error()):
		return "This storage cannot do that."
	case strings.HasSuffix(cause, "is a directory"):
		return "Is a directory."
	}
	return ""
}
