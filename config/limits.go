package config

import "time"

// Limits bounds what clients may use and how long they may take. Zero: no limit.
// IPv6 addresses count by their /64 network.
type Limits struct {
	// Sessions is the largest number of sessions at one time.
	Sessions int `mapstructure:"sessions"`
	// SessionsPerIP is the same for one client address.
	SessionsPerIP int `mapstructure:"sessions_per_ip"`
	// SessionsPerUser is the same for one user, unless the user's own limits
	// say otherwise.
	SessionsPerUser int `mapstructure:"sessions_per_user"`
	// LoginsPerMinute is how many logins may be tried in a minute, whether they
	// succeed or not.
	LoginsPerMinute int `mapstructure:"logins_per_minute"`
	// LoginsPerMinutePerIP is the same for one client address.
	LoginsPerMinutePerIP int `mapstructure:"logins_per_minute_per_ip"`
	// TransfersPerSession is how many files a session may transfer before its
	// client has to connect again.
	TransfersPerSession int `mapstructure:"transfers_per_session"`
	// TransfersPerUser is how many transfers of files a user may have at one
	// time, unless the user's own limits say otherwise.
	TransfersPerUser int `mapstructure:"transfers_per_user"`
	// PassiveLeasesPerIP is how many passive ports one client address may have
	// or wait for at one time without having connected to them.
	PassiveLeasesPerIP int `mapstructure:"passive_leases_per_ip"`
	// CommandsPerSecond is how fast a session may send commands.
	CommandsPerSecond int `mapstructure:"commands_per_second"`
	// UploadRate and DownloadRate are bytes per second of all sessions together.
	UploadRate   Size `mapstructure:"upload_rate"`
	DownloadRate Size `mapstructure:"download_rate"`
	// UploadRatePerUser and DownloadRatePerUser are the same for one user, unless
	// the user's own limits say otherwise.
	UploadRatePerUser   Size `mapstructure:"upload_rate_per_user"`
	DownloadRatePerUser Size `mapstructure:"download_rate_per_user"`
	// UploadRatePerSession and DownloadRatePerSession are the same for one
	// session.
	UploadRatePerSession   Size `mapstructure:"upload_rate_per_session"`
	DownloadRatePerSession Size `mapstructure:"download_rate_per_session"`
	// LoginTimeout is how long a client may take to log in.
	LoginTimeout time.Duration `mapstructure:"login_timeout"`
	// IdleTimeout is how long a session may send no command while no transfer
	// runs.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// StallTimeout is how long a transfer may move no byte.
	StallTimeout time.Duration `mapstructure:"stall_timeout"`
}

// minRate is the lowest bandwidth that is not taken for a mistake: "10" is ten
// bytes.
const minRate = 1 << 10

func (v *validation) checkLimits() {
	l := v.Limits
	v.notNegativeCount("limits.sessions", l.Sessions)
	v.notNegativeCount("limits.sessions_per_ip", l.SessionsPerIP)
	v.notNegativeCount("limits.sessions_per_user", l.SessionsPerUser)
	v.notNegativeCount("limits.logins_per_minute", l.LoginsPerMinute)
	v.notNegativeCount("limits.logins_per_minute_per_ip", l.LoginsPerMinutePerIP)
	v.notNegativeCount("limits.transfers_per_session", l.TransfersPerSession)
	v.notNegativeCount("limits.transfers_per_user", l.TransfersPerUser)
	v.notNegativeCount("limits.passive_leases_per_ip", l.PassiveLeasesPerIP)
	v.notNegativeCount("limits.commands_per_second", l.CommandsPerSecond)
	v.checkRate("limits.upload_rate", l.UploadRate)
	v.checkRate("limits.download_rate", l.DownloadRate)
	v.checkRate("limits.upload_rate_per_user", l.UploadRatePerUser)
	v.checkRate("limits.download_rate_per_user", l.DownloadRatePerUser)
	v.checkRate("limits.upload_rate_per_session", l.UploadRatePerSession)
	v.checkRate("limits.download_rate_per_session", l.DownloadRatePerSession)
	v.notNegative("limits.login_timeout", l.LoginTimeout, "no limit")
	v.notNegative("limits.idle_timeout", l.IdleTimeout, "no limit")
	v.notNegative("limits.stall_timeout", l.StallTimeout, "no limit")
}

func (v *validation) checkRate(key string, rate Size) {
	if rate != 0 && rate < minRate {
		v.add(key, "%d bytes per second are less than 1KiB: write it as 10MiB, or 0 for no limit", int64(rate))
	}
}
