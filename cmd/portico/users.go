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
		user, err := s.driverUser(fmt.Sprintf("%s[%d]", list, i), u)
		faults = append(faults, err)
		users = append(users, user)
	}
	return users, errors.Join(faults...)
}

func (s *setup) driverUser(key string, u config.User) (driver.User, error) {
	user, err := s.driverAccount(key, u.Name, u.Account)
	user.Name, user.PasswordHash, user.CertificateName = u.Name, u.Password.Reveal(), u.Certificate
	user.Anonymous, user.Groups = u.Anonymous, u.Groups
	if u.Anonymous && u.Permissions == nil {
		user.Permissions = driver.ReadOnly
	}
	return user, errors.Join(err, s.checkHash(key+".password", u))
}

// driverGroups does the same for the groups.
func (s *setup) driverGroups() (map[string]driver.User, error) {
	groups := make(map[string]driver.User, len(s.config.Groups))
	var faults []error
	for i, g := range s.config.Groups {
		group, err := s.driverAccount(fmt.Sprintf("groups[%d]", i), "", g.Account)
		faults = append(faults, err)
		groups[g.Name] = group
	}
	return groups, errors.Join(faults...)
}

// driverAccount turns what users and groups have in common into that of the
// driver. Name is the user's, "" for a group.
func (s *setup) driverAccount(key, name string, a config.Account) (driver.User, error) {
	home, homeErr := s.userMount(key, name, homeOf(a))
	mounts, mountsErr := s.userMounts(key+".mounts", name, a.Mounts)
	account := driver.User{
		Storage: home.Storage, Permissions: home.Permissions, Uploads: home.Uploads, Mounts: mounts,
		Quota:           driver.QuotaLimits{Bytes: int64(a.Quota.Bytes), Files: int64(a.Quota.Files)},
		RefusedCommands: a.RefusedCommands,
		Operator:        a.Operator,
		Access: driver.Access{
			Disabled: a.Disabled, Expires: a.Expires.End(), Networks: a.Networks, RequireTLS: a.RequireTLS,
		},
		Limits: driver.Limits{
			Sessions: a.Limits.Sessions, Transfers: a.Limits.Transfers,
			UploadRate: int64(a.Limits.UploadRate), DownloadRate: int64(a.Limits.DownloadRate),
		},
	}
	if !a.Places() { // somebody else settles it
		account.Home, account.Storage, account.Uploads = home.Storage.Dir, driver.Storage{}, driver.UploadOptions{}
	}
	if a.Permissions == nil {
		account.Permissions = 0
	}
	faults := append([]error{homeErr, mountsErr}, s.checkRefusedCommands(key+".refused_commands", a.RefusedCommands)...)
	if err := account.Access.Hours.UnmarshalText([]byte(a.Hours)); err != nil {
		faults = append(faults, s.fault(key+".hours", "%v", err))
	}
	return account, errors.Join(faults...)
}

// accountDefaults are what neither a user nor his groups settle.
func accountDefaults() driver.User {
	return driver.User{
		Permissions: driver.AllPermissions,
		Uploads:     driver.UploadOptions{KeepPartials: orOff(config.DefaultPlace().KeepPartials)},
	}
}

// parsePermissions reads permissions, of which none at all are all of them.
func parsePermissions(words []string) (driver.Permissions, error) {
	if words == nil {
		return driver.AllPermissions, nil
	}
	return driver.ParsePermissions(words)
}

func (s *setup) checkHash(key string, user config.User) error {
	if user.Password == "" {
		return nil
	}
	if err := driver.CheckHash(user.Password.Reveal()); err != nil {
		return s.fault(key, "%v (user %s): `portico passwd` makes one", err, user.Name)
	}
	return nil
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
