package server

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// command is one line of the client's: a verb in upper case and an argument,
// which is "" if there is none (RFC 959 §4.1, §5.3). Names in arguments are
// bytes: they need not be UTF-8.
type command struct {
	verb string
	arg  string
}

// parseCommand reads a line. Telnet control codes in front of it (RFC 959
// §4.1.3 has clients send IP and Synch before ABOR) are left out: no verb
// starts with a byte of that range.
func parseCommand(line []byte) command {
	for len(line) > 0 && line[0] >= telnetCodes {
		line = line[1:]
	}
	verb, arg, _ := bytes.Cut(line, []byte(" "))
	return command{verb: strings.ToUpper(string(verb)), arg: string(arg)}
}

// telnetCodes is the lowest Telnet command code (SE, RFC 854).
const telnetCodes = 240

// line is the command as the engine reads it.
func (c command) line() string {
	if c.arg == "" {
		return c.verb
	}
	return c.verb + " " + c.arg
}

// masked is the argument as logs may show it.
func (c command) masked() string {
	if c.verb == "PASS" || c.verb == "ACCT" {
		return "********"
	}
	return c.arg
}

func (c command) fields() []zap.Field {
	return []zap.Field{zap.String("verb", c.verb), zap.String("argument", c.masked())}
}

// commandSpec says how a verb is treated.
type commandSpec struct {
	// syntax is the verb with its parameters, for HELP.
	syntax string
	// codes are the replies that the command may have (RFC 959 §5.4 and its
	// successors), besides those that any command may: see anyCommand.
	codes []int
	// run answers the command and returns "", or returns the line that the
	// engine is to answer. Nil: the engine gets the line as it is.
	run func(*session, command) string
	// reword changes the engine's reply before the client sees it.
	reword func(*session, command, reply) reply
	// anyone may use it before login.
	anyone bool
	// immediate commands run beside a transfer; run must not be nil.
	immediate bool
	// needsArg refuses the verb alone with 501.
	needsArg bool
}

// isImmediate says whether the command may run beside a transfer. STAT with a
// path may not: it would wait for the same disk.
func (spec commandSpec) isImmediate(c command) bool {
	return spec.immediate && (c.verb != "STAT" || c.arg == "")
}

// anyCommand are the replies that every command may have: 421 when the session
// ends, 500 and 501 for what cannot be understood, 530 before login, 550 for
// what the account may not use.
func anyCommand() []int { return []int{421, 500, 501, 530, 550} }

// handle answers a command, or returns the line that the engine is to answer.
func (s *session) handle(cmd command) string {
	spec, known := s.server.commands[cmd.verb]
	renaming := s.renaming
	s.renaming = false
	switch {
	case s.sentByProxy(cmd):
		s.log.Warn("session refused", zap.String("reason", "a PROXY header from an address that is not trusted to send one"))
		s.cancel(errUntrustedProxy)
	case !known:
		s.reply(500, "Command not understood.")
	case strings.ContainsAny(cmd.arg, "\r\x00"):
		s.reply(501, "Control characters are not allowed.")
	case !spec.anyone && s.account == nil:
		s.reply(530, "Please log in with USER and PASS.")
	case spec.needsArg && cmd.arg == "":
		s.reply(501, "Syntax: "+spec.syntax)
	case s.account != nil && slices.Contains(s.account.RefusedCommands, cmd.verb):
		s.reply(550, "You may not use this command.")
	case cmd.verb == "RNTO" && !renaming:
		s.reply(503, "Send RNFR first.")
	case spec.run != nil:
		return s.forward(cmd, spec.run(s, cmd))
	default:
		return s.forward(cmd, cmd.line())
	}
	return ""
}

// sentByProxy recognizes a PROXY header (v1) where none is expected: the
// client pretends to be another, or the load balancer is not in the list of
// those that are believed. The header of v2 ends the session by itself: its
// signature holds a QUIT.
func (s *session) sentByProxy(cmd command) bool {
	first := !s.greeted
	s.greeted = true
	return first && cmd.verb == "PROXY"
}

// forward remembers what the engine's next reply is about.
func (s *session) forward(cmd command, line string) string {
	if line != "" {
		s.inflight = cmd
	}
	return line
}

// CommandEvent tells of one command, after its final reply.
type CommandEvent struct {
	// SessionID is unique within the server's life.
	SessionID uint64
	// User is the name of the account, empty before login.
	User string
	// Verb is the command in upper case, as the client sent it.
	Verb string
	// Argument is what stood behind it; passwords are masked.
	Argument string
	// Code is the code of the final reply, 0 if the session ended without one.
	Code int
	// Duration is the time from the command to its final reply.
	Duration time.Duration
}

// observe reports a command that has had its final reply.
func (s *session) observe(cmd command, started time.Time, code int) {
	hook, entry := s.server.opts.OnCommand, s.log.Check(zap.DebugLevel, "command")
	if hook == nil && entry == nil {
		return
	}
	duration := time.Since(started)
	if entry != nil {
		entry.Write(append(cmd.fields(), zap.Int("code", code), zap.Duration("duration", duration))...)
	}
	if hook != nil {
		e := CommandEvent{SessionID: s.id, Verb: cmd.verb, Argument: cmd.masked(), Code: code, Duration: duration}
		if s.account != nil {
			e.User = s.account.Name
		}
		hook(e)
	}
}
