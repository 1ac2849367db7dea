package server

import (
	"fmt"
	"strings"
	"time"
)

func (s *session) cmdNOOP(command) string {
	s.reply(200, "OK")
	return ""
}

// cmdFEAT lists what is beyond RFC 959 (RFC 2389 §3).
func (s *session) cmdFEAT(command) string {
	features := []string{
		"AVBL", "CLNT", "EPRT", "EPSV", "HASH SHA-256*;CRC32;MD5;SHA-1;SHA-512", "MDTM", "MFMT",
		"MLST Type*;Size*;Modify*;", "REST STREAM", "SIZE", "TVFS", "UTF8",
	}
	if s.server.tls != nil {
		features = append(features, "AUTH TLS", "PBSZ", "PROT")
	}
	s.control.replyLines(211, "Features:", features, "End")
	return ""
}

// cmdSTAT describes the session, also beside a transfer; with an argument the
// engine lists a path over the control connection (RFC 959 §4.1.3).
func (s *session) cmdSTAT(cmd command) string {
	if cmd.arg != "" {
		return cmd.line()
	}
	lines := []string{
		fmt.Sprintf("Connected from %s for %v", s.client.Addr(), time.Since(s.started).Round(time.Second)),
		"Logged in as " + s.account.Name,
		fmt.Sprintf("TLS on the control connection: %v, on data connections: %v", s.control.isEncrypted(), s.protectedData),
	}
	if t := s.currentTransfer(); t != nil {
		progress := t.command.verb + " is waiting for its data connection"
		if conn := t.dataConn(); conn != nil {
			progress = fmt.Sprintf("%s is running, %d bytes so far", t.command.verb, conn.bytes())
		}
		lines = append(lines, progress)
	}
	s.control.replyLines(211, "Status:", lines, "End of status")
	return ""
}

// cmdMODE: only stream mode exists here (RFC 959 §3.4.1).
func (s *session) cmdMODE(cmd command) string {
	return "MODE " + strings.ToUpper(cmd.arg)
}

// cmdALLO: space need not be reserved here (RFC 959 §4.1.3).
func (s *session) cmdALLO(command) string {
	s.reply(202, "No storage allocation necessary.")
	return ""
}

// quotePathFirst turns the engine's 257 into what RFC 959 (appendix II) asks
// for, and what clients parse.
func (s *session) quotePathFirst(_ command, r reply) reply {
	if r.code != 257 {
		r.text = s.explain(r)
		return r
	}
	if i := strings.IndexByte(r.text, '"'); i >= 0 {
		r.text = r.text[i:] + " created."
	}
	return r
}
