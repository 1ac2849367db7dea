package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// command is one line of the client's: a verb in upper case and an argument,
// which is "" if there is none (RFC 959 §4.1, §5.3). Names in arguments are
// bytes: they need not be UTF-8.
type command struct {
	verb    string
	arg     string
	tooLong bool // the line was longer than is read; it has no verb
}

// parseCommand reads a line.
func parseCommand(line []byte) command {
	verb, arg, _ := bytes.Cut(withoutTelnet(line), []byte(" "))
	return command{verb: strings.ToUpper(string(verb)), arg: string(arg)}
}

// line is the command as the engine reads it.
func (c command) line() string {
	if c.arg == "" {
		return c.verb
	}
	return c.verb + " " + c.arg
}

// commandSpec says how a verb is treated.
type commandSpec struct {
	// syntax is the verb with its parameters, for HELP.
	syntax string
	// codes are the replies that the command may have (RFC 959 §5.4 and its
	// successors), besides those that any command may: see anyCommand.
	codes []int
	// run answers the command and returns "", or returns the line that the
	// engine is to answer. Nil: the engine answers, and the argument is a path.
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
// ends, 451 when the server itself fails, 500 and 501 for what cannot be
// understood, 530 before login, 550 for what the account may not use.
func anyCommand() []int { return []int{421, 451, 500, 501, 530, 550} }

// handle answers a command, or returns the line that the engine is to answer.
func (s *session) handle(cmd command) string {
	s.noteVisit(cmd)
	spec, known := s.server.commands[cmd.verb]
	renaming := s.renaming
	s.renaming = false
	switch {
	case s.sentByProxy(cmd):
		s.log.Warn("session refused", zap.String("reason", "a PROXY header from an address that is not trusted to send one"))
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "proxy_header"})
		s.cancel(errUntrustedProxy)
	case cmd.tooLong:
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "long_lines"})
		s.reply(500, fmt.Sprintf("Line too long: %d bytes at the most.", maxLine))
	case !known && cmd.isHTTP():
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "http"})
		s.reply(421, "This is an FTP server; closing control connection.")
		s.cancel(errNotFTP)
	case !known:
		s.noteUnknown(cmd)
		s.reply(500, "Command not understood.")
	case strings.ContainsAny(cmd.arg, "\r\x00"):
		s.reply(501, "Control characters are not allowed.")
	case !spec.anyone && s.account == nil:
		s.reply(530, "Please log in with USER and PASS.")
	case spec.needsArg && cmd.arg == "":
		s.reply(501, "Syntax: "+spec.syntax)
	case s.isRefused(cmd.verb):
		s.security(SecurityEvent{Kind: SecurityCommandRefused, Reason: "account", Verb: cmd.verb})
		s.reply(550, "You may not use this command.")
	case cmd.verb == "RNTO" && !renaming:
		s.reply(503, "Send RNFR first.")
	case spec.run != nil:
		return s.forward(cmd, spec.run(s, cmd))
	default:
		return s.forward(cmd, s.engineLine(cmd.verb, cmd.arg))
	}
	return ""
}

// isRefused says whether the account may not use a verb, by whatever name.
func (s *session) isRefused(verb string) bool {
	if s.account == nil || len(s.account.RefusedCommands) == 0 {
		return false
	}
	refused := s.account.RefusedCommands
	return slices.Contains(refused, verb) || slices.Contains(refused, oldNames()[verb])
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
	// Verb is the command in upper case, as the client sent it; "?" for what
	// does not look like one.
	Verb string
	// Argument is what stood behind it. Passwords are masked, as is what stood
	// behind an unknown verb.
	Argument string
	// Code is the code of the final reply, 0 if the session ended without one.
	Code int
	// Duration is the time from the command to its final reply.
	Duration time.Duration
}

// shown is the command as logs may show it. What is not a command may be a
// password with something wrong in front of it, so nothing of it is shown
// that does not look like a verb.
func (s *session) shown(cmd command) command {
	const hidden = "********"
	switch _, known := s.server.commands[cmd.verb]; {
	case !known && !looksLikeVerb(cmd.verb):
		return command{verb: "?", arg: hidden}
	case (!known || cmd.verb == "PASS" || cmd.verb == "ACCT") && cmd.arg != "":
		cmd.arg = hidden
	}
	return cmd
}

func looksLikeVerb(verb string) bool {
	return len(verb) >= 3 && len(verb) <= 4 && strings.Trim(verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// observe reports a command that has had its final reply.
func (s *session) observe(cmd command, started time.Time, code int) {
	hook, entry := s.opts.OnCommand, s.log.Check(zap.DebugLevel, "command")
	if hook == nil && entry == nil {
		return
	}
	duration := time.Since(started)
	cmd = s.shown(cmd)
	if entry != nil {
		entry.Write(zap.String("verb", cmd.verb), zap.String("argument", cmd.arg), zap.Int("code", code), zap.Duration("duration", duration))
	}
	if hook != nil {
		e := CommandEvent{SessionID: s.id, Verb: cmd.verb, Argument: cmd.arg, Code: code, Duration: duration}
		if s.account != nil {
			e.User = s.account.Name
		}
		hook(e)
	}
}
