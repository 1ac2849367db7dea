//go:build unix

package e2e

import (
	"crypto/tls"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Limits that clients of all kinds keep running into slow them down and break
// nothing.
func TestEveryKindOfClientWorksWithinLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(2)
	for key, value := range map[string]any{
		"sessions": 50, "sessions_per_ip": 40, "sessions_per_user": 30, "logins_per_minute": 200, "logins_per_minute_per_ip": 100,
		"transfers_per_session": 20, "transfers_per_user": 30, "passive_leases_per_ip": 30, "commands_per_second": 10,
		"upload_rate": "20MiB", "download_rate": "20MiB", "upload_rate_per_user": "10MiB", "download_rate_per_user": "10MiB",
		"upload_rate_per_session": "2MiB", "download_rate_per_session": "2MiB",
	} {
		s.set("limits."+key, value)
	}
	s.set("passive.wait", "60s")
	s.start()
	for _, kind := range []kindOfClient{
		{"curl", "curl", tls.VersionTLS13, runCurl, 2},
		{"lftp", "lftp", tls.VersionTLS13, runLftp, 2},
		{"Python", "python3", tls.VersionTLS13, runPython, 2},
		{"Go", "", tls.VersionTLS13, runGo, 2},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			kind.doErrands(t, s, "limits-"+kind.name, 300_000)
		})
	}
}

// lftp takes the 450 for what it is: it tries again until it is its turn.
func TestLftpWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	s := newSite(t)
	s.set("limits.transfers_per_user", 1)
	p := s.start()
	content := strings.Repeat("content", 1000)
	if err := os.WriteFile(filepath.Join(s.home, "file"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	r := dialRaw(t, s.controlAddress())
	r.login()
	data := r.stor("slow")

	var lftp sync.WaitGroup
	target := filepath.Join(t.TempDir(), "file")
	l := newLftp(t, s.endpoint(route{epsv, plain, "127.0.0.1"}, t.TempDir()))
	var err error
	lftp.Go(func() {
		_, err = l.run("set net:max-retries 100; set net:reconnect-interval-base 1; set net:reconnect-interval-multiplier 1; get %s -o %s", "/file", target)
	})
	defer lftp.Wait()
	eventually(t, rawTimeout, "lftp is told of the limit", func() bool { return strings.Contains(p.log.String(), "transfers_per_user") })
	_ = data.Close()
	r.expect(226)
	lftp.Wait()
	if got, _ := os.ReadFile(target); err != nil || string(got) != content {
		t.Errorf("lftp: %v, %d bytes arrived of %d", err, len(got), len(content))
	}
}

// Clients show what they are told.
func TestClientsAreToldOfLimits(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	for name, test := range map[string]struct {
		limits string
		sec    security
		told   string
	}{
		"sessions":                 {"sessions", plain, "421 Too many sessions on this server"},
		"sessions, under TLS":      {"sessions", implicit, "421 Too many sessions on this server"},
		"sessions per IP":          {"sessions_per_ip", plain, "421 Too many sessions from your address"},
		"sessions per user":        {"sessions_per_user", explicit, "530 Too many sessions of this user"},
		"logins per minute and IP": {"logins_per_minute_per_ip", plain, "530 Too many logins"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.set("limits."+test.limits, 1)
			s.start()
			s.onlySession(t).login()
			c := &curl{t: t, endpoint: s.endpoint(route{epsv, test.sec, "127.0.0.1"}, t.TempDir())}
			if err := c.command("NOOP"); err == nil {
				t.Error("curl was let in")
			}
			if !strings.Contains(c.trace(), test.told) {
				t.Errorf("curl was not told %q:\n%s", test.told, c.trace())
			}
		})
	}
}

// onlySession comes in where there is room for one. What has waited for the
// greeting was a session as well, and may still be there.
func (s *site) onlySession(t *testing.T) *raw {
	t.Helper()
	var r *raw
	eventually(t, rawTimeout, "the first session comes in", func() bool {
		conn := dialFrom(t, s.controlAddress(), loopback())
		r = &raw{textproto.NewConn(conn), t, conn, loopback()}
		code, _, err := r.reply()
		return err == nil && code == 220
	})
	return r
}
