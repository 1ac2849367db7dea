package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// Every limit refuses with a sentence, counts that, and tells whoever guards.
func TestLimitsRefuse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits server.Limits
		limit  server.Limit
		kind   server.SecurityKind
		exceed func(t *testing.T, s *site)
	}{
		"sessions": {server.Limits{Sessions: 1}, server.LimitSessions, server.SecuritySessionRefused, func(t *testing.T, s *site) {
			login(t, s.addr)
			refused(t, s.addr)
		}},
		"sessions per IP": {server.Limits{SessionsPerIP: 1}, server.LimitSessionsPerIP, server.SecuritySessionRefused, func(t *testing.T, s *site) {
			login(t, s.addr)
			refused(t, s.addr)
		}},
		"sessions per user": {server.Limits{SessionsPerUser: 1}, server.LimitSessionsPerUser, server.SecurityLimit, func(t *testing.T, s *site) {
			first := login(t, s.addr)
			c := greeted(t, s)
			c.cmd(331, "USER alice")
			c.cmd(530, "PASS "+testPassword)
			first.cmd(220, "REIN")
			c.logIn()
		}},
		"logins per minute": {server.Limits{LoginsPerMinute: 2}, server.LimitLoginsPerMinute, server.SecurityLimit, func(t *testing.T, s *site) {
			tooManyLogins(t, s)
		}},
		"logins per minute and IP": {server.Limits{LoginsPerMinutePerIP: 2}, server.LimitLoginsPerMinutePerIP, server.SecurityLimit, func(t *testing.T, s *site) {
			tooManyLogins(t, s)
		}},
		"what is refused to an address does not count for all": {
			server.Limits{LoginsPerMinutePerIP: 2, LoginsPerMinute: 2}, server.LimitLoginsPerMinutePerIP, server.SecurityLimit,
			func(t *testing.T, s *site) { tooManyLogins(t, s) },
		},
		"transfers per session": {server.Limits{TransfersPerSession: 2}, server.LimitTransfersPerSession, server.SecurityLimit, func(t *testing.T, s *site) {
			c := login(t, s.addr)
			c.store("file", []byte("content"))
			c.retrieve("NLST")
			c.retrieve("RETR file")
			c.cmd(229, "EPSV")
			c.cmd(450, "RETR file")
			c.retrieve("NLST")
			login(t, s.addr).retrieve("RETR file")
		}},
		"transfers per user": {server.Limits{TransfersPerUser: 1}, server.LimitTransfersPerUser, server.SecurityLimit, func(t *testing.T, s *site) {
			first, second := login(t, s.addr), login(t, s.addr)
			data := first.passive()
			first.cmd(150, "STOR file")
			second.cmd(229, "EPSV")
			second.cmd(450, "STOR other")
			second.retrieve("NLST")
			second.cmd(213, "HASH file") // a job
			data.Close()
			first.expect(226)
			second.store("other", []byte("content"))
			second.cmd(229, "EPSV")
			second.cmd(550, "RETR nothing")
			first.retrieve("RETR other")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatch()
			s := startSite(t, func(o *server.Options) { o.Limits, o.OnSecurity = test.limits, w.note })
			test.exceed(t, s)
			var want [server.LimitPassiveLeasesPerIP + 1]uint64
			want[test.limit] = 1
			if got := s.Statistics().OverLimit; got != want {
				t.Errorf("counted %v, want %v", got, want)
			}
			wantOne(t, w, test.kind, test.limit)
		})
	}
}

// refused connects to where there is no room.
func refused(t *testing.T, addr string) {
	t.Helper()
	c := dial(t, addr)
	c.expect(421)
	c.expectEnd()
}

func tooManyLogins(t *testing.T, s *site) {
	t.Helper()
	login(t, s.addr)
	c := login(t, s.addr)
	c.cmd(331, "USER alice")
	c.cmd(530, "PASS "+testPassword) // the right one
	c.cmd(530, "PWD")
}

// wantOne looks for one refusal among the logins.
func wantOne(t *testing.T, w watch, kind server.SecurityKind, limit server.Limit) {
	t.Helper()
	found := 0
	for {
		select {
		case e := <-w:
			switch {
			case e.Kind == kind && kind == server.SecuritySessionRefused && e.Reason == "limit":
				found++
			case e.Kind == kind && e.Reason == limit.String():
				found++
				if e.User != "alice" {
					t.Errorf("the event names user %q, want alice", e.User)
				}
			case e.Kind != server.SecurityLoginOK:
				t.Errorf("there is an event %v %q", e.Kind, e.Reason)
			}
			continue
		default:
		}
		break
	}
	if found != 1 {
		t.Errorf("%v: %d events tell of it, want 1", limit, found)
	}
}

func TestPassiveLeasesPerIP(t *testing.T) {
	t.Parallel()
	w := newWatch()
	s := startSite(t, func(o *server.Options) {
		o.Ports = freeAllocator(t, 4, portalloc.Options{MaxPerAddress: 1})
		o.OnSecurity = w.note
	})
	first, second := login(t, s.addr), login(t, s.addr)
	first.cmd(229, "EPSV")
	second.cmd(425, "EPSV")
	second.cmd(425, "PASV")
	second.cmd(425, "LIST")
	first.retrieve("NLST")
	second.retrieve("NLST")
	if got := s.Statistics().OverLimit[server.LimitPassiveLeasesPerIP]; got != 2 {
		t.Errorf("counted %d, want 2", got)
	}
	w.next(t, server.SecurityLoginOK, "")
	w.next(t, server.SecurityLoginOK, "")
	w.next(t, server.SecurityLimit, "passive_leases_per_ip")
	w.next(t, server.SecurityLimit, "passive_leases_per_ip")
	w.none(t)
}

// Connections that are there only to be told that there are too many are not
// unlimited: the last are not told.
func TestRefusedConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) {
		o.Limits.Sessions, o.TLS = 1, testCertificate(t)
		o.Logger = nil
	})
	implicit := serveImplicit(t, s)
	for range 150 { // none of them makes its handshake
		conn, err := net.DialTimeout("tcp", implicit, within)
		if err == nil { // else it was closed at once
			t.Cleanup(func() { conn.Close() })
		}
	}
	var n server.Statistics
	eventually(t, func() bool { n = s.Statistics(); return n.OverLimit[server.LimitSessions] >= 149 })
	if n.Sessions != 102 {
		t.Errorf("%d sessions are there, want 102", n.Sessions)
	}
}

func TestImplicitTLSClientsAreToldOfLimits(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.SessionsPerIP, o.TLS = 1, testCertificate(t) })
	greeted(t, s)
	c := dial(t, serveImplicit(t, s))
	conn := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	c.conn = conn
	c.r.Reset(conn)
	c.expect(421)
	c.expectEnd()
}

// serveImplicit has the server listen with implicit TLS, too.
func serveImplicit(t *testing.T, s *site) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.ServeTLS(l) // until the site is closed
	return l.Addr().String()
}

// anyUser lets everybody in, with these limits.
type anyUser struct {
	fs     afero.Fs
	limits driver.Limits
}

func (u anyUser) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: attempt.User, FS: u.fs, Limits: u.limits}, nil
}

func TestAccountsOwnLimitsCount(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server, own int
		allowed     int
	}{
		"stricter":       {3, 1, 1},
		"less strict":    {1, 2, 2},
		"its own alone":  {0, 1, 1},
		"the server's":   {1, 0, 1},
		"none at all":    {1, -1, 5},
		"nor the server": {0, 0, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, func(o *server.Options) {
				o.Limits.SessionsPerUser, o.Limits.TransfersPerUser = test.server, 2*test.server
				o.Auth = anyUser{afero.NewMemMapFs(), driver.Limits{Sessions: test.own, Transfers: test.own}}
			})
			for i := range 5 {
				c := greeted(t, s)
				c.cmd(331, "USER alice")
				if i >= test.allowed {
					c.cmd(530, "PASS x")
					continue
				}
				c.cmd(230, "PASS x")
				c.passive()
				c.cmd(150, "STOR file%d", i)
			}
			bob := greeted(t, s)
			bob.cmd(331, "USER bob")
			bob.cmd(230, "PASS x")
		})
	}
}

func TestAccountsOwnTransferLimitCounts(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) {
		o.Limits.TransfersPerUser = 5
		o.Auth = anyUser{afero.NewMemMapFs(), driver.Limits{Transfers: 1}}
	})
	first, second := login(t, s.addr), login(t, s.addr)
	first.passive()
	first.cmd(150, "STOR file")
	second.cmd(229, "EPSV")
	second.cmd(450, "STOR other")
	first.conn.Close() // the session's end ends its transfer
	eventually(t, func() bool { return s.Statistics().Sessions == 1 })
	second.store("other", nil)
}

// The same name at a host with accounts of its own is somebody else.
func TestLimitsPerUserKeepHostsApart(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) {
		o.Limits.SessionsPerUser = 1
		o.Auth = anyUser{fs: afero.NewMemMapFs()}
		o.Hosts = []server.VirtualHost{
			{Name: "own.example", Auth: anyUser{fs: afero.NewMemMapFs()}},
			{Name: "shared.example"},
		}
	})
	login(t, s.addr)
	own := greeted(t, s)
	own.cmd(220, "HOST own.example")
	own.logIn()
	shared := greeted(t, s)
	shared.cmd(220, "HOST shared.example")
	shared.cmd(331, "USER alice")
	shared.cmd(530, "PASS x")
}

// Files come through whole, whatever the bandwidth.
func TestLimitedTransfersAreWhole(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcdef\r\n"), 50_000)
	for _, rate := range []int64{2 << 20, 1 << 40} {
		for _, encrypted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes a second, TLS %v", rate, encrypted), func(t *testing.T) {
				t.Parallel()
				s := startSite(t, func(o *server.Options) {
					o.Limits.Bandwidth = server.Bandwidth{
						Upload: rate, Download: rate, UploadPerUser: 2 * rate, DownloadPerUser: 2 * rate,
						UploadPerSession: 3 * rate, DownloadPerSession: 3 * rate,
					}
					o.TLS = testCertificate(t)
				})
				c := dial(t, s.addr)
				c.expect(220)
				if encrypted {
					c.encrypt(&tls.Config{})
					c.cmd(200, "PBSZ 0")
					c.cmd(200, "PROT P")
				}
				c.logIn()
				for _, typ := range []string{"I", "A"} {
					c.cmd(200, "TYPE "+typ)
					data := c.passiveOver(encrypted)
					c.cmd(150, "STOR file")
					data.Write(content)
					data.Close()
					c.expect(226)
					data = c.passiveOver(encrypted)
					c.cmd(150, "RETR file")
					if got, err := io.ReadAll(data); err != nil || !bytes.Equal(got, content) {
						t.Errorf("TYPE %s: %d bytes and %v came back, want %d", typ, len(got), err, len(content))
					}
					c.expect(226)
				}
			})
		}
	}
}

// passiveOver opens a data connection, over TLS or not.
func (c *client) passiveOver(encrypted bool) net.Conn {
	c.t.Helper()
	conn := c.passive()
	if encrypted {
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	return conn
}

// An abort does not wait for the bandwidth.
func TestAbortOfALimitedTransfer(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.Bandwidth.Download = 1 })
	afero.WriteFile(s.fs, "/file", make([]byte, 1<<20), 0o644)
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "RETR file")
	io.CopyN(io.Discard, data, 4096)
	start := time.Now()
	c.cmd(426, "ABOR")
	c.expect(226)
	if took := time.Since(start); took > within {
		t.Errorf("the abort took %v", took)
	}
	c.passive()
	c.cmd(150, "RETR file")
	c.conn.Close() // nor does the end of the session
	eventually(t, func() bool { return s.Statistics().Sessions == 0 })
}
