package ldapusers_test

import (
	"fmt"
	"log"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/ldapusers"
)

// The directory is first asked when somebody logs in.
func ExampleNew() {
	source, err := ldapusers.New(ldapusers.Options{
		Servers:    []string{"ldaps://ldap.example.org"},
		Base:       "ou=people,dc=example,dc=org",
		Attributes: ldapusers.Attributes{Home: "homeDirectory"},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{source}, Defaults: driver.User{Permissions: driver.AllPermissions}})
	fmt.Println(err)
	// Output: <nil>
}
