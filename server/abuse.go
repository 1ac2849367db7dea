package server

import (
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// abuse counts what a session does that no FTP client does.
type abuse struct {
	unknown, sequence int
}

// abuseStep is how many unknown commands, or commands in a wrong order, make
// one event: clients try commands that a server need not know.
const abuseStep = 10

// noteUnknown tells of commands that do not exist.
func (s *session) noteUnknown(cmd command) {
	if s.abuse.unknown++; s.abuse.unknown%abuseStep == 0 {
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "unknown_commands"})
	}
	if s.abuse.unknown == 1 && !looksLikeText(cmd.verb) {
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "garbage"})
	}
}

// noteReply counts commands in a wrong order.
func (s *session) noteReply(code int) {
	if code != 503 {
		return
	}
	if s.abuse.sequence++; s.abuse.sequence%abuseStep == 0 {
		s.security(SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "bad_sequence"})
	}
}

// noteForeignTarget tells of an address in PORT or EPRT that is not the
// client's. A private one is what a client behind NAT believes to be its own;
// any other is the bounce attack (RFC 2577 §3).
func (s *session) noteForeignTarget(target netip.AddrPort, verb string) {
	e := SecurityEvent{Kind: SecurityProtocolAbuse, Reason: "bounce", Verb: verb, Detail: target.String()}
	if ip := target.Addr(); ip.IsPrivate() || ip.IsLinkLocalUnicast() {
		e.Kind, e.Reason = SecurityCommandRefused, "private_address"
	}
	s.security(e)
}

// looksLikeText says whether a verb could be a word, however wrong.
func looksLikeText(verb string) bool {
	return !strings.ContainsFunc(verb, func(r rune) bool { return r < ' ' || r > '~' })
}

// isHTTP recognizes the request line of HTTP (RFC 9112 §3). A browser that a
// web page has sent here would go on with lines that the page chooses.
func (c command) isHTTP() bool {
	at := strings.LastIndexByte(c.arg, ' ')
	return at >= 0 && strings.HasPrefix(c.arg[at+1:], "HTTP/")
}

// WrongPeer is the event for a data connection that was refused. It is made
// for portalloc.Options.OnRefused: an allocator may serve several servers, so
// none of them tells.
func WrongPeer(r portalloc.Refusal) SecurityEvent {
	e := SecurityEvent{Kind: SecurityWrongPeer, Time: r.Time, Client: r.Peer, Detail: r.Cause, Reason: "unexpected"}
	if r.Expected {
		e.Reason = "foreign"
	}
	return e
}
