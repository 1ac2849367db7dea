package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// usersFileSetup is a configuration whose users stand in a file of their own.
func usersFileSetup(t *testing.T) (configFile, usersFile string) {
	t.Helper()
	usersFile = filepath.Join(t.TempDir(), "users.yaml")
	configFile = writeFile(t, "portico.yaml", "groups: [{name: staff, home: "+t.TempDir()+"}]\nauth: {file: {path: "+usersFile+"}}\n")
	return configFile, usersFile
}

func TestUserCommands(t *testing.T) {
	t.Parallel()
	cfg, file := usersFileSetup(t)
	home := t.TempDir()
	user := func(stdin string, args ...string) outcomeOf {
		return execute(t, stdin, nil, append([]string{"user"}, append(args, "--config", cfg)...)...)
	}
	user("", "list").want(t, 1, "there is no such file: `portico user add` makes it")
	user("secret\n", "add", "alice", "--groups", "staff").want(t, 0)
	user("secret\n", "add", "alice", "--groups", "staff").want(t, 1, `there is a user "alice" already`)
	user("secret\n", "add", "bob").want(t, 1, "users[1].home: is missing")
	user("secret\n", "add", "carol", "--groups", "nobody").want(t, 1, `there is no group "nobody"`)
	user("", "add", "dave", "--home", home).want(t, 1, "no password")
	user("secret\n", "add", "bob", "--home", home, "--permissions", "list,read").want(t, 0)
	user("", "list").want(t, 0, "alice", "bob", home, "list,read", "active")

	generated := user("", "passwd", "bob", "--generate")
	generated.want(t, 0)
	authenticates(t, hashIn(t, cfg, file, "bob"), strings.TrimSpace(generated.stdout))
	user("other\n", "passwd", "alice").want(t, 0)
	authenticates(t, hashIn(t, cfg, file, "alice"), "other")
	user("other\n", "passwd", "eve").want(t, 1, `there is no user "eve"`)

	user("", "del", "bob", "eve").want(t, 1, `there is no user "eve"`)
	user("", "del", "bob").want(t, 0)
	list := user("", "list", "--json")
	list.want(t, 0)
	var got []listedUser
	if err := json.Unmarshal([]byte(list.stdout), &got); err != nil || len(got) != 1 || got[0].Name != "alice" || got[0].Groups[0] != "staff" {
		t.Errorf("got %+v, %v, want alice alone", got, err)
	}
	if strings.Contains(list.stdout, "argon2") {
		t.Errorf("a hash is shown: %s", list.stdout)
	}
	execute(t, "x\n", nil, "user", "add", "a", "--file", "users.toml", "--home", home).want(t, 1, "only a YAML file")
	execute(t, "x\n", nil, "user", "add", "a", "--home", home).want(t, 1, "auth.file.path: is not set")
}

func hashIn(t *testing.T, configFile, usersFile, name string) string {
	t.Helper()
	cfg, err := config.Load(config.LoadOptions{File: configFile})
	if err != nil {
		t.Fatal(err)
	}
	users, err := cfg.LoadUsers(usersFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if u.Name == name {
			return u.Password.Reveal()
		}
	}
	t.Fatalf("there is no user %s", name)
	return ""
}

func TestUsersAreAddedAtTheSameTime(t *testing.T) {
	t.Parallel()
	cfg, file := usersFileSetup(t)
	var commands sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		commands.Go(func() {
			execute(t, "secret\n", nil, "user", "add", name, "--groups", "staff", "--config", cfg).want(t, 0)
		})
	}
	commands.Wait()
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		hashIn(t, cfg, file, name)
	}
}

// opened opens the sources of a configuration.
func opened(t *testing.T, text string) (*driver.Users, func() []string) {
	t.Helper()
	cfg, err := config.Load(config.LoadOptions{File: writeFile(t, "portico.yaml", text)})
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{config: cfg}
	if err := s.addUsers(&serveFlags{}); err != nil {
		t.Fatal(err)
	}
	core, logged := observer.New(zapcore.InfoLevel)
	a, err := s.openAccounts(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.close() })
	users, err := s.openUsers(a, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return users, func() []string {
		var messages []string
		for _, entry := range logged.All() {
			messages = append(messages, entry.Message)
		}
		return messages
	}
}

func TestUsersFileIsFollowed(t *testing.T) {
	t.Parallel()
	home, hash := t.TempDir(), hashOf(t, "secret")
	file := writeFile(t, "users.yaml", "users: [{name: alice, password: \""+hash+"\", home: "+home+"}]\n")
	users, messages := opened(t, "auth: {file: {path: "+file+"}}\n")
	wantLogin(t, users, "alice", true)
	for _, half := range []string{"users: [{name: alice, password: \"" + hash, "users: [{name: alice, home: " + home + "}]\n"} {
		replaceFile(t, file, half)
		wantLogin(t, users, "alice", true)
		wantLogin(t, users, "alice", true)
	}
	if got := messages(); len(got) != 2 || !strings.Contains(got[0], "the old one stays in use") {
		t.Errorf("logged %q, want each of the two failures once", got)
	}
	replaceFile(t, file, "users: [{name: bob, password: \""+hash+"\", home: "+home+"}]\n")
	wantLogin(t, users, "bob", true)
	wantLogin(t, users, "alice", false)
	if got := messages(); !strings.Contains(got[len(got)-1], "file of users reloaded") {
		t.Errorf("logged %q, want that it was reloaded", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantLogin(t, users, "bob", true)
}

func TestHtpasswdIsFollowed(t *testing.T) {
	t.Parallel()
	home, hash := t.TempDir(), hashOf(t, "secret")
	file := writeFile(t, "htpasswd", "alice:"+hash+"\n")
	text := "groups: [{name: web, home: " + home + "}]\nauth: {htpasswd: {path: " + file + ", groups: [web]}}\n"
	users, _ := opened(t, text)
	wantLogin(t, users, "alice", true)
	replaceFile(t, file, "alice:"+hash+"\nbob:"+hash)
	wantLogin(t, users, "bob", true)
	replaceFile(t, file, "bob:$apr1$x$y\n")
	wantLogin(t, users, "alice", true)

	configFile := writeFile(t, "portico.yaml", text)
	execute(t, "", nil, "check", "--allow-root", "--config", configFile).want(t, 1, file+": line 1: the hash of \"bob\" is MD5")
	execute(t, "", []string{"PORTICO_AUTH_HTPASSWD_GROUPS=none"}, "check", "--config", configFile).want(t, 1, "auth.htpasswd.groups: has no group with a home")
}

func replaceFile(t *testing.T, file, text string) {
	t.Helper()
	rename(t, writeFile(t, filepath.Base(file), text), file)
}

func wantLogin(t *testing.T, users *driver.Users, name string, want bool) {
	t.Helper()
	_, err := users.Authenticate(t.Context(), driver.Attempt{User: name, Password: "secret"})
	if (err == nil) != want {
		t.Errorf("login of %s: %v, want success: %v", name, err, want)
	}
}
