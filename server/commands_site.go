package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// siteCommand is one of SITE's own (RFC 959 §4.1.3).
type siteCommand struct {
	syntax string
	run    func(s *session, cmd command, arg string)
}

func siteCommands() map[string]siteCommand {
	return map[string]siteCommand{
		"CHMOD":  {"CHMOD <octal> <path>", (*session).siteCHMOD},
		"CPFR":   {"CPFR <path>", (*session).siteCPFR},
		"CPTO":   {"CPTO <path>", (*session).siteCPTO},
		"HELP":   {"HELP", (*session).siteHELP},
		"IDLE":   {"IDLE [<seconds>]", (*session).siteIDLE},
		"MKDIR":  {"MKDIR <path>", (*session).siteMKDIR},
		"PORTS":  {"PORTS", (*session).sitePORTS},
		"QUOTA":  {"QUOTA [<path>]", (*session).siteQUOTA},
		"RMDIR":  {"RMDIR <path>", (*session).siteRMDIR},
		"UMASK":  {"UMASK [<octal>]", (*session).siteUMASK},
		"UTIME":  {"UTIME <YYYYMMDDhhmm[ss]> <path>", (*session).siteUTIME},
		"WHOAMI": {"WHOAMI", (*session).siteWHOAMI},
	}
}

func (s *session) cmdSITE(cmd command) string {
	verb, arg, _ := strings.Cut(cmd.arg, " ")
	site, known := s.server.siteCommands[strings.ToUpper(verb)]
	copying := s.copyFrom
	s.copyFrom = ""
	if !known {
		s.reply(504, "SITE command not understood; SITE HELP lists those that are.")
		return ""
	}
	if strings.EqualFold(verb, "CPTO") {
		s.copyFrom = copying
	}
	site.run(s, cmd, strings.TrimLeft(arg, " "))
	return ""
}

func (s *session) siteHELP(command, string) {
	var lines []string
	for _, site := range s.server.siteCommands {
		lines = append(lines, "SITE "+site.syntax)
	}
	slices.Sort(lines)
	s.replyLines(214, "SITE commands:", lines, "End")
}

// siteDone answers a SITE command that changed a file.
func (s *session) siteDone(code int, err error) {
	if err != nil {
		s.replyError(550, err)
		return
	}
	s.reply(code, "Done.")
}

func (s *session) siteSyntax(verb string) {
	s.reply(501, "Syntax: SITE "+s.server.siteCommands[verb].syntax)
}

func (s *session) siteCHMOD(_ command, arg string) {
	octal, name, _ := strings.Cut(arg, " ")
	mode, ok := parseMode(octal)
	if !ok || name == "" {
		s.siteSyntax("CHMOD")
		return
	}
	s.siteDone(200, s.files.Chmod(s.abs(name), mode))
}

func (s *session) siteUMASK(_ command, arg string) {
	if arg == "" {
		if s.umask == nil {
			s.reply(200, "The server's own umask applies.")
			return
		}
		s.reply(200, fmt.Sprintf("UMASK is %03o.", *s.umask))
		return
	}
	mask, ok := parseMode(arg)
	if !ok {
		s.siteSyntax("UMASK")
		return
	}
	s.umask = &mask
	s.reply(200, fmt.Sprintf("UMASK is %03o.", mask))
}

// siteUTIME also takes the older form, with the path first and three times
// followed by UTC, of which the second is the modification time.
func (s *session) siteUTIME(_ command, arg string) {
	stamp, name, _ := strings.Cut(arg, " ")
	modified, err := parseSiteTime(stamp)
	if fields := strings.Fields(arg); err != nil && len(fields) >= 5 && strings.EqualFold(fields[len(fields)-1], "UTC") {
		modified, err = parseSiteTime(fields[len(fields)-3])
		name = strings.Join(fields[:len(fields)-4], " ")
	}
	if err != nil || name == "" {
		s.siteSyntax("UTIME")
		return
	}
	s.siteDone(200, s.files.Chtimes(s.abs(name), modified, modified))
}

func parseSiteTime(stamp string) (time.Time, error) {
	if len(stamp) == len("200601021504") {
		stamp += "00"
	}
	return time.Parse(timeFormat, stamp)
}

// siteIDLE shows or sets the session's idle timeout. It can be made shorter
// than the configured one, not longer.
func (s *session) siteIDLE(_ command, arg string) {
	limit := s.opts.Limits.IdleTimeout
	if arg != "" {
		seconds, err := strconv.ParseUint(arg, 10, 31)
		wanted := time.Duration(seconds) * time.Second
		switch {
		case err != nil || seconds == 0:
			s.siteSyntax("IDLE")
			return
		case limit > 0 && wanted > limit:
			s.reply(501, fmt.Sprintf("The idle timeout can be 1 to %d seconds.", int(limit.Seconds())))
			return
		}
		s.setIdleTimeout(wanted)
	}
	if s.idleTimeout == 0 {
		s.reply(200, "There is no idle timeout.")
		return
	}
	s.reply(200, fmt.Sprintf("The idle timeout is %d seconds.", int(s.idleTimeout.Seconds())))
}

func (s *session) setIdleTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idleTimeout = d
}

func (s *session) siteCPFR(_ command, arg string) {
	if arg == "" {
		s.siteSyntax("CPFR")
		return
	}
	if _, err := s.files.Stat(s.abs(arg)); err != nil {
		s.replyError(550, err)
		return
	}
	s.copyFrom = s.abs(arg)
	s.reply(350, "Send SITE CPTO with the new name.")
}

func (s *session) siteCPTO(cmd command, arg string) {
	from, to := s.copyFrom, s.abs(arg)
	s.copyFrom = ""
	switch {
	case from == "":
		s.reply(503, "Send SITE CPFR first.")
	case arg == "":
		s.siteSyntax("CPTO")
	case from == to:
		s.reply(553, "A file cannot be copied onto itself.")
	default:
		s.startJob(cmd, func(t *transfer) reply {
			if err := t.copyFile(from, to); err != nil {
				return t.jobFailed(550, err)
			}
			s.emit(Event{Kind: EventUpload, Path: to, Duration: time.Since(t.started), Command: "SITE CPTO", Code: 250})
			return reply{code: 250, text: "Copied."}
		})
	}
}

func (s *session) siteMKDIR(_ command, arg string) {
	if arg == "" {
		s.siteSyntax("MKDIR")
		return
	}
	path := s.abs(arg)
	if err := s.files.MkdirAll(path, 0o777); err != nil {
		s.replyError(550, err)
		return
	}
	s.emit(Event{Kind: EventMkdir, Path: path, Command: "SITE MKDIR", Code: 257})
	s.reply(257, quoted(path)+" created.")
}

func (s *session) siteRMDIR(_ command, arg string) {
	if arg == "" {
		s.siteSyntax("RMDIR")
		return
	}
	err := s.files.RemoveAll(s.abs(arg))
	if err == nil {
		s.emit(Event{Kind: EventDelete, Path: s.abs(arg), Command: "SITE RMDIR", Code: 250})
	}
	s.siteDone(250, err)
}

// sitePORTS lists the passive ports as clients see them, for an operator who
// tests a firewall.
func (s *session) sitePORTS(command, string) {
	switch ports := s.opts.Ports; {
	case !s.account.Operator:
		s.reply(550, "You may not use this command.")
	case ports == nil:
		s.reply(504, "Passive mode is off.")
	default:
		s.replyLines(211, "Passive ports:", []string{ports.AdvertisedPorts().String()}, "End")
	}
}

func (s *session) siteWHOAMI(command, string) { s.reply(200, s.account.Name) }
