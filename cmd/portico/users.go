package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// driverUsers turns the users of a list in the configuration into those of the
// driver. Its error joins what config cannot know to be wrong.
func (s *setup) driverUsers(list string, configured []config.User) ([]driver.User, error) {
	var users []driver.User
	var faults []error
	for i, u := range configured {
		key := fmt.Sprintf("%s[%d]", list, i)
		home, err := s.userMount(key, u.Name, homeOf(u))
		mounts, mountsErr := s.userMounts(key+".mounts", u)
		faults = append(faults, err, mountsErr, s.checkUser(key, u))
		users = append(users, driver.User{
			Name:            u.Name,
			PasswordHash:    u.Password.Reveal(),
			CertificateName: u.Certificate,
			RefusedCommands: u.RefusedCommands,
			Operator:        u.Operator,
			Storage:         home.Storage,
			Permissions:     home.Permissions,
			Uploads:         home.Uploads,
			Mounts:          mounts,
		})
	}
	return users, errors.Join(faults...)
}

// parsePermissions reads permissions, of which none at all are all of them.
func parsePermissions(words []string) (driver.Permissions, error) {
	if words == nil {
		return driver.AllPermissions, nil
	}
	return driver.ParsePermissions(words)
}

func (s *setup) checkUser(key string, user config.User) error {
	faults := s.checkRefusedCommands(key+".refused_commands", user.RefusedCommands)
	if user.Password != "" {
		if err := driver.CheckHash(user.Password.Reveal()); err != nil {
			faults = append(faults, s.fault(key+".password", "%v (user %s): `portico passwd` makes one", err, user.Name))
		}
	}
	return errors.Join(faults...)
}

// checkRefusedCommands reports what is no command: the user would be allowed
// what somebody meant to refuse.
func (s *setup) checkRefusedCommands(key string, verbs []string) []error {
	var faults []error
	known := server.Verbs()
	for i, verb := range verbs {
		if _, isKnown := slices.BinarySearch(known, verb); !isKnown {
			faults = append(faults, s.fault(fmt.Sprintf("%s[%d]", key, i), "%q is no command of this server: write it in upper case, such as DELE (the answer to HELP lists them all)", verb))
		}
	}
	return faults
}
