package main

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/ldapusers"
)

// openLDAP opens auth.ldap. The directory may be away.
func (s *setup) openLDAP(log *zap.Logger) (driver.Source, func() error, error) {
	source, err := s.newLDAP(log)
	if err != nil {
		return nil, nil, err
	}
	for _, server := range source.InClear() {
		log.Warn("passwords go to an LDAP server in clear", zap.String("server", server), zap.String("problem", ldapInClear))
	}
	return source, nil, nil
}

const ldapInClear = "passwords cross the network unencrypted: use ldaps:// or start_tls"

func (s *setup) newLDAP(log *zap.Logger) (*ldapusers.Source, error) {
	l := s.config.Auth.LDAP
	authorities, err := loadAuthorities(s.config, "auth.ldap.ca", l.CA)
	if err != nil {
		return nil, err
	}
	opts := ldapusers.Options{
		Servers: l.Servers, StartTLS: l.StartTLS, TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		UserDN: l.UserDN, BindDN: l.BindDN, BindPassword: l.BindPassword.Reveal(), Base: l.Base, Filter: l.Filter,
		Attributes: ldapusers.Attributes(l.Attributes), QuotaUnit: int64(l.QuotaUnit),
		GroupBase: l.GroupBase, Groups: l.Groups, Timeout: l.Timeout, Connections: l.Connections, Logger: log,
	}
	if l.GroupBase != "" {
		opts.GroupFilter = l.GroupFilter
	}
	for _, group := range l.GroupNames {
		opts.GroupNames = append(opts.GroupNames, ldapusers.GroupName(group))
	}
	source, err := ldapusers.New(opts)
	if err != nil {
		return nil, s.ldapFaults(err)
	}
	return source, nil
}

// ldapFaults names the keys of options that are wrong.
func (s *setup) ldapFaults(err error) error {
	keys := map[string]string{
		"UserDN": "user_dn", "BindDN": "bind_dn", "BindPassword": "bind_password", "Base": "base", "Filter": "filter",
		"GroupBase": "group_base", "GroupFilter": "group_filter",
	}
	var faults []error
	for _, err := range config.Faults(err) {
		key := "auth.ldap"
		wrong, ok := errors.AsType[*ldapusers.OptionError](err)
		if !ok {
			faults = append(faults, s.fault(key, "%v", err))
			continue
		}
		if name, known := keys[wrong.Option]; known {
			key += "." + name
		} else {
			key += "." + strings.ToLower(wrong.Option)
		}
		faults = append(faults, s.fault(key, "%s", wrong.Problem))
	}
	return errors.Join(faults...)
}

// checkLDAP asks each server of the directory. That the settings are right has
// been reported with the users.
func (s *setup) checkLDAP(ctx context.Context, r *report) {
	l := s.config.Auth.LDAP
	if len(l.Servers) == 0 {
		return
	}
	source, err := s.newLDAP(zap.NewNop())
	if err != nil {
		return
	}
	var faults []error
	for _, err := range config.Faults(source.Check(ctx)) {
		faults = append(faults, s.fault("auth.ldap.servers", "%v: Portico would start, and find no users there", err))
	}
	r.add("LDAP", strings.Join(l.Servers, ", "), errors.Join(faults...))
	for _, server := range source.InClear() {
		r.Checks = append(r.Checks, outcome{Check: "LDAP", OK: true, Severity: "warning", Detail: server + ": " + ldapInClear})
	}
}
