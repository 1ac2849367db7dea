package main

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

func TestAUserOfTheEnvironment(t *testing.T) {
	t.Parallel()
	hash, err := driver.HashPassword("from-the-environment")
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{"PORTICO_USER=alice", "PORTICO_PASSWORD_HASH=" + hash}
	t.Run("logs in", func(t *testing.T) {
		t.Parallel()
		r := start(t, environ, t.TempDir())
		client, err := r.login(t, "alice", "from-the-environment")
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, client)
		if strings.Contains(r.welcome, "new, and shown only now") {
			t.Errorf("a password was made up:\n%s", r.welcome)
		}
	})
	t.Run("gives way to --user", func(t *testing.T) {
		t.Parallel()
		r := start(t, environ, t.TempDir(), "--user", "bob:of-the-flag")
		if _, err := r.login(t, "bob", "of-the-flag"); err != nil {
			t.Error(err)
		}
		if _, err := r.login(t, "alice", "from-the-environment"); err == nil {
			t.Error("alice logs in as well")
		}
	})
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"needs a password":    {environ[:1], "portico: PORTICO_USER names a user without a password"},
		"needs a name":        {environ[1:], "portico: PORTICO_PASSWORD_HASH is nobody's"},
		"needs a hash at all": {[]string{environ[0], "PORTICO_PASSWORD_HASH=clear"}, "users[0].password: not a password hash"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, "", test.environ, "serve", "--allow-root", t.TempDir())
			o.want(t, 1, test.want)
			if strings.Contains(o.stderr, "clear") {
				t.Errorf("a password is repeated:\n%s", o.stderr)
			}
		})
	}
}
