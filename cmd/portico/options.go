package main

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// serverOptions turns a valid configuration into the options of a server, as
// far as they are values. The caller adds Auth, Ports, Advertise, TLS,
// Hosts, OnCommand and Logger.
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

			LoginsPerMinute:      cfg.Limits.LoginsPerMinute,
			LoginsPerMinutePerIP: cfg.Limits.LoginsPerMinutePerIP,
			TransfersPerSession:  cfg.Limits.TransfersPerSession,
			TransfersPerUser:     cfg.Limits.TransfersPerUser,
			CommandsPerSecond:    cfg.Limits.CommandsPerSecond,
			Bandwidth:            bandwidth(cfg.Limits),

			LoginTimeout: orOff(cfg.Limits.LoginTimeout),
			IdleTimeout:  orOff(cfg.Limits.IdleTimeout),
			StallTimeout: orOff(cfg.Limits.StallTimeout),
		},
		AllowCCC: cfg.TLS.AllowCCC,
		Banner:   cfg.Banner,
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

func bandwidth(l config.Limits) server.Bandwidth {
	return server.Bandwidth{
		Upload:             int64(l.UploadRate),
		Download:           int64(l.DownloadRate),
		UploadPerUser:      int64(l.UploadRatePerUser),
		DownloadPerUser:    int64(l.DownloadRatePerUser),
		UploadPerSession:   int64(l.UploadRatePerSession),
		DownloadPerSession: int64(l.DownloadRatePerSession),
	}
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
		ReclaimAfter:    cfg.Passive.ReclaimAfter,
		MaxPerAddress:   cfg.Limits.PassiveLeasesPerIP,
		Proxies:         proxies(cfg),
		Unproxy:         server.ReadProxyHeader,
	}
}

// proxies are the load balancers of all listeners: a data connection does not
// tell which listener its session came through.
func proxies(cfg *config.Config) []netip.Prefix {
	var all []netip.Prefix
	for _, l := range cfg.Listeners {
		for _, network := range l.ProxyProtocol {
			if !slices.Contains(all, network) {
				all = append(all, network)
			}
		}
	}
	return all
}

func addressRules(cfg *config.Config) []portalloc.AddressRule {
	var rules []portalloc.AddressRule
	for _, rule := range cfg.Passive.PublicAddress {
		rules = append(rules, portalloc.AddressRule{Clients: rule.Clients, Address: rule.Address})
	}
	return rules
}
