package server

import (
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// Limit names a limit that has refused something. Its text form is the key of
// the configuration, and what logs and security events call it. Limits on
// bandwidth are none of these: they refuse nothing.
type Limit uint8

const (
	// LimitSessions is Limits.Sessions ("sessions").
	LimitSessions Limit = iota
	// LimitSessionsPerIP is Limits.SessionsPerIP ("sessions_per_ip").
	LimitSessionsPerIP
	// LimitSessionsPerUser is Limits.SessionsPerUser or that of the account
	// ("sessions_per_user").
	LimitSessionsPerUser
	// LimitLoginsPerMinute is Limits.LoginsPerMinute ("logins_per_minute").
	LimitLoginsPerMinute
	// LimitLoginsPerMinutePerIP is Limits.LoginsPerMinutePerIP
	// ("logins_per_minute_per_ip").
	LimitLoginsPerMinutePerIP
	// LimitTransfersPerSession is Limits.TransfersPerSession
	// ("transfers_per_session").
	LimitTransfersPerSession
	// LimitTransfersPerUser is Limits.TransfersPerUser or that of the account
	// ("transfers_per_user").
	LimitTransfersPerUser
	// LimitCommandsPerSecond is Limits.CommandsPerSecond, far exceeded
	// ("commands_per_second").
	LimitCommandsPerSecond
	// LimitPassiveLeasesPerIP is portalloc.Options.MaxPerAddress
	// ("passive_leases_per_ip").
	LimitPassiveLeasesPerIP
)

var limitNames = enumNames{
	"sessions", "sessions_per_ip", "sessions_per_user", "logins_per_minute", "logins_per_minute_per_ip",
	"transfers_per_session", "transfers_per_user", "commands_per_second", "passive_leases_per_ip",
}

// String returns the text form.
func (l Limit) String() string { return limitNames.text(int(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Limit) UnmarshalText(text []byte) error {
	n, err := limitNames.value(text)
	*l = Limit(n)
	return err
}

// networkOf is whom limits for each address count together: whoever has an IPv6
// address has all those of its /64.
func networkOf(client netip.Addr) netip.Prefix {
	bits := 64
	if client.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(client.WithZone(""), bits).Masked()
}

// overLimit counts and tells what a limit has refused to the session, or to a
// user who is not logged in to it.
func (s *session) overLimit(limit Limit, user string) {
	s.server.refusals[limit].Add(1)
	fields := []zap.Field{zap.Stringer("limit", limit)}
	if user != "" {
		fields = append(fields, zap.String("user", user))
	}
	s.log.Warn("over a limit", fields...)
	s.security(SecurityEvent{Kind: SecurityLimit, Reason: limit.String(), User: user})
}

// mayTryLogin counts an attempt to log in. If there were too many it says so to
// the client, and the password is not looked at. What is refused to one address
// does not count for all.
func (s *session) mayTryLogin(user string) bool {
	now := time.Now()
	limit := LimitLoginsPerMinutePerIP
	if s.opts.loginsPerIP.Take(now, networkOf(s.client.Addr())) {
		limit = LimitLoginsPerMinute
		if s.opts.logins.Take(now, struct{}{}) {
			return true
		}
	}
	s.overLimit(limit, user)
	s.failedLogins++
	s.answerRefusedLogin("Too many logins; try again in a minute.")
	return false
}

// keepPace counts a command that has come. If they come too fast it waits, and
// as nothing is read meanwhile the client has to wait, too. It says false when
// the session is to end.
func (s *session) keepPace() bool {
	wait, flood := s.pace.Take(time.Now(), s.lines.isAhead())
	switch {
	case flood:
		s.overLimit(LimitCommandsPerSecond, "")
		s.reply(421, "Too many commands at once; closing control connection.")
		return false
	case wait == 0:
		return true
	case !s.slowed:
		s.slowed = true
		s.log.Info("commands come too fast and are slowed down")
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// beginTransfer counts a transfer of a file, or tells the client that there are
// too many. Listings do not count: a user whose transfers are all in use may
// still look around.
func (s *session) beginTransfer(t *transfer) bool {
	if t.listing != nil {
		return true
	}
	limits := s.opts.Limits
	if limits.TransfersPerSession > 0 && s.transfers >= limits.TransfersPerSession {
		s.overLimit(LimitTransfersPerSession, "")
		s.reply(450, "This session has had all its transfers; connect again for more.")
		return false
	}
	if !s.server.accounts.beginTransfer(s.use) {
		s.overLimit(LimitTransfersPerUser, "")
		s.reply(450, "Too many transfers of this user; try again when one has ended.")
		return false
	}
	s.transfers++
	t.use = s.use
	return true
}
