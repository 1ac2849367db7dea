package server

import (
	"context"
	"crypto/tls"
	"strings"

	"github.com/portico-ftp/portico/driver"
)

// VirtualHost is a server of its own behind the same addresses, chosen by HOST
// (RFC 7151) or by the name in the TLS handshake.
type VirtualHost struct {
	// Name is the host's domain name; case does not matter. Required.
	Name string
	// Auth says who may log in there. Nil: Options.Auth.
	Auth Authenticator
	// TLS holds the host's certificate and rules for client certificates.
	// Nil: Options.TLS. It needs Options.TLS.
	TLS *tls.Config
	// Banner is the text of the greeting. Empty: Options.Banner.
	Banner string
}

// findHost returns the virtual host of that name, nil if there is none.
func (s *settings) findHost(name string) *VirtualHost {
	name = strings.TrimSuffix(name, ".")
	for i := range s.Hosts {
		if strings.EqualFold(s.Hosts[i].Name, name) {
			return &s.Hosts[i]
		}
	}
	return nil
}

// cmdHOST chooses a virtual host before login (RFC 7151 §3). Under TLS the host
// stays whose certificate the client has been shown, and whose rules for client
// certificates have been kept.
func (s *session) cmdHOST(cmd command) string {
	host := s.opts.findHost(cmd.arg)
	switch {
	case s.account != nil || s.user != "":
		s.reply(503, "HOST comes before USER.")
	case host == nil:
		s.reply(504, "There is no such host here.")
	case s.control.isEncrypted() && s.host != host && (s.host != nil || host.TLS != nil):
		s.reply(504, "TLS has been started for another host.")
	default:
		s.host = host
		s.reply(220, s.banner())
	}
	return ""
}

func (s *session) banner() string {
	if s.host != nil && s.host.Banner != "" {
		return s.host.Banner
	}
	return s.opts.Banner
}

// auth says who may log in now. Unlike the rest it is not that of the session's
// beginning: who has been shut out by a Reload must not get in by an old session.
func (s *session) auth() Authenticator {
	opts := s.server.current()
	if s.host == nil {
		return opts.Auth
	}
	switch host := opts.findHost(s.host.Name); {
	case host == nil:
		return noAccounts{}
	case host.Auth != nil:
		return host.Auth
	default:
		return opts.Auth
	}
}

// noAccounts is who may log in at a host that is not there any more.
type noAccounts struct{}

// Authenticate implements Authenticator.
func (noAccounts) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return nil, driver.ErrDenied
}

// tlsOptions is what the session's host says about TLS, nil for nothing of
// its own.
func (s *session) tlsOptions() *tls.Config {
	if s.host != nil {
		return s.host.TLS
	}
	return nil
}
