package config

import (
	"net/url"
	"strings"
	"time"
)

// Shared settles what several servers keep together in a Redis: counts of
// sessions, bans, quotas and the keys of TLS session tickets.
type Shared struct {
	// Redis is where it is: "redis://user@host:6379/0", "rediss://..." for TLS, or
	// "unix:///path". Empty: this server is alone.
	Redis URL `mapstructure:"redis"`
	// PasswordFile is a file that holds the password. It is read at each connect.
	PasswordFile Path `mapstructure:"password_file"`
	// CA is a PEM file with the authorities that the certificate of a rediss
	// server may come from. Empty: those of the system.
	CA Path `mapstructure:"ca"`
	// Prefix begins the names of all keys. Servers with the same one share their
	// state.
	Prefix string `mapstructure:"prefix"`
	// Lease is how long the sessions of a server that has died are counted.
	Lease time.Duration `mapstructure:"lease"`
	// Timeout is how long a session waits for Redis before the server goes on
	// without it.
	Timeout time.Duration `mapstructure:"timeout"`
	// SecretFile is a file with a secret that all servers have, 16 characters or
	// more. With it they share the keys of TLS session tickets, which are encrypted
	// under it. Empty: each has its own.
	SecretFile Path `mapstructure:"secret_file"`
}

func defaultShared() Shared {
	return Shared{Prefix: "portico:", Lease: 30 * time.Second, Timeout: 250 * time.Millisecond}
}

func (v *validation) checkShared() {
	s := v.Shared
	if s.Prefix == "" || strings.ContainsFunc(s.Prefix, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		v.add("shared.prefix", "is empty or holds a space: write the beginning of the names of keys, such as portico:")
	}
	if s.Lease < time.Second {
		v.add("shared.lease", "%v is too short to be renewed: write 1s or more, such as 30s", s.Lease)
	}
	if s.Timeout < time.Millisecond {
		v.add("shared.timeout", "%v is no time to answer in: write how long Redis may take, such as 250ms", s.Timeout)
	}
	v.checkSharedURL()
}

func (v *validation) checkSharedURL() {
	s := v.Shared
	if s.Redis == "" {
		for _, named := range []struct {
			key  string
			file Path
		}{{"shared.password_file", s.PasswordFile}, {"shared.ca", s.CA}, {"shared.secret_file", s.SecretFile}} {
			if named.file != "" {
				v.addFrom(named.key, "shared.redis", "is missing, so %s is for nothing: write where Redis is, or remove it", named.key)
			}
		}
		return
	}
	address, err := url.Parse(s.Redis.Reveal())
	isURL := err == nil && (address.Host != "" && (address.Scheme == "redis" || address.Scheme == "rediss") || address.Scheme == "unix" && address.Path != "")
	switch {
	case !isURL:
		v.add("shared.redis", "is no address of a Redis: write redis://host:6379/0, rediss://host:6379/0 or unix:///path")
	case s.CA != "" && address.Scheme != "rediss":
		v.add("shared.ca", "is for TLS alone: write shared.redis as rediss://host:6379/0, or remove it")
	}
	if _, has := address.User.Password(); isURL && has && s.PasswordFile != "" {
		v.add("shared.password_file", "is a second password: take the one in shared.redis away")
	}
}
