package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// users lets everybody in who has files here.
type users map[string]afero.Fs

func (u users) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	fs, known := u[attempt.User]
	if !known {
		return nil, driver.ErrDenied
	}
	return &driver.Account{Name: attempt.User, FS: fs}, nil
}

// The engine outlives a login: its commands must be those of whoever has logged
// in last, in the directory where that session is.
func TestEngineFollowsTheSession(t *testing.T) {
	t.Parallel()
	alice, bob := afero.NewMemMapFs(), afero.NewMemMapFs()
	s := startSite(t, func(o *server.Options) { o.Auth = users{"alice": alice, "bob": bob} })
	c := greeted(t, s)
	logIn := func(name string) {
		t.Helper()
		c.cmd(331, "USER %s", name)
		c.cmd(230, "PASS x")
	}
	logIn("alice")
	c.cmd(250, "CWD /")
	c.cmd(257, "MKD a")
	c.cmd(250, "CWD a")
	c.cmd(257, "MKD inside")
	logIn("bob")
	if got := c.cmd(257, "PWD"); got != `257 "/" is the current directory` {
		t.Errorf("bob begins at %q", got)
	}
	c.cmd(257, "MKD b")
	c.cmd(250, "CWD b")
	c.cmd(350, "RNFR ../b")
	c.cmd(250, "RNTO ../c")
	c.cmd(550, "CWD x")
	c.cmd(550, "RMD /a")
	c.cmd(220, "REIN")
	c.cmd(530, "MKD nobody")
	logIn("alice")
	c.cmd(250, "RMD a/inside")
	c.cmd(221, "QUIT")
	c.expectEnd()
	for name, want := range map[string]struct {
		fs   afero.Fs
		path string
		is   bool
	}{
		"alice's":            {alice, "/a", true},
		"removed":            {alice, "/a/inside", false},
		"bob's":              {bob, "/c", true},
		"renamed":            {bob, "/b", false},
		"alice's is not bob": {alice, "/b", false},
	} {
		if got, err := afero.DirExists(want.fs, want.path); got != want.is || err != nil {
			t.Errorf("%s: %s exists: %v, %v", name, want.path, got, err)
		}
	}
}

// The engine ends sessions whose lines are too long for it, and a path may become
// longer than what the client has sent.
func TestPathTooLongForTheEngine(t *testing.T) {
	t.Parallel()
	c := login(t, startSite(t, nil).addr)
	dir := strings.Repeat("d", 200)
	for range 10 {
		c.cmd(257, "MKD %s", dir)
		c.cmd(250, "CWD %s", dir)
	}
	if got := c.cmd(550, "DELE %s", strings.Repeat("x", 2500)); got != "550 File name too long." {
		t.Errorf("got %q", got)
	}
	c.cmd(550, "DELE %s", strings.Repeat("x", 2000))
	c.cmd(221, "QUIT")
}

func TestQuitBeforeLogin(t *testing.T) {
	t.Parallel()
	c := greeted(t, startSite(t, nil))
	c.cmd(215, "SYST")
	c.cmd(221, "QUIT")
	c.expectEnd()
}
