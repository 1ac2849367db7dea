package main

import (
	"fmt"
	"os"
	"path/filepath"
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
		{Name: "all", Password: config.Secret(hash), Account: config.Account{Home: config.Path(home), Place: config.DefaultPlace()}},
		{
			Name: "some", Password: config.Secret(hash), Certificate: "some@example.org", Groups: []string{"staff"},
			Account: config.Account{
				Home: config.Path(home), Place: config.Place{Permissions: []string{"list", "write"}},
				RefusedCommands: []string{"DELE", "SITE"}, Operator: true, Disabled: true, RequireTLS: true, Hours: "Sun",
				Quota:  config.Quota{Bytes: 5, Files: 6},
				Limits: config.AccountLimits{Sessions: 1, Transfers: 2, UploadRate: 3, DownloadRate: 4},
			},
		},
		{Name: "guest", Anonymous: true, Account: config.Account{Home: config.Path(home), Place: config.DefaultPlace()}},
	})
	want := []driver.User{
		{Name: "all", PasswordHash: hash, Home: home},
		{
			Name: "some", PasswordHash: hash, Home: home, Permissions: driver.CanList | driver.CanWrite, Groups: []string{"staff"},
			RefusedCommands: []string{"DELE", "SITE"}, Operator: true, CertificateName: "some@example.org",
			Quota:  driver.QuotaLimits{Bytes: 5, Files: 6},
			Limits: driver.Limits{Sessions: 1, Transfers: 2, UploadRate: 3, DownloadRate: 4},
			Access: driver.Access{Disabled: true, RequireTLS: true, Hours: driver.Hours{{End: 24 * time.Hour}}},
		},
		{Name: "guest", Anonymous: true, Home: home, Permissions: driver.ReadOnly},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// What is said about the home of a user goes with it, and what is not said is
// left to his groups.
func TestServeTakesWhatGroupsSettle(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := writeFile(t, "portico.yaml", `
groups:
  - {name: staff, home: `+home+`/%u, create_home: true, umask: "077", permissions: [list, read]}
hosts:
  - name: ftp.example
    users:
      - {name: alice, password: "`+hashOf(t, "secret")+`", groups: [staff], permissions: [write]}
      - {name: guest, anonymous: true, home: `+home+`}
`)
	r := start(t, nil, t.TempDir(), "--user", "bob:secret", "--config", file)
	alice := r.dial(t)
	alice.wantReply(t, "HOST ftp.example", 220)
	alice.wantReply(t, "USER alice", 331)
	alice.wantReply(t, "PASS secret", 230)
	alice.wantReply(t, "MKD /sub", 550)
	if info, err := os.Stat(filepath.Join(home, "alice")); err != nil || !info.IsDir() {
		t.Errorf("the home of the group's template was not made: %v", err)
	}
	guest := r.dial(t)
	guest.wantReply(t, "HOST ftp.example", 220)
	guest.wantReply(t, "USER ftp", 331)
	guest.wantReply(t, "PASS me@example.org", 230)
	guest.wantReply(t, "MLST /alice", 250)
	guest.wantReply(t, "MKD /sub", 550)
}

func TestOrderOfSources(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default(), users: []driver.User{{}}}
	for _, test := range []struct {
		order []string
		want  string // fault
	}{
		{nil, ""},
		{[]string{"users"}, ""},
		{[]string{"users", "sql"}, "auth.order[1]: sql is not set"},
		{[]string{"sql"}, "auth.order: leaves out users"},
	} {
		s.config.Auth.Order = test.order
		_, err := s.sourcesInOrder()
		if text := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(text, test.want) {
			t.Errorf("order %v: %v, want %q", test.order, err, test.want)
		}
	}
}

func TestDriverUsersReportsEachFault(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	_, err := s.driverUsers("hosts[2].users", []config.User{
		{Name: "alice", Password: "plain", Account: config.Account{
			Home: "missing", Place: config.Place{Permissions: []string{"fly"}}, RefusedCommands: []string{"DELE", "dele", "DELETE"}, Hours: "always",
		}},
	})
	for _, want := range []string{
		"hosts[2].users[0].permissions: ",
		"hosts[2].users[0].password: not a password hash",
		"hosts[2].users[0].home: there is no directory missing",
		`hosts[2].users[0].refused_commands[1]: "dele" is no command`,
		`hosts[2].users[0].refused_commands[2]: "DELETE" is no command`,
		`hosts[2].users[0].hours: "always" is no time of the week`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if got := len(config.Faults(err)); got != 6 {
		t.Errorf("got %d faults, want 6: %v", got, err)
	}
}
