package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// hostSetup is what a virtual host has of its own.
type hostSetup struct {
	users []driver.User // none: the server's
	tls   *tls.Config   // nil: the server's
}

// addHostUsers settles who can log in at each host.
func (s *setup) addHostUsers() error {
	var faults []error
	s.hosts = make([]hostSetup, len(s.config.Hosts))
	for i, host := range s.config.Hosts {
		users, err := s.driverUsers(hostSection(i)+".users", host.Users)
		faults = append(faults, err)
		s.hosts[i].users = users
	}
	return errors.Join(faults...)
}

// addHostTLS reads the certificates of each host. The server's come first.
func (s *setup) addHostTLS() error {
	var faults []error
	for i := range s.hosts {
		var err error
		s.hosts[i].tls, err = loadHostTLS(s.config, i, s.tls)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// userCount is the number of users, hosts included.
func (s *setup) userCount() int {
	count := len(s.users)
	for _, h := range s.hosts {
		count += len(h.users)
	}
	return count
}

// serverHosts turns the hosts into those of a server with these TLS settings.
func (s *setup) serverHosts(accounts *accounts, ofServer *tls.Config, log *zap.Logger) ([]server.VirtualHost, error) {
	var hosts []server.VirtualHost
	var faults []error
	for i, h := range s.hosts {
		settings := s.config.Hosts[i]
		host := server.VirtualHost{Name: settings.Name, Banner: settings.Banner, TLS: s.followHost(i, ofServer, log)}
		if len(h.users) > 0 {
			users, err := accounts.add(settings.Name, s.usersOptions(), h.users)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", hostSection(i), err))
				continue
			}
			host.Auth = users
		}
		hosts = append(hosts, host)
	}
	return hosts, errors.Join(faults...)
}

// followServer is the server's TLS settings with a certificate that follows its
// files. One that is self-signed has none.
func (s *setup) followServer(log *zap.Logger) *tls.Config {
	if s.tls == nil || s.config.TLS.SelfSigned {
		return s.tls
	}
	return serverPair(s.config).follow(s.tls, s.config, log)
}

// followHost is the same for a host. One without a certificate of its own shows
// the server's.
func (s *setup) followHost(index int, ofServer *tls.Config, log *zap.Logger) *tls.Config {
	settings := s.hosts[index].tls
	switch {
	case settings == nil:
		return nil
	case s.config.Hosts[index].Certificate != "":
		return hostPair(s.config, index).follow(settings, s.config, log)
	default:
		settings = settings.Clone()
		settings.Certificates, settings.GetCertificate = ofServer.Certificates, ofServer.GetCertificate
		return settings
	}
}
