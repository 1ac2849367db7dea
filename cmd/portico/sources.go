package main

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/driver"
)

// source is somewhere that users come from.
type source struct {
	// name is what auth.order calls it.
	name string
	// isSet says whether the configuration has it.
	isSet bool
	// open makes it ready, or says why it cannot be. An error names the
	// setting. Close ends what it holds; nil: nothing.
	open func(log *zap.Logger) (found driver.Source, close func() error, err error)
	// needs is what it takes to ask it once the process is confined. Nil:
	// nothing.
	needs func() confine.Needs
}

// sources are all that there are, in the order in which they are asked unless
// auth.order says otherwise.
func (s *setup) sources() []source {
	return []source{
		{"users", len(s.users) > 0, s.openList, nil},
		{"file", s.config.Auth.File.Path != "", s.openUsersFile, s.usersFileNeeds},
		{"htpasswd", s.config.Auth.Htpasswd.Path != "", s.openHtpasswd, s.htpasswdNeeds},
		{"sql", s.config.Auth.SQL.DSN != "", s.openSQL, s.sqlNeeds},
		{"ldap", len(s.config.Auth.LDAP.Servers) > 0, s.openLDAP, s.ldapNeeds},
		{"http", s.config.Auth.HTTP.URL != "", s.openHTTPUsers, s.httpUsersNeeds},
	}
}

// hasSources says whether users may come from elsewhere than lists.
func (s *setup) hasSources() bool {
	return slices.ContainsFunc(s.sources(), func(from source) bool { return from.isSet && from.name != "users" })
}

// sourcesInOrder are those that are set, in the order in which they are asked.
func (s *setup) sourcesInOrder() ([]source, error) {
	var known, ordered []source
	for _, from := range s.sources() {
		if from.isSet {
			known = append(known, from)
		}
	}
	order := s.config.Auth.Order
	if len(order) == 0 {
		return known, nil
	}
	var faults []error
	for i, name := range order {
		at := slices.IndexFunc(known, func(from source) bool { return from.name == name })
		if at < 0 {
			if name != "users" { // which may well be empty
				faults = append(faults, s.fault(fmt.Sprintf("auth.order[%d]", i), "%s is not set: set it, or leave it out", name))
			}
			continue
		}
		ordered = append(ordered, known[at])
	}
	for _, from := range known {
		if !slices.Contains(order, from.name) {
			faults = append(faults, s.fault("auth.order", "leaves out %s, which is set, so nobody would ask it: add it, or remove its settings", from.name))
		}
	}
	return ordered, errors.Join(faults...)
}

// openUsers makes the users of the server.
func (s *setup) openUsers(accounts *accounts, log *zap.Logger) (*driver.Users, error) {
	opts := s.usersOptions()
	ordered, err := s.sourcesInOrder()
	faults := []error{err}
	for _, from := range ordered {
		source, closeSource, err := from.open(log)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if closeSource != nil {
			accounts.open = append(accounts.open, closeSource)
		}
		opts.Sources = append(opts.Sources, source)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return accounts.add("", opts, nil)
}

func (s *setup) openList(*zap.Logger) (driver.Source, func() error, error) {
	list, err := driver.NewList(s.users)
	return list, nil, err
}

// tryUsers makes what openUsers does, and closes it again.
func (s *setup) tryUsers() error {
	accounts := &accounts{cancel: func() {}}
	_, err := s.openUsers(accounts, zap.NewNop())
	for i, host := range s.hosts {
		if len(host.users) > 0 {
			_, hostErr := accounts.add(s.config.Hosts[i].Name, s.usersOptions(), host.users)
			err = errors.Join(err, hostErr)
		}
	}
	return errors.Join(err, accounts.close())
}
