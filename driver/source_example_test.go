package driver_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// table is a Source of an embedder's own.
type table map[string]*driver.User

func (t table) Find(_ context.Context, attempt driver.Attempt) (*driver.Found, error) {
	user, ok := t[attempt.User]
	if !ok {
		return nil, driver.UnknownUser
	}
	return &driver.Found{User: user}, nil
}

func ExampleSource() {
	hash, err := driver.HashPassword("correct horse")
	if err != nil {
		log.Fatal(err)
	}
	alice := &driver.User{Name: "alice", PasswordHash: hash, Storage: driver.Storage{FS: afero.NewMemMapFs()}, Permissions: driver.AllPermissions}
	users, err := driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{table{"alice": alice}}})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"alice", "eve"} {
		_, err := users.Authenticate(context.Background(), driver.Attempt{User: name, Password: "correct horse"})
		fmt.Println(name, err == nil)
	}
	// Output:
	// alice true
	// eve false
}
