package main

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

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

// httpUsersNeeds are the web server, whose homes are as those of a directory.
func (s *setup) httpUsersNeeds() confine.Needs {
	needs := rereading(s.config.Auth.HTTP.CA)
	needs.Add(reachingWeb(s.config.Auth.HTTP.URL.Reveal()))
	return needs
}

// sqlNeeds are the database. What cannot be read was reported.
func (s *setup) sqlNeeds() confine.Needs {
	dsn := s.config.Auth.SQL.DSN.Reveal()
	switch s.config.Auth.SQL.Driver {
	case "postgres":
		return postgresNeeds(dsn)
	case "mysql":
		settings, err := mysql.ParseDSN(dsn)
		if err != nil || settings.Net != "tcp" {
			return confine.Needs{}
		}
		return reachingHost(net.SplitHostPort(settings.Addr))
	default:
		return sqliteNeeds(dsn)
	}
}

// postgresNeeds are all servers that are tried in turn.
func postgresNeeds(dsn string) confine.Needs {
	settings, err := pgx.ParseConfig(dsn)
	if err != nil {
		return confine.Needs{}
	}
	var needs confine.Needs
	add := func(host string, port uint16) {
		if !strings.HasPrefix(host, "/") { // a Unix socket
			needs.Add(reachingHost(host, fmt.Sprint(port), nil))
		}
	}
	add(settings.Host, settings.Port)
	for _, other := range settings.Fallbacks {
		add(other.Host, other.Port)
	}
	return needs
}

func reachingHost(host, port string, err error) confine.Needs {
	if err != nil {
		return confine.Needs{}
	}
	return reaching("tcp://"+net.JoinHostPort(host, port), nil)
}

// sqliteNeeds are the directory of the file: a log and a journal are beside it.
func sqliteNeeds(dsn string) confine.Needs {
	file := dsn
	if location, err := url.Parse(dsn); err == nil && location.Scheme == "file" {
		file = location.Path + location.Opaque
	}
	if !filepath.IsAbs(file) {
		return confine.Needs{}
	}
	return confine.Needs{Write: []string{filepath.Dir(file)}}
}
