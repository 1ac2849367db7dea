//go:build unix

package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

func TestShutdownEndsIdleSessions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		silent time.Duration // before the shutdown
		limit  time.Duration // until the deadline of the shutdown; 0: none
		want   time.Duration
	}{
		"at once those that have long been idle":  {10 * time.Second, 0, 0},
		"others five seconds after their command": {2 * time.Second, 0, 3 * time.Second},
		"within half of the time there is":        {time.Second, 4 * time.Second, 2 * time.Second},
		"at once where there is no time":          {time.Second, time.Nanosecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime(t, server.Limits{}, func(t *testing.T, s *server.Server, c *client) {
				c.logIn()
				time.Sleep(test.silent)
				ended, start := shutdown(t, s, test.limit), time.Now()
				c.expect(421)
				c.expectEnd()
				if took := time.Since(start).Round(time.Millisecond); took != test.want {
					t.Errorf("421 came after %v, want %v", took, test.want)
				}
				if err := <-ended; err != nil && test.limit != time.Nanosecond {
					t.Error(err)
				}
			})
		})
	}
}

// shutdown shuts a server down, with a limit if it is not 0.
func shutdown(t *testing.T, s *server.Server, limit time.Duration) <-chan error {
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- s.Shutdown(ctx)
	}()
	return ended
}

func TestShutdownLetsSessionsGoOnForAWhile(t *testing.T) {
	t.Parallel()
	inTime(t, server.Limits{}, func(t *testing.T, s *server.Server, c *client) {
		ended, start := shutdown(t, s, time.Minute), time.Now()
		c.logIn() // one that has begun is not cut short
		for range 9 {
			time.Sleep(3 * time.Second)
			c.cmd(200, "NOOP")
		}
		c.expect(421)
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("421 came after %v, want 30s, half of the time", took)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestShutdownLetsTransfersEnd(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	busy := login(t, s.addr)
	data := busy.passive()
	busy.cmd(150, "STOR first")

	ended := shutdown(t, s.Server, 0)
	eventually(t, func() bool { return refuses(s.addr) })
	select {
	case err := <-ended:
		t.Fatalf("Shutdown returned %v while a transfer ran", err)
	default:
	}
	io.WriteString(data, "complete")
	data.Close()
	busy.expect(226)
	data = busy.passive()
	busy.cmd(150, "STOR second")
	io.WriteString(data, "complete, too")
	data.Close()
	busy.expect(226)
	busy.cmd(221, "QUIT")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"/first": "complete", "/second": "complete, too"} {
		if got, _ := afero.ReadFile(s.fs, name); string(got) != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

func TestCloseAfterShutdownRanOutOfTime(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.passive()
	c.cmd(150, "STOR stuck")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Shutdown: %v", err)
	}
	s.Close()
	if n := s.Statistics().Sessions; n != 0 {
		t.Errorf("%d sessions after Close", n)
	}
}

// refuses says whether nothing listens at an address any more.
func refuses(address string) bool {
	conn, err := net.DialTimeout("tcp", address, within)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
