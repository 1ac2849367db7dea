package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

func TestDriverUsers(t *testing.T) {
	t.Parallel()
	home, hash := t.TempDir(), hashOf(t, "secret")
	s := &setup{config: config.Default()}
	got, err := s.driverUsers("users", []config.User{
		{Name: "all", Password: config.Secret(hash), Home: config.Path(home), Place: config.DefaultPlace()},
		{
			Name: "some", Password: config.Secret(hash), Home: config.Path(home), Place: config.Place{Permissions: []string{"list", "write"}},
			RefusedCommands: []string{"DELE", "SITE"}, Operator: true, Certificate: "some@example.org",
		},
	})
	want := []driver.User{
		{
			Name: "all", PasswordHash: hash, Storage: driver.Storage{Dir: home}, Permissions: driver.AllPermissions,
			Uploads: driver.UploadOptions{KeepPartials: 24 * time.Hour},
		},
		{
			Name: "some", PasswordHash: hash, Storage: driver.Storage{Dir: home}, Permissions: driver.CanList | driver.CanWrite,
			Uploads:         driver.UploadOptions{KeepPartials: -1},
			RefusedCommands: []string{"DELE", "SITE"}, Operator: true, CertificateName: "some@example.org",
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	limited := readOnly(got)
	if limited[0].Permissions != driver.ReadOnly || limited[1].Permissions != driver.CanList {
		t.Errorf("read-only users are %+v", limited)
	}
}

func TestDriverUsersReportsEachFault(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	_, err := s.driverUsers("hosts[2].users", []config.User{
		{Name: "alice", Password: "plain", Home: "missing", Place: config.Place{Permissions: []string{"fly"}}, RefusedCommands: []string{"DELE", "dele", "DELETE"}},
	})
	for _, want := range []string{
		"hosts[2].users[0].permissions: ",
		"hosts[2].users[0].password: not a password hash",
		"hosts[2].users[0].home: there is no directory missing",
		`hosts[2].users[0].refused_commands[1]: "dele" is no command`,
		`hosts[2].users[0].refused_commands[2]: "DELETE" is no command`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if got := len(config.Faults(err)); got != 5 {
		t.Errorf("got %d faults, want 5: %v", got, err)
	}
}
