package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
)

// LoadUsers reads a file of users, with a list "users" and nothing else. They
// may be in the groups of the configuration. The error joins every fault.
func (c *Config) LoadUsers(file string) ([]User, error) {
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, &Fault{Source: file, Problem: "there is no such file: `portico user add` makes it"}
	}
	raw, err := parseFile(file)
	if err != nil {
		return nil, &Fault{Source: file, Problem: err.Error()}
	}
	return c.usersOf(raw, file)
}

// ParseUsers is LoadUsers for text that shall become the content of the file,
// whose ending says how it is written.
func (c *Config) ParseUsers(text []byte, file string) ([]User, error) {
	raw, err := parseText(formatOf(file), text)
	if err != nil {
		return nil, &Fault{Source: file, Problem: err.Error()}
	}
	return c.usersOf(raw, file)
}

func (c *Config) usersOf(raw map[string]any, file string) ([]User, error) {
	directory, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, &Fault{Source: file, Problem: err.Error()}
	}
	type content struct {
		Users []User `mapstructure:"users"`
	}
	d := decoder{faults: faults{source: file}, directory: directory}
	tree := d.section("", reflect.TypeFor[content](), raw)
	users, _ := tree["users"].([]User)

	v := &validation{Config: c.WithUsers(users, file)}
	v.checkUsers("users", users, v.knowsClientCertificates())
	return users, errors.Join(append(d.found, v.found...)...)
}

// WithUsers returns a copy of the configuration that has these users, from a file
// of theirs.
func (c *Config) WithUsers(users []User, file string) *Config {
	changed := *c
	changed.Users = users
	changed.sources = map[string]string{}
	maps.Copy(changed.sources, c.sources)
	changed.sources["users"] = file
	return &changed
}
