// Package ldapusers has users in an LDAP directory (RFC 4511): OpenLDAP, 389
// Directory Server, Active Directory and their like.
//
// A program that authenticates against one:
//
//	source, err := ldapusers.New(ldapusers.Options{
//		Servers:      []string{"ldaps://ldap.example.org"},
//		BindDN:       "cn=portico,dc=example,dc=org",
//		BindPassword: os.Getenv("LDAP_PASSWORD"),
//		Base:         "ou=people,dc=example,dc=org",
//		Attributes:   ldapusers.Attributes{Home: "homeDirectory"},
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	users, err := driver.NewUsers(nil, driver.UsersOptions{
//		Sources:  []driver.Source{source},
//		Defaults: driver.User{Permissions: driver.AllPermissions},
//	})
//
// # Model
//
// The directory checks the password, by a simple bind (RFC 4513 §5.1.3) as the
// user's entry. Which entry that is comes from one of two:
//
//   - Base and Filter: the entry is searched for, as BindDN or as nobody. None is
//     an unknown user; several are an error, for it is not clear who is meant.
//   - UserDN: the name of the entry is put together. Nothing can then be told of
//     a user without the password, and a name that the directory does not have
//     looks like a wrong password. So ask such a Source last.
//
// What the entry says about the account is read from attributes. The rest is
// that of groups, see [driver.User].
//
// Each attempt has a connection of its own, so a directory that was away is
// there again with the next attempt. Connections are bounded in number, time
// and bytes. When a server cannot be reached, the next one is asked.
//
// # What it does not do
//
// An empty password is refused without a question: to a directory, a bind with
// one is a bind as nobody, which succeeds (RFC 4513 §5.1.2). Referrals and
// aliases are not followed. Passwords are not changed, and warnings that they
// will expire are not passed on. The time that an answer takes tells whether a
// name exists; it is for the server to delay refusals.
package ldapusers
