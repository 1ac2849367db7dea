package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/shared"
)

// openShared connects to what this server shares with others, nil if it is
// alone. That Redis is away is no error. The caller closes the state, after the
// last session.
func (s *setup) openShared(log *zap.Logger) (*shared.State, error) {
	secret, err := s.sharedSecret()
	if err != nil {
		return nil, err
	}
	return s.connectShared(shared.Options{Logger: log, Secret: secret})
}

// visitShared connects as no server. That Redis is away is an error.
func (s *setup) visitShared() (*shared.State, error) {
	state, err := s.connectShared(shared.Options{Guest: true})
	if err != nil {
		return nil, err
	}
	if status := state.Status(); !status.Here {
		state.Close()
		return nil, s.fault("shared.redis", "%s", status.Cause)
	}
	return state, nil
}

// sharedSecret is what keys of session tickets are encrypted under, nil if they are
// not shared.
func (s *setup) sharedSecret() ([]byte, error) {
	file := s.config.Shared.SecretFile
	if file == "" {
		return nil, nil
	}
	secret, err := readSecret(string(file))
	switch {
	case err != nil:
		return nil, s.fault("shared.secret_file", "%v: name a file that the user whom Portico runs as can read", err)
	case len(secret) < 16:
		return nil, s.fault("shared.secret_file", "holds %d characters: write 16 or more, such as what openssl rand -hex 32 prints", len(secret))
	}
	return []byte(secret), nil
}

func (s *setup) connectShared(opts shared.Options) (*shared.State, error) {
	c := s.config.Shared
	if c.Redis == "" {
		return nil, nil
	}
	opts.URL, opts.Prefix, opts.Lease, opts.Timeout = c.Redis.Reveal(), c.Prefix, c.Lease, c.Timeout
	if c.PasswordFile != "" {
		opts.Password = func() (string, error) { return readSecret(string(c.PasswordFile)) }
		if _, err := opts.Password(); err != nil {
			return nil, s.fault("shared.password_file", "%v: name a file that the user whom Portico runs as can read", err)
		}
	}
	authorities, err := loadAuthorities(s.config, "shared.ca", c.CA)
	if err != nil {
		return nil, err
	}
	if authorities != nil {
		opts.TLS = &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	}
	state, err := shared.Open(opts)
	if err != nil {
		return nil, s.fault("shared.redis", "%s", withoutPackage(err))
	}
	return state, nil
}

// hookShared has a server count together with others.
func hookShared(options *server.Options, state *shared.State) {
	if state != nil {
		options.SharedSessions = state.Sessions()
	}
}

// checkShared tries to reach Redis.
func (s *setup) checkShared(r *report) {
	if s.config.Shared.Redis == "" {
		return
	}
	_, secretErr := s.sharedSecret()
	state, err := s.visitShared()
	if err == nil {
		state.Close()
	} else {
		err = fmt.Errorf("%w: Portico would start, and count by itself until Redis is there", err)
	}
	r.add("shared state", s.config.Shared.Redis.String(), errors.Join(secretErr, err))
}

// sharedNeeds are Redis, and what it takes to connect again. A socket needs
// nothing: the kernel does not confine connecting to one.
func (s *setup) sharedNeeds() confine.Needs {
	c := s.config.Shared
	needs := rereading(c.PasswordFile, c.CA, c.SecretFile)
	address, err := url.Parse(c.Redis.Reveal())
	if err != nil || address.Scheme == "unix" {
		return needs
	}
	needs.Add(reaching(c.Redis.Reveal(), map[string]uint16{"redis": 6379, "rediss": 6379}))
	return needs
}
