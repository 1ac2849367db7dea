package driver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// sourceFunc is a Source that is one function.
type sourceFunc func(name string) (*driver.Found, error)

func (f sourceFunc) Find(_ context.Context, attempt driver.Attempt) (*driver.Found, error) {
	return f(attempt.User)
}

// knows returns a source with one user, whose password is "secret".
func knows(user driver.User) sourceFunc {
	return func(name string) (*driver.Found, error) {
		if name != user.Name {
			return nil, driver.UnknownUser
		}
		return &driver.Found{User: &user, Check: func(_ context.Context, password string) (bool, error) { return password == "secret", nil }}, nil
	}
}

var errAway = errors.New("the database is away")

func away(string) (*driver.Found, error) { return nil, errAway }

func TestSourcesAreAskedInTheirOrder(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	entry := func(name string) driver.User {
		return driver.User{Name: name, PasswordHash: bcryptHash, Home: home, Permissions: driver.ReadOnly}
	}
	tests := []struct {
		name     string
		list     []driver.User
		sources  []driver.Source
		user     string
		password string
		want     error
	}{
		{"the list comes first", []driver.User{entry("bob")}, []driver.Source{sourceFunc(away)}, "bob", "correct", nil},
		{"the next one knows", []driver.User{entry("bob")}, []driver.Source{knows(entry("eve"))}, "eve", "secret", nil},
		{"the first that knows decides", []driver.User{entry("bob")}, []driver.Source{knows(entry("bob"))}, "bob", "secret", driver.WrongPassword},
		{"one that is away ends it", nil, []driver.Source{sourceFunc(away), knows(entry("eve"))}, "eve", "secret", errAway},
		{"nobody knows", []driver.User{entry("bob")}, []driver.Source{knows(entry("eve"))}, "tom", "secret", driver.UnknownUser},
		{"nobody is asked", nil, nil, "tom", "secret", driver.UnknownUser},
		{"an empty answer is none", nil, []driver.Source{sourceFunc(func(string) (*driver.Found, error) { return nil, nil })}, "tom", "", errors.ErrUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			users, err := driver.NewUsers(tt.list, driver.UsersOptions{Sources: tt.sources})
			must(t, err)
			_, err = users.Authenticate(t.Context(), driver.Attempt{User: tt.user, Password: tt.password})
			switch {
			case tt.want == errors.ErrUnsupported: // any error that is no denial
				if err == nil || errors.Is(err, driver.ErrDenied) {
					t.Errorf("err = %v, want one that is no denial", err)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

// A record that stays the same is the same account, with what it keeps in
// memory; one that changes counts at the next login.
func TestAccountsFollowTheirSource(t *testing.T) {
	t.Parallel()
	record := driver.User{Name: "eve", Storage: driver.Storage{Kind: driver.StorageMemory}, Permissions: driver.AllPermissions}
	users, err := driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{sourceFunc(func(name string) (*driver.Found, error) {
		return knows(record)(name)
	})}})
	must(t, err)
	must(t, afero.WriteFile(login(t, users, "eve", "secret"), "/file", nil, 0o600))
	if _, err := login(t, users, "eve", "secret").Stat("/file"); err != nil {
		t.Errorf("the second session does not see the file of the first: %v", err)
	}
	record.Permissions = driver.ReadOnly
	if err := afero.WriteFile(login(t, users, "eve", "secret"), "/other", nil, 0o600); !errors.Is(err, os.ErrPermission) {
		t.Errorf("after the permission went: %v, want one that wraps ErrPermission", err)
	}
}

func TestPasswordOfAChangedHashIsForgotten(t *testing.T) {
	t.Parallel()
	hash := bcryptHash
	home := t.TempDir()
	users, err := driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{sourceFunc(func(string) (*driver.Found, error) {
		return &driver.Found{User: &driver.User{Name: "bob", PasswordHash: hash, Home: home, Permissions: driver.ReadOnly}}, nil
	})}})
	must(t, err)
	login(t, users, "bob", "correct")
	hash, err = driver.HashPassword("another")
	must(t, err)
	requireDenied(t, users, "bob", "correct")
	login(t, users, "bob", "another")
}

func TestAccessSettlesWhoMayLogIn(t *testing.T) {
	t.Parallel()
	client := netip.MustParseAddrPort("192.0.2.7:4000")
	never := driver.Hours{{From: time.Now().Weekday() + 2, To: time.Now().Weekday() + 2, End: time.Second}}
	never[0].From %= 7
	never[0].To %= 7
	tests := []struct {
		name   string
		access driver.Access
		tls    bool
		want   error
	}{
		{"no rule", driver.Access{}, false, nil},
		{"disabled", driver.Access{Disabled: true}, false, driver.AccountDisabled},
		{"expired", driver.Access{Expires: time.Now()}, false, driver.AccountExpired},
		{"not yet expired", driver.Access{Expires: time.Now().Add(time.Hour)}, false, nil},
		{"in the network", driver.Access{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, false, nil},
		{"in another network", driver.Access{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, false, driver.WrongNetwork},
		{"in clear", driver.Access{RequireTLS: true}, false, driver.TLSMissing},
		{"under TLS", driver.Access{RequireTLS: true}, true, nil},
		{"at another hour", driver.Access{Hours: never}, false, driver.WrongHour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			users := oneUser(t, driver.User{Name: "bob", PasswordHash: bcryptHash, Access: tt.access})
			attempt := driver.Attempt{User: "bob", Password: "correct", Client: client}
			if tt.tls {
				attempt.TLS = &tls.ConnectionState{}
			}
			if _, err := users.Authenticate(t.Context(), attempt); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			attempt.Password = "wrong"
			if _, err := users.Authenticate(t.Context(), attempt); !errors.Is(err, driver.WrongPassword) {
				t.Errorf("with a wrong password: %v, want WrongPassword: the rules are not told to strangers", err)
			}
		})
	}
}

func TestAnonymousContactIsKept(t *testing.T) {
	t.Parallel()
	users := oneUser(t, driver.User{Name: "anonymous", Anonymous: true})
	for password, want := range map[string]string{"me@example.org": "me@example.org", "hunter2": "", "Me <me@example.org>": "", "a@b\n": "", "": ""} {
		account, err := users.Authenticate(t.Context(), driver.Attempt{User: "FTP", Password: password})
		must(t, err)
		if account.Name != "anonymous" || account.Contact != want {
			t.Errorf("account %q of %q, want anonymous of %q", account.Name, account.Contact, want)
		}
	}
}

func TestGroupsSettleWhatAUserDoesNot(t *testing.T) {
	t.Parallel()
	base, own := t.TempDir(), t.TempDir()
	mask := os.FileMode(0o077)
	staff := driver.User{
		Home: filepath.Join(base, "%u"), Storage: driver.Storage{Create: true, Local: driver.LocalOptions{Umask: &mask}},
		Permissions:     driver.AllPermissions,
		Limits:          driver.Limits{Sessions: 3},
		RefusedCommands: []string{"SITE"},
		Mounts:          []driver.UserMount{{Path: "/pub", Storage: driver.Storage{Dir: base}, Permissions: driver.ReadOnly}},
	}
	staff.Storage.Dir, staff.Home = staff.Home, ""
	users, err := driver.NewUsers([]driver.User{
		{Name: "alice", PasswordHash: bcryptHash, Groups: []string{"staff", "guests"}},
		{Name: "bob", PasswordHash: bcryptHash, Groups: []string{"guests", "staff"}, Home: own, Limits: driver.Limits{Sessions: 9}, RefusedCommands: []string{"DELE"}},
	}, driver.UsersOptions{Groups: map[string]driver.User{
		"staff":  staff,
		"guests": {Permissions: driver.ReadOnly, Limits: driver.Limits{Sessions: 1, Transfers: 2}},
	}})
	must(t, err)

	alice, err := users.Authenticate(t.Context(), driver.Attempt{User: "alice", Password: "correct"})
	must(t, err)
	must(t, afero.WriteFile(alice.FS, "/file", nil, 0o666))
	info, err := os.Stat(filepath.Join(base, "alice", "file"))
	must(t, err)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %v, want that of the group's umask", got)
	}
	if _, err := alice.FS.Stat("/pub/alice"); err != nil {
		t.Errorf("the group's mount: %v", err)
	}
	if want := (driver.Limits{Sessions: 3, Transfers: 2}); alice.Limits != want {
		t.Errorf("limits %+v, want %+v", alice.Limits, want)
	}

	bob, err := users.Authenticate(t.Context(), driver.Attempt{User: "bob", Password: "correct"})
	must(t, err)
	if err := afero.WriteFile(bob.FS, "/file", nil, 0o666); !errors.Is(err, os.ErrPermission) {
		t.Errorf("write with the first group's permissions: %v, want one that wraps ErrPermission", err)
	}
	if got := strings.Join(bob.RefusedCommands, " "); got != "DELE SITE" {
		t.Errorf("refused commands %q, want DELE SITE", got)
	}
	if want := (driver.Limits{Sessions: 9, Transfers: 2}); bob.Limits != want {
		t.Errorf("limits %+v, want %+v", bob.Limits, want)
	}
}

func TestGroupThatNobodyDefined(t *testing.T) {
	t.Parallel()
	_, err := driver.NewUsers([]driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: t.TempDir(), Permissions: driver.ReadOnly, Groups: []string{"staf"}}}, driver.UsersOptions{})
	if err == nil || !strings.Contains(err.Error(), `no group "staf"`) {
		t.Errorf("err = %v, want one that names the group", err)
	}
}

func TestNobodyMayMoreThanIsAllowed(t *testing.T) {
	t.Parallel()
	home, in, pub := t.TempDir(), t.TempDir(), t.TempDir()
	users, err := driver.NewUsers([]driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: home, Mounts: []driver.UserMount{
		{Path: "/in", Storage: driver.Storage{Dir: in}, Permissions: driver.CanWrite},
		{Path: "/pub", Storage: driver.Storage{Dir: pub}, Permissions: driver.AllPermissions},
	}}}, driver.UsersOptions{Defaults: driver.User{Permissions: driver.AllPermissions}, Allow: driver.ReadOnly})
	must(t, err)
	bob := login(t, users, "bob", "correct")
	for _, name := range []string{"/file", "/pub/file"} {
		if err := afero.WriteFile(bob, name, nil, 0o600); !errors.Is(err, os.ErrPermission) {
			t.Errorf("write %s: %v, want one that wraps ErrPermission", name, err)
		}
	}
	if _, err := bob.Stat("/in"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mount where nothing is allowed is there: %v", err)
	}
	if _, err := bob.Stat("/pub"); err != nil {
		t.Errorf("the mount where reading is allowed: %v", err)
	}
}

func TestAccountsAreTakenOver(t *testing.T) {
	t.Parallel()
	list := func(permissions driver.Permissions) []driver.User {
		return []driver.User{{Name: "bob", PasswordHash: bcryptHash, Storage: driver.Storage{Kind: driver.StorageMemory}, Permissions: permissions}}
	}
	first, err := driver.NewUsers(list(driver.AllPermissions), driver.UsersOptions{})
	must(t, err)
	must(t, afero.WriteFile(login(t, first, "bob", "correct"), "/file", nil, 0o600))
	for permissions, want := range map[driver.Permissions]bool{driver.AllPermissions: true, driver.ReadOnly: false} {
		next, err := driver.NewUsers(list(permissions), driver.UsersOptions{Previous: first})
		must(t, err)
		if _, err := login(t, next, "bob", "correct").Stat("/file"); (err == nil) != want {
			t.Errorf("the file of before, with the permissions %v: %v, want it there: %v", permissions, err, want)
		}
	}
}

// Some sources see the password checked before they know more.
func TestQuotaOfAUserWhomNobodyKnowsWithoutThePassword(t *testing.T) {
	t.Parallel()
	users, err := driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{
		sourceFunc(func(string) (*driver.Found, error) { return nil, driver.WrongPassword }),
	}})
	must(t, err)
	if _, err := users.QuotaHomes(t.Context(), "eve"); err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), "without the password") {
		t.Errorf("err = %v, want one that says why", err)
	}
}
