package main

import (
	"context"
	"crypto/tls"
	"strings"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/httpusers"
)

// openHTTPUsers opens auth.http. The web server may be away.
func (s *setup) openHTTPUsers(log *zap.Logger) (driver.Source, func() error, error) {
	source, err := s.newHTTPUsers()
	if err != nil {
		return nil, nil, err
	}
	if source.InClear() {
		log.Warn("passwords go to a web server in clear", zap.String("setting", "auth.http.url"), zap.String("problem", httpInClear))
	}
	return source, source.Close, nil
}

const httpInClear = "passwords cross the network unencrypted, and whoever can change the answers decides who gets in: use https"

func (s *setup) newHTTPUsers() (*httpusers.Source, error) {
	h := s.config.Auth.HTTP
	authorities, err := loadAuthorities(s.config, "auth.http.ca", h.CA)
	if err != nil {
		return nil, err
	}
	if h.Secret != "" && len(h.Secret) < shortestSecret {
		return nil, s.fault("auth.http.secret", shortSecret, len(h.Secret), shortestSecret)
	}
	source, err := httpusers.New(httpusers.Options{
		URL: h.URL.Reveal(), Secret: h.Secret.Reveal(), Token: h.Token.Reveal(), Groups: h.Groups,
		TLS:     &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		Timeout: h.Timeout, Connections: h.Connections, Remember: h.Cache,
	})
	if err != nil {
		return nil, s.fault("auth.http.url", "%v", err)
	}
	return source, nil
}

// checkHTTPUsers looks for the web server. That the settings are right has been
// reported with the users.
func (s *setup) checkHTTPUsers(ctx context.Context, r *report) {
	h := s.config.Auth.HTTP
	if h.URL == "" {
		return
	}
	source, err := s.newHTTPUsers()
	if err != nil {
		return
	}
	defer source.Close()
	if err = source.Check(ctx); err != nil {
		err = s.fault("auth.http.url", "%s: Portico would start, and find no users there", strings.TrimPrefix(err.Error(), "httpusers: "))
	}
	r.add("HTTP users", h.URL.String(), err)
	if source.InClear() {
		r.Checks = append(r.Checks, outcome{Check: "HTTP users", OK: true, Severity: "warning", Detail: "auth.http.url: " + httpInClear})
	}
}
