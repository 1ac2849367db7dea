package config

import "net/netip"

// User is one account.
type User struct {
	// Name is what the client sends as USER.
	Name string `mapstructure:"name"`
	// Password is the hash of the password: argon2id, bcrypt, crypt(3) $5$,
	// $6$ or $y$, or PBKDF2.
	Password Secret `mapstructure:"password"`
	// Anonymous takes every password, and the name "ftp" too. Such a user may
	// list and read unless Permissions say otherwise. At most one.
	Anonymous bool `mapstructure:"anonymous"`
	// Groups are names of Config.Groups. What the user leaves out, the first
	// group that has it settles.
	Groups []string `mapstructure:"groups"`

	Account `mapstructure:",squash"`

	// Certificate is a name in a verified client certificate that lets the
	// user in without the password. Empty: the password alone counts.
	Certificate string `mapstructure:"certificate"`
}

// Group is what its members have who leave it out.
type Group struct {
	// Name is what users call it.
	Name string `mapstructure:"name"`

	Account `mapstructure:",squash"`
}

// Account is what a user may do and sees. Its keys are those of User and Group.
type Account struct {
	// Home is the directory that the user sees as "/". It may hold %u for the
	// user's name.
	Home Path `mapstructure:"home"`
	// CreateHome makes the directory when the user logs in and it is missing.
	CreateHome bool `mapstructure:"create_home"`

	Place `mapstructure:",squash"`

	// Mounts are what the user sees beside the home.
	Mounts []Mount `mapstructure:"mounts"`
	// Quota is how much the user may keep at home.
	Quota Quota `mapstructure:"quota"`
	// RefusedCommands are the verbs, in upper case, that the user may not use,
	// whatever Permissions say. This package does not know which there are.
	RefusedCommands []string `mapstructure:"refused_commands"`
	// Operator lets the user ask for what concerns the server as a whole: the
	// list of passive ports (SITE PORTS), which portico doctor uses.
	Operator bool `mapstructure:"operator"`
	// Disabled refuses every login.
	Disabled bool `mapstructure:"disabled"`
	// Expires is the last day on which the user may log in, by the clock of
	// the server: "2026-12-31". Empty: there is none.
	Expires Date `mapstructure:"expires"`
	// Networks are those that the client's address must be in one of. Empty:
	// any address will do.
	Networks []netip.Prefix `mapstructure:"networks"`
	// Hours are when the user may log in, by the clock of the server:
	// "Mon-Fri 08:00-18:00, Sat". Empty: always. This package does not know
	// the form.
	Hours string `mapstructure:"hours"`
	// RequireTLS refuses the user's logins in clear.
	RequireTLS bool `mapstructure:"require_tls"`
	// Limits bounds what the user may use at one time.
	Limits AccountLimits `mapstructure:"limits"`

	// placed says that the file settles how the home is stored.
	placed bool
}

// AccountLimits bounds what one user may use at one time. Zero: what the limits
// of the server say.
type AccountLimits struct {
	// Sessions is the largest number of sessions.
	Sessions int `mapstructure:"sessions"`
	// Transfers is the largest number of transfers in all sessions.
	Transfers int `mapstructure:"transfers"`
	// UploadRate and DownloadRate are bytes per second in all sessions.
	UploadRate   Size `mapstructure:"upload_rate"`
	DownloadRate Size `mapstructure:"download_rate"`
}

// Places says whether the file settles how the home is stored and how uploads are
// made there. If not, a group does, or Place has the values of DefaultPlace.
func (a Account) Places() bool { return a.placed }

// hasHome says whether it settles where the home is.
func (a Account) hasHome() bool {
	return a.Home != "" || a.Storage == "memory" || a.Storage == "object"
}

// note is told of every key that the file sets.
func (a *Account) note(key string) {
	switch key {
	case "create_home", "storage", "base", "bucket", "prefix", "uploads", "durable", "keep_partials", "symlinks", "umask":
		a.placed = true
	}
}

// Auth settles who is asked whether somebody may log in. A source is used if it
// is set.
type Auth struct {
	// Order is in which order the sources are asked; the first that knows a
	// name decides. Empty: the order in which they stand here.
	Order []string `mapstructure:"order" oneof:"users file htpasswd sql ldap http"`
	// File is a file of users, which `portico user` edits.
	File UsersFile `mapstructure:"file"`
	// Htpasswd is a file of names and hashes as web servers have them.
	Htpasswd Htpasswd `mapstructure:"htpasswd"`
	// SQL is a database of users.
	SQL SQL `mapstructure:"sql"`
	// LDAP is a directory of users.
	LDAP LDAP `mapstructure:"ldap"`
	// HTTP is a web server that is asked who may log in.
	HTTP HTTPUsers `mapstructure:"http"`
}

// UsersFile is a file with users in the form of Config.Users. It is read again
// when it changes.
type UsersFile struct {
	// Path is a YAML, TOML or JSON file. Empty: there is none.
	Path Path `mapstructure:"path"`
}

// Htpasswd is a file with a line NAME:HASH for each user. It is read again when
// it changes.
type Htpasswd struct {
	// Path is the file. Empty: there is none.
	Path Path `mapstructure:"path"`
	// Groups settle everything but the password for its users. One of them
	// needs a home.
	Groups []string `mapstructure:"groups"`
}
