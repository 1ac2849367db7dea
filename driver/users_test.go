package driver_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-ftp/portico/driver"
)

func oneUser(t *testing.T, user driver.User) *driver.Users {
	t.Helper()
	if user.Home == "" {
		user.Home = t.TempDir()
	}
	if user.Permissions == 0 {
		user.Permissions = driver.AllPermissions
	}
	users, err := driver.NewUsers([]driver.User{user}, driver.UsersOptions{})
	must(t, err)
	return users
}

func login(t *testing.T, users *driver.Users, name, password string) *driver.FS {
	t.Helper()
	account, err := users.Authenticate(t.Context(), driver.Attempt{User: name, Password: password})
	must(t, err)
	return driver.NewFS(account.FS)
}

func requireDenied(t *testing.T, users *driver.Users, name, password string) {
	t.Helper()
	if _, err := users.Authenticate(t.Context(), driver.Attempt{User: name, Password: password}); !errors.Is(err, driver.ErrDenied) {
		t.Errorf("%q with %q: %v, want ErrDenied", name, password, err)
	}
}

func TestNewUsersNamesEveryFault(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	all := driver.AllPermissions
	tests := []struct {
		name  string
		users []driver.User
		says  []string
	}{
		{"no name", []driver.User{{PasswordHash: bcryptHash, Home: home, Permissions: all}}, []string{"number 1", "name is empty"}},
		{"a name twice", []driver.User{
			{Name: "bob", PasswordHash: bcryptHash, Home: home, Permissions: all},
			{Name: "bob", PasswordHash: bcryptHash, Home: home, Permissions: all},
		}, []string{`"bob"`, "taken"}},
		{"a name with a line break", []driver.User{{Name: "a\nb", PasswordHash: bcryptHash, Home: home, Permissions: all}}, []string{`"a\nb"`, "CR, LF or NUL"}},
		{"no hash", []driver.User{{Name: "bob", Home: home, Permissions: all}}, []string{`"bob"`, "hash is missing"}},
		{"bad hash", []driver.User{{Name: "bob", PasswordHash: "secret", Home: home, Permissions: all}}, []string{`"bob"`, "argon2id"}},
		{"costly hash", []driver.User{{Name: "bob", PasswordHash: strings.Replace(bcryptHash, "$04$", "$31$", 1), Home: home, Permissions: all}}, []string{`"bob"`, "cost 31"}},
		{"no home", []driver.User{{Name: "bob", PasswordHash: bcryptHash, Permissions: all}}, []string{`"bob"`, "directory is missing"}},
		{"home missing", []driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: filepath.Join(home, "none"), Permissions: all}}, []string{`"bob"`, "none"}},
		{"home a file", []driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: file, Permissions: all}}, []string{`"bob"`, "not a directory"}},
		{"no permissions", []driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: home}}, []string{`"bob"`, "permissions are missing"}},
		{"unknown permissions", []driver.User{{Name: "bob", PasswordHash: bcryptHash, Home: home, Permissions: 0x8000}}, []string{`"bob"`, "unknown"}},
		{"anonymous with a hash", []driver.User{{Name: "any", Anonymous: true, PasswordHash: bcryptHash, Home: home, Permissions: all}}, []string{`"any"`, "any password"}},
		{"two anonymous", []driver.User{
			{Name: "any", Anonymous: true, Home: home, Permissions: all},
			{Name: "other", Anonymous: true, Home: home, Permissions: all},
		}, []string{`"other"`, `"any" is anonymous already`}},
		{"everything at once", []driver.User{{}, {Name: "bob"}}, []string{
			"number 1", "name is empty", `"bob"`, "hash is missing", "directory is missing", "permissions are missing",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := driver.NewUsers(tt.users, driver.UsersOptions{})
			if err == nil {
				t.Fatal("NewUsers accepted it")
			}
			for _, fault := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(fault, "driver: user ") {
					t.Errorf("%q names no user", fault)
				}
			}
			for _, part := range tt.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

func TestLoginNames(t *testing.T) {
	t.Parallel()
	named := driver.User{Name: "ftp", PasswordHash: bcryptHash, Home: t.TempDir(), Permissions: driver.ReadOnly}
	guest := driver.User{Name: "guest", Anonymous: true, Home: t.TempDir(), Permissions: driver.ReadOnly}
	tests := []struct {
		test           string
		users          []driver.User
		name, password string
		want           string // empty: denied
	}{
		{"anonymous by its own name", []driver.User{guest}, "guest", "", "guest"},
		{"anonymous", []driver.User{guest}, "anonymous", "me@", "guest"},
		{"anonymous in capitals", []driver.User{guest}, "Anonymous", "me@", "guest"},
		{"anonymous with a very long password", []driver.User{guest}, "ftp", strings.Repeat("x", 4000), "guest"},
		{"ftp for anonymous", []driver.User{guest}, "ftp", "me@", "guest"},
		{"ftp belongs to a user of that name", []driver.User{guest, named}, "ftp", "correct", "ftp"},
		{"whose password counts", []driver.User{guest, named}, "ftp", "me@", ""},
		{"anonymous is off", []driver.User{named}, "anonymous", "me@", ""},
		{"unknown", []driver.User{guest, named}, "bob", "correct", ""},
		{"unknown and nobody has a password", []driver.User{guest}, "bob", "", ""},
		{"names are exact", []driver.User{named}, "FTP", "correct", ""},
		{"no users", nil, "bob", "correct", ""},
	}
	for _, tt := range tests {
		t.Run(tt.test, func(t *testing.T) {
			t.Parallel()
			users, err := driver.NewUsers(tt.users, driver.UsersOptions{})
			must(t, err)
			// Twice: what was remembered the first time must change nothing.
			for range 2 {
				account, err := users.Authenticate(t.Context(), driver.Attempt{User: tt.name, Password: tt.password})
				switch {
				case tt.want == "" && !errors.Is(err, driver.ErrDenied):
					t.Errorf("err = %v, want ErrDenied", err)
				case tt.want != "" && (err != nil || account.Name != tt.want):
					t.Errorf("account %+v, %v; want %q", account, err, tt.want)
				}
			}
		})
	}
}

func TestAccountsHoldToTheirPermissions(t *testing.T) {
	t.Parallel()
	users := oneUser(t, driver.User{Name: "alice", PasswordHash: bcryptHash, Permissions: driver.ReadOnly})
	fs := login(t, users, "alice", "correct")
	if err := fs.Mkdir("/dir", 0o755); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Mkdir: %v, want os.ErrPermission", err)
	}
}

func TestAHomeMayBeMadeAgain(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	must(t, os.Mkdir(home, 0o755))
	users := oneUser(t, driver.User{Name: "alice", PasswordHash: bcryptHash, Home: home})
	before := login(t, users, "alice", "correct")
	store(t, before, "/file", "old", os.O_TRUNC, 0)

	must(t, os.RemoveAll(home))
	_, err := users.Authenticate(t.Context(), driver.Attempt{User: "alice", Password: "correct"})
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), `"alice"`) {
		t.Errorf("login without a home: %v, want os.ErrNotExist with the user's name", err)
	}

	must(t, os.Mkdir(home, 0o755))
	must(t, os.WriteFile(filepath.Join(home, "file"), []byte("new"), 0o600))
	after := login(t, users, "alice", "correct")
	if got := retrieve(t, after, "/file"); got != "new" {
		t.Errorf("the new home's file holds %q", got)
	}
	if _, err := before.Stat("/file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old session sees %v, want its own home, which is gone", err)
	}
}

func TestUsersServeManyAtOnce(t *testing.T) {
	t.Parallel()
	users, err := driver.NewUsers([]driver.User{
		{Name: "alice", PasswordHash: bcryptHash, Home: t.TempDir(), Permissions: driver.AllPermissions},
		{Name: "bob", PasswordHash: roundsHash, Home: t.TempDir(), Permissions: driver.AllPermissions},
	}, driver.UsersOptions{Remember: -time.Second, Hashings: 2})
	must(t, err)
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			attempt := driver.Attempt{User: []string{"alice", "bob", "eve"}[i%3], Password: []string{"correct", "wrong"}[i%2]}
			account, err := users.Authenticate(t.Context(), attempt)
			if rightful := i%3 < 2 && i%2 == 0; rightful != (err == nil) {
				t.Errorf("%+v: %v", attempt, err)
			} else if rightful && account.Name != attempt.User {
				t.Errorf("%+v opened the account of %q", attempt, account.Name)
			}
		})
	}
	clients.Wait()
}
