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

// Reload puts new options into force, and disconnects nobody. New listeners are
// bound first; on an error nothing has changed. Listeners that are not named any
// more are closed, and their sessions go on. Sessions keep the options with which
// they began, but that a login asks the new Auth, and the new certificates,
// advertised addresses and bandwidth in all count at once.
//
// Options.Ports may be another allocator; the old one must stay open until the
// sessions that use it have ended. Options.Logger stays that of New. What the old
// options refer to may be called for as long as a session of theirs lives.
//
// A listener whose address overlaps with another's that is to be closed cannot be
// bound. After Shutdown or Close it returns ErrServerClosed.
func (s *Server) Reload(opts Options) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	next, err := newSettings(opts, s.current())
	if err != nil {
		return err
	}
	change, err := s.planListeners(next)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		change.giveUp()
		return ErrServerClosed
	}
	bandwidth := next.Limits.Bandwidth
	next.links.setRates(bandwidth.Upload, bandwidth.Download)
	s.accounts.setDefaults(next.Limits)
	s.tls.use(next.TLS)
	s.inForce.Store(next)
	s.adoptListenersLocked(change)
	return nil
}

// current are the settings in force.
func (s *Server) current() *settings { return s.inForce.Load() }
