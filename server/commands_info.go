package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

func (s *session) cmdNOOP(command) string {
	s.reply(200, "OK")
	return ""
}

func (s *session) cmdSYST(command) string {
	s.reply(215, "UNIX Type: L8")
	return ""
}

func (s *session) cmdCLNT(cmd command) string {
	s.log.Debug("client software", zap.String("name", cmd.arg))
	s.reply(200, "Noted.")
	return ""
}

// cmdNotHere is for commands that this server has no use for.
func (s *session) cmdNotHere(cmd command) string {
	s.reply(502, cmd.verb+" is not available here.")
	return ""
}

// cmdFEAT lists what is beyond RFC 959 (RFC 2389 §3), and only what would work.
func (s *session) cmdFEAT(command) string {
	features := []string{
		"AVBL", "CLNT", hashFeature(s.hashName), "LANG EN*", "MDTM", "MFF Modify;UNIX.mode;", "MFMT",
		"MLST " + s.facts.feature(), "REST STREAM", "SITE " + strings.Join(s.siteVerbs(), ";"), "SIZE", "TVFS", "UTF8",
	}
	for verb := range checksumVerbs() {
		features = append(features, verb)
	}
	opts := s.opts
	for feature, there := range map[string]bool{
		"AUTH TLS": opts.TLS != nil, "PBSZ": opts.TLS != nil, "PROT": opts.TLS != nil, "CCC": opts.TLS != nil && opts.AllowCCC,
		"EPRT": !opts.Active.Disabled, "EPSV": opts.Ports != nil, "HOST": len(opts.Hosts) > 0,
	} {
		if there {
			features = append(features, feature)
		}
	}
	features = slices.DeleteFunc(features, func(feature string) bool {
		verb, _, _ := strings.Cut(feature, " ")
		return s.isRefused(verb)
	})
	slices.Sort(features)
	s.replyLines(211, "Features:", features, "End")
	return ""
}

// siteVerbs are those that the account may use.
func (s *session) siteVerbs() []string {
	operator := s.account != nil && s.account.Operator
	var verbs []string
	for verb := range s.server.siteCommands {
		if verb != "PORTS" || operator {
			verbs = append(verbs, verb)
		}
	}
	slices.Sort(verbs)
	return verbs
}

// cmdHELP lists the commands, or describes one.
func (s *session) cmdHELP(cmd command) string {
	verb := strings.ToUpper(cmd.arg)
	if verb == "" {
		s.replyLines(214, "Commands, HELP <command> tells more:", s.verbLines(), "End")
		return ""
	}
	if name, found := strings.CutPrefix(verb, "SITE "); found {
		if site, known := s.server.siteCommands[name]; known {
			s.reply(214, "Syntax: SITE "+site.syntax)
			return ""
		}
	}
	spec, known := s.server.commands[verb]
	if !known {
		s.reply(502, "Unknown command.")
		return ""
	}
	s.reply(214, "Syntax: "+spec.syntax)
	return ""
}

// verbLines are all verbs, a dozen a line.
func (s *session) verbLines() []string {
	var verbs []string
	for verb := range s.server.commands {
		verbs = append(verbs, fmt.Sprintf("%-7s", verb))
	}
	slices.Sort(verbs)
	var lines []string
	for row := range slices.Chunk(verbs, 10) {
		lines = append(lines, strings.TrimRight(strings.Join(row, " "), " "))
	}
	return lines
}

// cmdLANG: replies are in English (RFC 2640 §4.1).
func (s *session) cmdLANG(cmd command) string {
	switch tag := strings.ToUpper(cmd.arg); {
	case tag == "" || tag == "EN" || strings.HasPrefix(tag, "EN-"):
		s.reply(200, "Replies are in English.")
	default:
		s.reply(504, "Replies come in English only: LANG EN.")
	}
	return ""
}

// cmdOPTS (RFC 2389 §4).
func (s *session) cmdOPTS(cmd command) string {
	name, value, _ := strings.Cut(cmd.arg, " ")
	switch strings.ToUpper(name) {
	case "UTF8":
		s.optsUTF8(strings.ToUpper(value))
	case "MLST":
		s.facts = parseFacts(value)
		s.reply(200, strings.TrimRight("MLST OPTS "+s.facts.String(), " "))
	case "HASH":
		s.optsHASH(strings.ToUpper(value))
	default:
		s.reply(501, "No such option.")
	}
	return ""
}

// optsUTF8: names are bytes and go both ways as they are, so UTF-8 cannot be
// switched off.
func (s *session) optsUTF8(value string) {
	if value == "" || value == "ON" {
		s.reply(200, "UTF-8 is on.")
		return
	}
	s.reply(504, "UTF-8 is always on.")
}

func (s *session) optsHASH(name string) {
	if name != "" {
		if !slices.Contains(hashNames(), name) {
			s.reply(504, "Algorithms: "+strings.Join(hashNames(), ", ")+".")
			return
		}
		s.hashName = name
	}
	s.reply(200, s.hashName)
}

// cmdSTAT describes the session, also beside a transfer, or lists a path on
// the control connection (RFC 959 §4.1.3).
func (s *session) cmdSTAT(cmd command) string {
	if cmd.arg != "" {
		s.listOnControl(cmd)
		return ""
	}
	lines := []string{
		fmt.Sprintf("Connected from %s for %v", s.client.Addr(), time.Since(s.started).Round(time.Second)),
		"Logged in as " + s.account.Name,
		fmt.Sprintf("TLS on the control connection: %s, on data connections: %s", onOff(s.control.isEncrypted()), onOff(s.protectedData)),
		fmt.Sprintf("TYPE %s, STRU %s, MODE S", s.form.typeName(), s.form.structureName()),
	}
	if t := s.currentTransfer(); t != nil {
		lines = append(lines, t.progress())
	}
	s.replyLines(211, "Status:", lines, "End of status")
	return ""
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
