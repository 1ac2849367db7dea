package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// LDAP is a directory of users. It is used if Servers are set.
type LDAP struct {
	// Servers are "ldap://host" or "ldaps://host:636"; the first that can be
	// reached is asked. Empty: there is no directory.
	Servers []string `mapstructure:"servers"`
	// StartTLS encrypts the connections to ldap:// servers, or does not use them.
	StartTLS bool `mapstructure:"start_tls"`
	// CA is a PEM file with the authorities of the servers' certificates. Empty:
	// the system's.
	CA Path `mapstructure:"ca"`
	// UserDN is the name of a user's entry, with %u for his name. Either this or
	// Base is set.
	UserDN string `mapstructure:"user_dn"`
	// BindDN and BindPassword are who searches below Base. Empty: nobody.
	BindDN       string `mapstructure:"bind_dn"`
	BindPassword Secret `mapstructure:"bind_password"`
	// Base is the entry below which users are searched for.
	Base string `mapstructure:"base"`
	// Filter is which entries are those of a user. Empty: "(uid=%u)" below Base,
	// and every entry that UserDN names. This package does not know the form.
	Filter string `mapstructure:"filter"`
	// Attributes are where an entry says what about the account.
	Attributes LDAPAttributes `mapstructure:"attributes"`
	// QuotaUnit is how many bytes one of Attributes.QuotaBytes is.
	QuotaUnit Size `mapstructure:"quota_unit"`
	// GroupBase is the entry below which groups are searched for. Empty: they are
	// not.
	GroupBase string `mapstructure:"group_base"`
	// GroupFilter is which of them a user is in, with %d for the name of his
	// entry and %u for his own.
	GroupFilter string `mapstructure:"group_filter"`
	// GroupNames are what groups of the directory are called here. Empty: each is
	// called by its common name.
	GroupNames []LDAPGroup `mapstructure:"group_names"`
	// Groups are names of Config.Groups that every user of the directory is in,
	// after his own.
	Groups []string `mapstructure:"groups"`
	// Timeout is how long one server may take to answer about one user.
	Timeout time.Duration `mapstructure:"timeout"`
	// Connections is the largest number of connections at one time.
	Connections int `mapstructure:"connections"`
}

// LDAPAttributes name attributes of entries. An empty one is not read.
type LDAPAttributes struct {
	// Name is the user's name. Required.
	Name string `mapstructure:"name"`
	// Home is the full path of the home.
	Home string `mapstructure:"home"`
	// Groups are groups of the directory.
	Groups string `mapstructure:"groups"`
	// QuotaBytes and QuotaFiles are how much the user may keep at home.
	QuotaBytes string `mapstructure:"quota_bytes"`
	QuotaFiles string `mapstructure:"quota_files"`
	// Permissions are words as in Place.Permissions.
	Permissions string `mapstructure:"permissions"`
	// Certificate is a name as in User.Certificate.
	Certificate string `mapstructure:"certificate"`
}

// LDAPGroup calls a group of a directory by one of Config.Groups.
type LDAPGroup struct {
	// LDAP is the name of the group's entry, or its common name.
	LDAP string `mapstructure:"ldap"`
	// Group is the name of the group here.
	Group string `mapstructure:"group"`
}

func defaultLDAP() LDAP {
	return LDAP{Attributes: LDAPAttributes{Name: "uid"}, QuotaUnit: 1, GroupFilter: "(member=%d)", Timeout: 5 * time.Second, Connections: 16}
}

func (v *validation) checkLDAP() {
	l := v.Auth.LDAP
	for i, server := range l.Servers {
		target, err := url.Parse(server)
		key := fmt.Sprintf("auth.ldap.servers[%d]", i)
		switch {
		case err != nil || target.Scheme != "ldap" && target.Scheme != "ldaps" || target.Hostname() == "":
			v.add(key, "is no address of a directory: write it as ldaps://host or ldap://host:port")
		case target.User != nil || strings.Trim(target.Path, "/") != "" || target.RawQuery != "":
			v.add(key, "says more than where the server is: bind_dn, base and filter have keys of their own")
		}
	}
	v.checkUnique("auth.ldap.servers", l.Servers)
	if len(l.Servers) > 0 {
		v.checkLDAPUsers()
	} else if l.UserDN != "" || l.Base != "" || l.BindDN != "" || l.BindPassword != "" || l.StartTLS || l.GroupBase != "" {
		v.add("auth.ldap.servers", "is missing: name a server, or remove the other keys of auth.ldap")
	}
	for i, group := range l.GroupNames {
		key := fmt.Sprintf("auth.ldap.group_names[%d]", i)
		if group.LDAP == "" {
			v.add(key+".ldap", "is missing: write the name of the group's entry in the directory, or its common name")
		}
		v.checkMembership(key+".group", group.Group)
	}
	v.checkMemberships("auth.ldap.groups", l.Groups)
	if l.QuotaUnit < 1 {
		v.add("auth.ldap.quota_unit", "%d is too few: write 1 for bytes, 1KiB or 1MiB", int64(l.QuotaUnit))
	}
	if l.Timeout <= 0 {
		v.add("auth.ldap.timeout", "%v is no time to answer in: write it as 5s", l.Timeout)
	}
	v.atLeastOne("auth.ldap.connections", l.Connections)
}

// checkLDAPUsers checks how a name becomes an entry.
func (v *validation) checkLDAPUsers() {
	l := v.Auth.LDAP
	switch {
	case l.UserDN == "" && l.Base == "":
		v.addFrom("auth.ldap.servers", "auth.ldap.base", "is missing: name the entry below which users are searched for, or set auth.ldap.user_dn")
	case l.UserDN != "" && l.Base != "":
		v.add("auth.ldap.user_dn", "contradicts auth.ldap.base: users are searched for, or their entries named; keep one of them")
	case l.UserDN != "" && !strings.Contains(l.UserDN, "%u"):
		v.add("auth.ldap.user_dn", "lacks %%u for the user's name: write it as uid=%%u,ou=people,dc=example,dc=org")
	case l.UserDN != "" && l.BindDN != "":
		v.add("auth.ldap.bind_dn", "is for searching below auth.ldap.base: remove it, or auth.ldap.user_dn")
	}
	if l.Base != "" && l.Filter != "" && !strings.Contains(l.Filter, "%u") {
		v.add("auth.ldap.filter", "lacks %%u for the user's name: write it as (&(objectClass=person)(uid=%%u))")
	}
	switch {
	case l.BindDN != "" && l.BindPassword == "":
		v.addFrom("auth.ldap.bind_dn", "auth.ldap.bind_password", "is missing: set it (%s will do), for a directory takes an empty one for nobody", EnvName("auth.ldap.bind_password"))
	case l.BindDN == "" && l.BindPassword != "":
		v.addFrom("auth.ldap.bind_password", "auth.ldap.bind_dn", "is missing: name the entry whose password auth.ldap.bind_password is")
	}
	if l.Attributes.Name == "" {
		v.add("auth.ldap.attributes.name", "is missing: name the attribute that holds the user's name, such as uid or sAMAccountName")
	}
	if l.GroupBase != "" && l.GroupFilter == "" {
		v.add("auth.ldap.group_filter", "is missing: write it as (member=%%d) or (memberUid=%%u)")
	}
}
