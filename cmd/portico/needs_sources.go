package main

import (
	"path/filepath"

	"github.com/portico-ftp/portico/cmd/portico/confine"
)

// sourceNeeds are those of the sources of users.
func (s *setup) sourceNeeds() confine.Needs {
	var needs confine.Needs
	for _, from := range s.sources() {
		if from.isSet && from.needs != nil {
			needs.Add(from.needs())
		}
	}
	return needs
}

// usersFileNeeds are the file of users, the homes that it names, and for users
// that will be added the directories that those are in, if that is not all of
// /home.
func (s *setup) usersFileNeeds() confine.Needs {
	file := s.config.Auth.File.Path
	needs := rereading(file)
	configured, err := s.config.LoadUsers(string(file))
	if err != nil { // which is reported when the file is opened
		return needs
	}
	in := &setup{config: s.config.WithUsers(configured, string(file)), buckets: s.buckets}
	users, _ := in.driverUsers("users", configured)
	for _, user := range users {
		needs.Add(s.placeNeeds(user))
		for _, home := range expanded(user.Home, user.Name) {
			if above := filepath.Dir(home); !confine.IsNearRoot(above) {
				needs.Write = append(needs.Write, above)
			}
		}
	}
	return needs
}

func (s *setup) htpasswdNeeds() confine.Needs { return rereading(s.config.Auth.Htpasswd.Path) }

// ldapNeeds are the directory servers. The homes that they name are for
// sandbox_allow: nobody knows them before the login.
func (s *setup) ldapNeeds() confine.Needs {
	needs := rereading(s.config.Auth.LDAP.CA)
	for _, server := range s.config.Auth.LDAP.Servers {
		needs.Add(reaching(server, map[string]uint16{"ldap": 389, "ldaps": 636}))
	}
	return needs
}
