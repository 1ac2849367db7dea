package ldapusers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/zap"
)

// Options configures a Source. New copies it.
type Options struct {
	// Servers are URLs, "ldap://host:389" or "ldaps://host:636", whose ports may
	// be left out. The first that can be reached is asked. Required.
	Servers []string
	// StartTLS encrypts the connections to ldap:// servers (RFC 4511 §4.14), or
	// does not use them.
	StartTLS bool
	// TLS is how servers are verified. The name of the server is filled in. Nil:
	// by the system's authorities.
	TLS *tls.Config
	// Timeout is how long an attempt may take with one server, and how long it
	// may wait for a free connection. Zero or less: 5 s.
	Timeout time.Duration
	// Connections is the largest number of connections at one time. Zero or
	// less: 16.
	Connections int

	// UserDN is the name of a user's entry, in which %u is the user's name and %%
	// a percent sign: "uid=%u,ou=people,dc=example,dc=org". Either this or Base
	// is required.
	UserDN string
	// BindDN and BindPassword are who searches. Empty: nobody (an anonymous
	// connection).
	BindDN, BindPassword string
	// Base is the entry below which users are searched for.
	Base string
	// Filter is which entries are those of a user (RFC 4515), with %u and %% as
	// in UserDN. Empty: "(uid=%u)" below Base, and any entry that UserDN names.
	Filter string
	// Attributes are where an entry says what about the account.
	Attributes Attributes
	// QuotaUnit is the number of bytes in the unit of Attributes.QuotaBytes. Zero
	// or less: 1.
	QuotaUnit int64

	// GroupBase is the entry below which the user's groups are searched for, for
	// directories whose users do not name their groups. Empty: they are not.
	GroupBase string
	// GroupFilter is which entries are groups of the user's. %u is his name, %d
	// that of his entry. Empty: "(member=%d)".
	GroupFilter string
	// GroupNames are what groups of the directory are called here. Those that are
	// not named do not count. Empty: each group is called by its common name.
	GroupNames []GroupName
	// Groups are groups of every user, after those of the directory.
	Groups []string

	// Dial makes connections. Nil: net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger receives the log. Nil: nothing is logged.
	Logger *zap.Logger
}

// Attributes names attributes of a user's entry. But for Name, an empty one is
// not read, and an entry need not have it.
type Attributes struct {
	// Name is the name by which the server knows the user. It settles which of
	// the spellings that the directory takes for the same counts. Empty: "uid".
	Name string
	// Home is the full path of the home.
	Home string
	// Groups are the user's groups, as names of their entries or by their common
	// names: "memberOf".
	Groups string
	// QuotaBytes and QuotaFiles are whole numbers.
	QuotaBytes, QuotaFiles string
	// Permissions are words such as "list, read", in one value or in several.
	Permissions string
	// Certificate is the name in a client certificate that lets the user in.
	Certificate string
}

// GroupName calls a group of the directory by a name of this server.
type GroupName struct {
	// LDAP is the group's entry, "cn=ftp,ou=groups,dc=example,dc=org", or the
	// common name alone, by which it may then be anywhere in the directory.
	LDAP string
	// Group is a name in driver.UsersOptions.Groups.
	Group string
}

const (
	defaultTimeout     = 5 * time.Second
	defaultConnections = 16
	defaultGroupFilter = "(member=%d)"
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.QuotaUnit <= 0 {
		o.QuotaUnit = 1
	}
	if o.Attributes.Name == "" {
		o.Attributes.Name = "uid"
	}
	if o.Filter == "" && o.UserDN != "" {
		o.Filter = "(objectClass=*)"
	} else if o.Filter == "" {
		o.Filter = "(uid=%u)"
	}
	if o.GroupBase != "" && o.GroupFilter == "" {
		o.GroupFilter = defaultGroupFilter
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

// OptionError says what is wrong with one of the Options. New joins them.
type OptionError struct {
	// Option is the name of the field.
	Option string
	// Problem says what is wrong and what to do.
	Problem string
}

// Error returns "ldapusers: Options.Base: problem".
func (e *OptionError) Error() string { return "ldapusers: Options." + e.Option + ": " + e.Problem }

// validate finds all that is wrong.
func (o Options) validate() error {
	var faults []error
	add := func(option, format string, args ...any) {
		faults = append(faults, &OptionError{option, fmt.Sprintf(format, args...)})
	}
	if len(o.Servers) == 0 {
		add("Servers", "is empty: name a server, such as ldaps://ldap.example.org")
	}
	if (o.UserDN == "") == (o.Base == "") {
		add("UserDN", "either this or Base has to be set, and one of them alone")
	}
	if o.UserDN != "" && o.BindDN != "" {
		add("BindDN", "is for searching below Base, which UserDN does without: remove one of them")
	}
	if (o.BindDN == "") != (o.BindPassword == "") {
		add("BindPassword", "goes together with BindDN: set both or neither")
	}
	if o.GroupFilter != "" && o.GroupBase == "" {
		add("GroupFilter", "needs GroupBase: name the entry below which groups are")
	}
	for _, name := range []struct{ option, dn, filled string }{
		{"UserDN", o.UserDN, o.userDN("name")}, {"BindDN", o.BindDN, o.BindDN}, {"Base", o.Base, o.Base}, {"GroupBase", o.GroupBase, o.GroupBase},
	} {
		if _, err := ldap.ParseDN(name.filled); err != nil {
			add(name.option, "%q is not the name of an entry: write it as ou=people,dc=example,dc=org", name.dn)
		}
	}
	for _, filter := range []struct{ option, text, filled string }{
		{"Filter", o.Filter, o.filter("name")}, {"GroupFilter", o.GroupFilter, o.groupFilter("name", "uid=name")},
	} {
		if _, err := ldap.CompileFilter(filter.filled); err != nil && filter.text != "" {
			add(filter.option, "%q is no filter, such as (&(objectClass=person)(uid=name)): %v", filter.text, err)
		}
	}
	if o.UserDN != "" && o.userDN("a") == o.userDN("b") {
		add("UserDN", "%q lacks %%u: without the name, all users would be the same entry", o.UserDN)
	}
	if o.Base != "" && o.filter("a") == o.filter("b") {
		add("Filter", "%q lacks %%u: without the name, all users would be the same entry", o.Filter)
	}
	return errors.Join(faults...)
}

// server is one of the directory's servers.
type server struct {
	url     string
	address string // host:port
	host    string
	secure  bool // by TLS from the first byte
}

// parseServers takes the URLs apart.
func (o Options) parseServers() ([]server, error) {
	var servers []server
	var faults []error
	for i, text := range o.Servers {
		target, err := url.Parse(text)
		if err != nil || target.Hostname() == "" || strings.Trim(target.Path, "/") != "" || target.User != nil || target.RawQuery != "" ||
			target.Scheme != "ldap" && target.Scheme != "ldaps" {
			faults = append(faults, &OptionError{fmt.Sprintf("Servers[%d]", i), "is no address of a directory: write it as ldaps://host or ldap://host:port"})
			continue
		}
		port := target.Port()
		if port == "" {
			port = map[string]string{"ldap": "389", "ldaps": "636"}[target.Scheme]
		}
		servers = append(servers, server{
			url: target.Scheme + "://" + target.Host, host: target.Hostname(),
			address: net.JoinHostPort(target.Hostname(), port), secure: target.Scheme == "ldaps",
		})
	}
	return servers, errors.Join(faults...)
}

// isLocal says whether the server is on this machine.
func (s server) isLocal() bool {
	addr, err := netip.ParseAddr(s.host)
	return s.host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
