package server

import (
	"bytes"
	"strings"

	"go.uber.org/zap"
)

// command is one line of the client's: a verb in upper case and an argument,
// which is "" if there is none (RFC 959 §4.1, §5.3).
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

func (c command) field() zap.Field {
	if c.verb == "PASS" {
		return zap.String("command", "PASS")
	}
	return zap.String("command", c.line())
}

func codeField(code int) zap.Field      { return zap.Int("code", code) }
func causeField(cause string) zap.Field { return zap.String("cause", cause) }

// commandSpec says how a verb is treated.
type commandSpec struct {
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
// path may not: the engine lists one thing at a time.
func (spec commandSpec) isImmediate(c command) bool {
	return spec.immediate && (c.verb != "STAT" || c.arg == "")
}

// commandTable holds every verb that is understood.
func commandTable() map[string]commandSpec {
	return map[string]commandSpec{
		// Access (RFC 959 §4.1.1, RFC 2228, RFC 4217)
		"USER": {run: (*session).cmdUSER, anyone: true, needsArg: true},
		"PASS": {run: (*session).cmdPASS, anyone: true},
		"QUIT": {anyone: true},
		"AUTH": {run: (*session).cmdAUTH, anyone: true, needsArg: true},
		"PBSZ": {run: (*session).cmdPBSZ, anyone: true, needsArg: true},
		"PROT": {run: (*session).cmdPROT, anyone: true, needsArg: true},

		// Data connections (RFC 959 §4.1.2, RFC 2428)
		"PASV": {run: (*session).cmdPASV, reword: (*session).announceSetup},
		"EPSV": {run: (*session).cmdEPSV, reword: (*session).announceSetup},
		"PORT": {run: (*session).cmdPORT, reword: (*session).announceSetup, needsArg: true},
		"EPRT": {run: (*session).cmdEPRT, reword: (*session).announceSetup, needsArg: true},
		"TYPE": {needsArg: true},
		"MODE": {run: (*session).cmdMODE, needsArg: true},

		// Transfers (RFC 959 §4.1.3, RFC 3659)
		"RETR": {run: (*session).cmdTransfer, needsArg: true},
		"STOR": {run: (*session).cmdTransfer, needsArg: true},
		"APPE": {run: (*session).cmdTransfer, needsArg: true},
		"LIST": {run: (*session).cmdTransfer},
		"NLST": {run: (*session).cmdTransfer},
		"MLSD": {run: (*session).cmdTransfer},
		"REST": {needsArg: true},
		"ABOR": {run: (*session).cmdABOR, immediate: true},

		// Files (RFC 959 §4.1.3, RFC 3659)
		"ALLO": {run: (*session).cmdALLO},
		"CDUP": {},
		"CWD":  {needsArg: true},
		"DELE": {needsArg: true},
		"HASH": {needsArg: true},
		"MDTM": {needsArg: true},
		"MFMT": {needsArg: true},
		"MKD":  {reword: (*session).quotePathFirst, needsArg: true},
		"MLST": {},
		"PWD":  {},
		"RMD":  {needsArg: true},
		"RNFR": {needsArg: true},
		"RNTO": {needsArg: true},
		"SIZE": {needsArg: true},
		"AVBL": {},
		"XCRC": {needsArg: true},
		"XCWD": {needsArg: true},
		"XMD5": {needsArg: true},
		"XMKD": {reword: (*session).quotePathFirst, needsArg: true},
		"XPWD": {},
		"XRMD": {needsArg: true},
		"XSHA": {needsArg: true}, "XSHA1": {needsArg: true}, "XSHA256": {needsArg: true}, "XSHA512": {needsArg: true},
		"SITE": {needsArg: true},

		// Information
		"CLNT": {anyone: true},
		"FEAT": {run: (*session).cmdFEAT, anyone: true},
		"NOOP": {run: (*session).cmdNOOP, anyone: true, immediate: true},
		"OPTS": {anyone: true, needsArg: true},
		"STAT": {run: (*session).cmdSTAT, immediate: true},
		"SYST": {anyone: true},
	}
}

// handle answers a command, or returns the line that the engine is to answer.
func (s *session) handle(cmd command) string {
	spec, known := s.server.commands[cmd.verb]
	switch {
	case !known:
		s.reply(500, "Command not understood.")
	case strings.ContainsAny(cmd.arg, "\r\x00"):
		s.reply(501, "Control characters are not allowed.")
	case !spec.anyone && s.account == nil:
		s.reply(530, "Please log in with USER and PASS.")
	case spec.needsArg && cmd.arg == "":
		s.reply(501, cmd.verb+" needs a parameter.")
	case spec.run != nil:
		line := spec.run(s, cmd)
		if line != "" {
			s.inflight = cmd
		}
		return line
	default:
		s.inflight = cmd
		return cmd.line()
	}
	return ""
}
