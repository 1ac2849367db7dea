//go:build unix

package server_test

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

// inTime runs a test with one session, over a pipe and in the test's own time.
func inTime(t *testing.T, limits server.Limits, test func(t *testing.T, s *server.Server, c *client)) {
	t.Helper()
	limits.LoginTimeout = time.Hour
	synctest.Test(t, func(t *testing.T) {
		s, err := server.New(server.Options{Auth: oneUser{afero.NewMemMapFs()}, Limits: limits, OnCommand: checkCodes(t, nil)})
		if err != nil {
			t.Fatal(err)
		}
		l := newPipeListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		conn := l.dial()
		defer func() {
			conn.Close()
			s.Close()
			<-served
		}()
		c := &client{t: t, conn: conn, r: bufio.NewReader(conn)}
		c.expect(220)
		test(t, s, c)
	})
}

func TestFastCommandsAreSlowed(t *testing.T) {
	t.Parallel()
	inTime(t, server.Limits{CommandsPerSecond: 10}, func(t *testing.T, s *server.Server, c *client) {
		start := time.Now()
		for range 50 {
			c.cmd(200, "NOOP")
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the first 50 commands took %v, want no time", took)
		}
		for range 500 {
			c.cmd(200, "NOOP")
		}
		if took := time.Since(start); took != 50*time.Second {
			t.Errorf("the next 500 commands took %v, want 50s", took)
		}
		time.Sleep(5 * time.Second)
		start = time.Now()
		c.logIn()
		if took := time.Since(start); took != 0 {
			t.Errorf("after a pause a login took %v, want no time", took)
		}
		if got := s.Statistics().OverLimit; got != [len(got)]uint64{} {
			t.Errorf("counted %v, want nothing: nothing was refused", got)
		}
	})
}

func TestAFloodOfCommandsEndsTheSession(t *testing.T) {
	t.Parallel()
	inTime(t, server.Limits{CommandsPerSecond: 10}, func(t *testing.T, s *server.Server, c *client) {
		go io.WriteString(c.conn, strings.Repeat("NOOP\r\n", 10_000))
		for range 100 {
			c.expect(200)
		}
		c.expect(421)
		c.expectEnd()
		if got := s.Statistics().OverLimit[server.LimitCommandsPerSecond]; got != 1 {
			t.Errorf("counted %d, want 1", got)
		}
	})
}

func TestLoginsMayBeTriedAgainAfterAMinute(t *testing.T) {
	t.Parallel()
	inTime(t, server.Limits{LoginsPerMinute: 1}, func(t *testing.T, s *server.Server, c *client) {
		c.logIn()
		c.cmd(331, "USER alice")
		start := time.Now()
		c.cmd(530, "PASS "+testPassword)
		if took := time.Since(start); took != 500*time.Millisecond {
			t.Errorf("the refusal took %v, want half a second as of a wrong password", took)
		}
		c.cmd(220, "REIN")
		time.Sleep(29 * time.Second)
		c.cmd(220, "REIN")
		time.Sleep(29 * time.Second)
		c.cmd(331, "USER alice")
		c.cmd(530, "PASS "+testPassword)
		c.cmd(220, "REIN")
		time.Sleep(2 * time.Second)
		c.logIn()
	})
}
