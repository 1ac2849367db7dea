package main

import (
	"context"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// customers are the users: a driver.Source, so that hashing, permissions and
// uploads in one step are the driver's work. A program that wants to decide all
// by itself implements server.Authenticator instead, which is one method, too.
type customers map[string]*driver.User

// newCustomers gives each customer a directory in a tree in memory. Any other
// afero.Fs serves as well.
func newCustomers(passwords map[string]string) (customers, error) {
	tree := afero.NewMemMapFs()
	known := make(customers, len(passwords))
	for name, password := range passwords {
		hash, err := driver.HashPassword(password)
		if err != nil {
			return nil, err
		}
		if err := tree.Mkdir("/"+name, 0o755); err != nil {
			return nil, err
		}
		known[name] = &driver.User{
			Name:         name,
			PasswordHash: hash,
			Storage:      driver.Storage{FS: afero.NewBasePathFs(tree, "/"+name)},
			Permissions:  driver.AllPermissions,
		}
	}
	return known, nil
}

// Find implements driver.Source. It might as well ask a database.
func (c customers) Find(_ context.Context, attempt driver.Attempt) (*driver.Found, error) {
	user, ok := c[attempt.User]
	if !ok {
		return nil, driver.UnknownUser
	}
	return &driver.Found{User: user}, nil
}
