package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// serverOptions turns a valid configuration into the options of a server, as
// far as they are values. The caller adds Auth, Ports, Advertise, TLS and
// Logger.
func serverOptions(cfg *config.Config) (server.Options, error) {
	options := server.Options{
		Active: server.Active{
			Disabled:       !cfg.Active.Enabled,
			ForeignAddress: cfg.Active.ForeignAddress,
		},
		Limits: server.Limits{
			Sessions:        cfg.Limits.Sessions,
			SessionsPerIP:   cfg.Limits.SessionsPerIP,
			SessionsPerUser: cfg.Limits.SessionsPerUser,
			LoginTimeout:    orOff(cfg.Limits.LoginTimeout),
			IdleTimeout:     orOff(cfg.Limits.IdleTimeout),
			StallTimeout:    orOff(cfg.Limits.StallTimeout),
		},
		Banner: cfg.Banner,
	}
	for _, l := range cfg.Listeners {
		options.Listeners = append(options.Listeners, server.Listener{
			Address:       l.Address,
			ImplicitTLS:   l.ImplicitTLS,
			ProxyProtocol: l.ProxyProtocol,
		})
	}
	return options, errors.Join(
		enumerated("active.source_port", options.Active.SourcePort.UnmarshalText, string(cfg.Active.SourcePort)),
		enumerated("tls.require", options.RequireTLS.UnmarshalText, cfg.TLS.Require),
		enumerated("tls.session_reuse", options.SessionReuse.UnmarshalText, cfg.TLS.SessionReuse),
	)
}

// enumerated reads a value whose text form config and server share.
func enumerated(key string, read func([]byte) error, text string) error {
	if err := read([]byte(text)); err != nil {
		return &config.Fault{Key: key, Problem: err.Error()}
	}
	return nil
}

// orOff maps 0, "none" in the file, to what Options take for that.
func orOff(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// allocatorOptions returns the options of the passive ports without a logger.
func allocatorOptions(cfg *config.Config) portalloc.Options {
	return portalloc.Options{
		Ports:           cfg.Passive.Ports,
		AdvertisedPorts: cfg.Passive.AdvertisedPorts,
		Sharing:         cfg.Passive.Sharing,
		Peer:            cfg.Passive.Peer,
		Wait:            orOff(cfg.Passive.Wait),
		AcceptTimeout:   cfg.Passive.AcceptTimeout,
	}
}

func addressRules(cfg *config.Config) []portalloc.AddressRule {
	var rules []portalloc.AddressRule
	for _, rule := range cfg.Passive.PublicAddress {
		rules = append(rules, portalloc.AddressRule{Clients: rule.Clients, Address: rule.Address})
	}
	return rules
}

// driverUsers turns the configured users into those of the driver. A user
// without permissions may do everything.
func driverUsers(cfg *config.Config) ([]driver.User, error) {
	var users []driver.User
	var faults []error
	for i, u := range cfg.Users {
		permissions := driver.AllPermissions
		if u.Permissions != nil {
			parsed, err := driver.ParsePermissions(u.Permissions)
			if err != nil {
				faults = append(faults, &config.Fault{Key: fmt.Sprintf("users[%d].permissions", i), Problem: err.Error()})
			}
			permissions = parsed
		}
		users = append(users, driver.User{
			Name:         u.Name,
			PasswordHash: u.Password.Reveal(),
			Home:         string(u.Home),
			Permissions:  permissions,
		})
	}
	return users, errors.Join(faults...)
}
