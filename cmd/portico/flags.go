package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// serveFlags are the flags and the argument of the commands that start a
// server or check whether it would start.
type serveFlags struct {
	directory     string
	file          string
	listen        []string
	passivePorts  string
	publicAddress string
	admin         string
	users         []string
	anonymous     bool
	readOnly      bool
	selfSigned    bool
	allowRoot     bool
	logLevel      string

	generatedHash string // of the password of generatedUser, once there is one
	fromEnviron   bool   // a user of DIR comes from the environment; set by load
}

// These name a user of DIR as --user does, for containers: what is in the
// environment of one can be read by many, so it is a hash.
const (
	userVariable = "PORTICO_USER"
	hashVariable = "PORTICO_PASSWORD_HASH"
)

func (f *serveFlags) takeDirectory(args []string) {
	if len(args) > 0 {
		f.directory = args[0]
	}
}

func (f *serveFlags) register(cmd *cobra.Command) {
	f.registerNetwork(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.users, "user", nil, "NAME:PASSWORD of a user of DIR; may be repeated. Other users of this machine can read it in the list of processes")
	flags.BoolVar(&f.anonymous, "anonymous", false, "let anybody list and download DIR")
	flags.BoolVar(&f.readOnly, "read-only", false, "let every user list and download only")
	flags.StringVar(&f.admin, "admin", "", "address of the admin interface, as 127.0.0.1:9090 or unix:/run/portico/admin.sock")
	flags.BoolVar(&f.selfSigned, "tls-self-signed", false, "offer TLS with a certificate made in memory, for trials")
	flags.BoolVar(&f.allowRoot, "allow-root", false, "run as root nevertheless")
	flags.StringVar(&f.logLevel, "log-level", "", "debug, info, warn or error")
}

// registerNetwork registers the flags that matter to firewalls, too.
func (f *serveFlags) registerNetwork(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.file, "config", "", "configuration file (.yaml, .toml or .json)")
	flags.StringArrayVar(&f.listen, "listen", nil, "control address as host:port; may be repeated")
	flags.StringVar(&f.passivePorts, "passive-ports", "", "ports for data connections, such as 21100-21149,21160")
	flags.StringVar(&f.publicAddress, "public-address", "", `address that clients are told: an IP address, a host name, or "local"`)
}

// load reads the configuration with the flags on top. Like config.Load, it
// returns what it could read together with the faults.
func (f *serveFlags) load(environ []string) (*config.Config, error) {
	overrides, flagsErr := f.overrides(environ)
	cfg, err := config.Load(config.LoadOptions{File: f.file, Environ: environ, Overrides: overrides})
	return cfg, errors.Join(flagsErr, err)
}

func (f *serveFlags) overrides(environ []string) (map[string]any, error) {
	overrides := map[string]any{}
	for key, value := range map[string]string{
		"passive.ports":          f.passivePorts,
		"passive.public_address": f.publicAddress,
		"log.level":              f.logLevel,
		"admin.address":          f.admin,
	} {
		if value != "" {
			overrides[key] = value
		}
	}
	if f.selfSigned {
		overrides["tls.self_signed"] = true
	}
	if len(f.listen) > 0 {
		overrides["listeners"] = f.listeners()
	}
	users, err := f.userEntries(environ)
	if len(users) > 0 {
		overrides["users"] = users
	}
	return overrides, err
}

func (f *serveFlags) listeners() []any {
	var listeners []any
	for _, address := range f.listen {
		listeners = append(listeners, map[string]any{"address": address})
	}
	return listeners
}

// userEntries turns --user, or else the two variables, into entries of users,
// with hashed passwords.
func (f *serveFlags) userEntries(environ []string) ([]any, error) {
	if f.directory == "" {
		if len(f.users) > 0 || f.anonymous {
			return nil, errors.New("--user and --anonymous need DIR, the directory to serve: portico serve DIR")
		}
		return nil, nil
	}
	if len(f.users) == 0 && !f.anonymous {
		return f.environEntries(environ)
	}
	var entries []any
	var faults []error
	for i, user := range f.users {
		entry, err := userEntry(user, f.homeTemplate())
		if err != nil {
			// The text may be a password, so it is not repeated.
			faults = append(faults, fmt.Errorf("--user, number %d: %w", i+1, err))
			continue
		}
		entries = append(entries, entry)
	}
	return entries, errors.Join(faults...)
}

func (f *serveFlags) environEntries(environ []string) ([]any, error) {
	name, hash := variable(environ, userVariable), variable(environ, hashVariable)
	switch {
	case name == "" && hash == "":
		return nil, nil
	case hash == "":
		return nil, errors.New(userVariable + " names a user without a password: set " + hashVariable + " to what `portico passwd` prints")
	case name == "":
		return nil, errors.New(hashVariable + " is nobody's: set " + userVariable + " to a name")
	}
	f.fromEnviron = true
	return []any{map[string]any{"name": name, "password": hash, "home": f.homeTemplate()}}, nil
}

// namesUsers says whether DIR has users of its own.
func (f *serveFlags) namesUsers() bool { return len(f.users) > 0 || f.fromEnviron || f.anonymous }

// home is DIR as an absolute path.
func (f *serveFlags) home() string {
	absolute, err := filepath.Abs(f.directory)
	if err != nil { // the working directory is gone
		return f.directory
	}
	return absolute
}

// homeTemplate is home where %u would be the user's name.
func (f *serveFlags) homeTemplate() string { return strings.ReplaceAll(f.home(), "%", "%%") }

func userEntry(user, home string) (map[string]any, error) {
	name, password, found := strings.Cut(user, ":")
	if !found || name == "" || password == "" {
		return nil, errors.New("wants NAME:PASSWORD")
	}
	hash, err := driver.HashPassword(password)
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": name, "password": hash, "home": home}, nil
}
