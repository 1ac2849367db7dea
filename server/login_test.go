package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Auth = refusingUser{} })
	c := greeted(t, s)
	c.cmd(200, "OPTS UTF8 ON") // refused after login only
	c.logIn()
	for _, cmd := range []string{"DELE x", "MKD x", "XMKD x", "OPTS UTF8 ON", "MFMT 20200101000000 x"} {
		c.cmd(550, "%s", cmd)
	}
	if got := c.cmd(211, "FEAT"); strings.Contains(got, "MFMT") || !strings.Contains(got, "MFF") {
		t.Errorf("FEAT names what is refused: %q", got)
	}
	c.cmd(331, "USER alice")
}

type refusingUser struct{}

func (refusingUser) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: "alice", FS: afero.NewMemMapFs(), RefusedCommands: []string{"DELE", "MKD", "OPTS", "MFMT"}}, nil
}

// A login that begins anew has its time anew, however old the session is.
func TestLoginTimeoutStartsAnew(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.LoginTimeout = 300 * time.Millisecond })
	c := login(t, s.addr)
	for start := time.Now(); time.Since(start) < 400*time.Millisecond; {
		c.cmd(200, "NOOP")
	}
	c.cmd(220, "REIN")
	c.logIn()
	c.cmd(331, "USER alice")
	c.cmd(230, "PASS "+testPassword)
	c.cmd(220, "REIN")
	c.expect(421)
	c.expectEnd()
}

func TestFailedLoginsAreSlow(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := greeted(t, s)
	for i, test := range []struct {
		user  string
		code  int
		delay time.Duration
	}{{"alice", 530, 500 * time.Millisecond}, {"nobody", 530, time.Second}, {"alice", 421, 2 * time.Second}} {
		c.cmd(331, "USER %s", test.user)
		start := time.Now()
		reply := c.cmd(test.code, "PASS wrong")
		if took := time.Since(start); took < test.delay || took > test.delay+time.Second {
			t.Errorf("attempt %d took %v, want %v", i+1, took, test.delay)
		}
		if test.code == 530 && reply != "530 Login incorrect." {
			t.Errorf("attempt %d: %q", i+1, reply)
		}
	}
	c.expectEnd()
}
