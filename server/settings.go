package server

import (
	"crypto/tls"
	"net/netip"

	"github.com/portico-ftp/portico/server/pace"
)

// settings are options in force, with what they come to. They never change: a
// session has those with which it began to its end, and Reload puts others into
// force for the next ones.
type settings struct {
	Options
	dialer      *activeDialer
	logins      *pace.Attempts[struct{}]
	loginsPerIP *pace.Attempts[netip.Prefix]
	links       links
}

// newSettings checks options, and takes over what counts on from those in force
// before, if there were any.
func newSettings(opts Options, before *settings) (*settings, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	dialer, err := newActiveDialer(opts.Active)
	if err != nil {
		return nil, err
	}
	if opts.TLS != nil {
		opts.TLS = atLeastTLS12(opts.TLS)
	}
	limits := opts.Limits
	s := &settings{
		Options:     opts,
		dialer:      dialer,
		logins:      pace.NewAttempts[struct{}](limits.LoginsPerMinute),
		loginsPerIP: pace.NewAttempts[netip.Prefix](limits.LoginsPerMinutePerIP),
	}
	if before != nil {
		s.links = before.links
		if before.Limits.LoginsPerMinute == limits.LoginsPerMinute {
			s.logins = before.logins
		}
		if before.Limits.LoginsPerMinutePerIP == limits.LoginsPerMinutePerIP {
			s.loginsPerIP = before.loginsPerIP
		}
	}
	return s, nil
}

// atLeastTLS12 is a copy without what FTP must not have.
func atLeastTLS12(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.SessionTicketsDisabled = false
	if config.MinVersion < tls.VersionTLS12 {
		config.MinVersion = tls.VersionTLS12
	}
	return config
}

// current are the settings in force.
func (s *Server) current() *settings { return s.inForce.Load() }
