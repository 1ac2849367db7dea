package server

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// SecurityKind says what a SecurityEvent tells of. Its text form is the one in
// the audit log, and stays as it is.
type SecurityKind uint8

const (
	// SecurityLoginOK: a user has logged in ("login_ok").
	SecurityLoginOK SecurityKind = iota
	// SecurityLoginFailed: a name and password opened no account
	// ("login_failed"). The reason is the driver.Denial, or "denied".
	SecurityLoginFailed
	// SecurityLoginError: whether they do could not be found out
	// ("login_error").
	SecurityLoginError
	// SecuritySessionRefused: a control connection was closed before anything
	// was asked of it ("session_refused"): the reason is what Options.Admit has
	// said, "limit" or "proxy_header".
	SecuritySessionRefused
	// SecurityLimit: a limit has refused something to a session ("limit"). The
	// reason is the limit's name.
	SecurityLimit
	// SecurityCommandRefused: a command was refused that the client may not use
	// ("command_refused"): "account", "tls_required", or for an address that
	// PORT named "private_address" or "low_port".
	SecurityCommandRefused
	// SecurityProtocolAbuse: the client does what no FTP client does
	// ("protocol_abuse"): "bounce", "long_lines", "unknown_commands",
	// "bad_sequence", "garbage", "http" or "proxy_header".
	SecurityProtocolAbuse
	// SecurityTLSFailed: a TLS handshake failed ("tls_failed"): "control",
	// "data", or "not_resumed" where resuming is required.
	SecurityTLSFailed
	// SecurityWrongPeer: a data connection came from an address that no session
	// expects one from ("wrong_peer"): "foreign" while others were expected on
	// the port, "unexpected" while none was.
	SecurityWrongPeer
	// SecurityBan: a network is closed out from now on ("ban"). Servers do not
	// send it, nor the two below: they are for what defends and configures them.
	SecurityBan
	// SecurityUnban: a ban has ended ("unban").
	SecurityUnban
	// SecurityConfigChanged: the configuration, or a list it names, is another
	// one now ("config_changed").
	SecurityConfigChanged
)

var securityKindNames = enumNames{
	"login_ok", "login_failed", "login_error", "session_refused", "limit", "command_refused",
	"protocol_abuse", "tls_failed", "wrong_peer", "ban", "unban", "config_changed",
}

// String returns the text form.
func (k SecurityKind) String() string { return securityKindNames.text(int(k)) }

// MarshalText implements encoding.TextMarshaler.
func (k SecurityKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *SecurityKind) UnmarshalText(text []byte) error {
	n, err := securityKindNames.value(text)
	*k = SecurityKind(n)
	return err
}

// SecurityEvent tells of something that whoever guards the server wants to
// know. It never holds a password nor the argument of a command. What does not
// apply is the zero value.
type SecurityEvent struct {
	// Time is when it happened.
	Time time.Time `json:"time"`
	// Kind is what happened.
	Kind SecurityKind `json:"event"`
	// Reason says more, in a word that stays as it is: see the kinds.
	Reason string `json:"reason,omitempty"`
	// SessionID is unique within the server's life.
	SessionID uint64 `json:"session_id,omitempty"`
	// Client is who did it: the other end of the control connection, or of the
	// data connection of SecurityWrongPeer. It is never a load balancer whose
	// PROXY header is believed, and invalid while the client behind one is not
	// known.
	Client netip.AddrPort `json:"client,omitzero"`
	// Proxy is the load balancer that the client came through.
	Proxy netip.AddrPort `json:"proxy,omitzero"`
	// Listener is the address that the client connected to.
	Listener netip.AddrPort `json:"listener,omitzero"`
	// User is the account's name, or before login the one that the client gave.
	// Clients sometimes give their password by mistake. It is cut at 128 bytes.
	User string `json:"user,omitempty"`
	// Method is how a login was tried: "password" or "certificate".
	Method string `json:"method,omitempty"`
	// TLS is the version of TLS on the control connection, such as "1.3". Empty
	// in clear.
	TLS string `json:"tls,omitempty"`
	// Verb is the command that was refused.
	Verb string `json:"verb,omitempty"`
	// Detail is the cause in words that may change. No client has been told it.
	Detail string `json:"detail,omitempty"`
	// Suppressed is how many events like this one were not told since the last.
	Suppressed uint64 `json:"suppressed,omitempty"`
	// Network is whom a ban closes out.
	Network netip.Prefix `json:"network,omitzero"`
	// Until is when the ban ends. Zero: never.
	Until time.Time `json:"until,omitzero"`
}

// maxEventUser bounds what a client can write into logs with one command.
const maxEventUser = 128

// security tells the embedder of an event; the caller has filled in what is
// special about it.
func (s *session) security(e SecurityEvent) {
	hook := s.opts.OnSecurity
	if hook == nil {
		return
	}
	e.Time, e.SessionID = time.Now(), s.id
	e.Client, e.Proxy, e.Listener = s.eventClient(), s.proxy, s.local
	if state := s.control.tlsState(); state != nil {
		e.TLS = strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")
	}
	if e.User == "" {
		e.User = s.user
		if s.account != nil {
			e.User = s.account.Name
		}
	}
	e.User = clip(e.User, maxEventUser)
	hook(e)
}

// clip cuts a text at the start of a character.
func clip(text string, length int) string {
	if len(text) <= length {
		return text
	}
	for length > 0 && !utf8.RuneStart(text[length]) {
		length--
	}
	return text[:length]
}
