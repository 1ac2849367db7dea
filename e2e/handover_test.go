//go:build linux

package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"golang.org/x/sys/unix"
)

func TestHandoverRefusesNobody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change   func(*site)
		security security
		every    time.Duration // a new session begins
	}{
		"plain":                      {func(*site) {}, plain, 2 * time.Millisecond},
		"FTPS":                       {func(*site) {}, explicit, 20 * time.Millisecond},
		"plain, one passive port":    {func(s *site) { s.narrow(1) }, plain, 10 * time.Millisecond},
		"FTPS, without a sandbox":    {func(s *site) { s.set("sandbox", "off") }, implicit, 20 * time.Millisecond},
		"plain, more than a message": {func(s *site) { s.narrow(260) }, plain, 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			test.change(s)
			h := startHandover(t, s)
			load := h.startLoad(t, test.security, test.every)
			for range 2 {
				load.await(t, 100)
				before := h.pid(t)
				code, out, said := h.upgrade(t)
				if code != 0 || !strings.Contains(out, strconv.Itoa(before)) || h.pid(t) == before {
					t.Fatalf("exit code %d: %s%s", code, out, said)
				}
				load.await(t, 100)
				h.awaitEnd(t, before)
			}
			load.stop(t)
		})
	}
}

func TestSessionsGoOnInTheOldProcess(t *testing.T) {
	t.Parallel()
	for _, security := range []security{plain, explicit} {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			large := s.provide(t, "large.bin")
			h := startHandover(t, s)
			before := h.pid(t)
			idle := dialRaw(t, s.controlAddress())
			idle.login()
			down, up, busy := h.client(t, security), h.client(t, security), h.client(t, security)
			download, err := down.Retr("large.bin")
			if err != nil {
				t.Fatal(err)
			}
			hash := sha256.New()
			readSome(t, io.TeeReader(download, hash))
			content, feed := io.Pipe()
			uploaded := make(chan error, 1)
			go func() { uploaded <- up.Stor("slow.txt", content) }()
			if _, err := io.WriteString(feed, "before, "); err != nil {
				t.Fatal(err)
			}

			if code, out, said := h.upgrade(t); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, out, said)
			}
			if err := busy.Stor("between.txt", strings.NewReader("a new data connection")); err != nil {
				t.Errorf("a session in the middle of something: %v", err)
			}
			h.upgradeInVain(t)
			if log := h.log(t); !strings.Contains(log, "still has sessions") {
				t.Error("the log does not say what the next hand-over has to wait for")
			}
			if _, err := closed(idle.conn, 20*time.Second); err != nil {
				t.Errorf("an idle session: %v", err)
			}
			if _, err := io.Copy(hash, download); err != nil {
				t.Error(err)
			}
			if err := download.Close(); err != nil {
				t.Error(err)
			}
			if got := [sha256.Size]byte(hash.Sum(nil)); got != large.sum {
				t.Error("the download brought other bytes")
			}
			if h.hasEnded(before) {
				t.Error("the old process has ended before its upload")
			}
			if _, err := io.WriteString(feed, "after"); err != nil {
				t.Error(err)
			}
			_ = feed.Close()
			if err := <-uploaded; err != nil {
				t.Error(err)
			}
			h.awaitEnd(t, before)
			s.checkContent(t, "slow.txt", "before, after")
			s.checkContent(t, "between.txt", "a new data connection")
			if err := h.client(t, security).Stor("new.txt", strings.NewReader("new")); err != nil {
				t.Errorf("the new process: %v", err)
			}
		})
	}
}

func TestNoHandoverChangesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil  func(*testing.T, *handoverSite)
		ask    func(*handoverSite, *testing.T) // to be replaced
		reason string                          // in the log
	}{
		"the new program is none": {func(t *testing.T, h *handoverSite) {
			h.installScript(t, "no program\n")
		}, (*handoverSite).upgradeInVain, "exec format error"},
		"the new program ends at once": {func(t *testing.T, h *handoverSite) {
			h.installScript(t, "#!/bin/sh\nexit 3\n")
		}, (*handoverSite).upgradeInVain, "it ended without a word"},
		"there is no program": {func(t *testing.T, h *handoverSite) {
			if err := os.Remove(h.program); err != nil {
				t.Fatal(err)
			}
		}, (*handoverSite).upgradeInVain, "no such file"},
		"the configuration is cut in half": {func(t *testing.T, h *handoverSite) {
			h.spoilConfiguration(t, func(text []byte) []byte { return text[:len(text)/2] })
		}, (*handoverSite).signalInVain, "portico.json"},
		"the configuration has an unknown key": {func(t *testing.T, h *handoverSite) {
			h.spoilConfiguration(t, func(text []byte) []byte { return bytes.Replace(text, []byte(`"users"`), []byte(`"uzers"`), 1) })
		}, (*handoverSite).signalInVain, "uzers: unknown key"},
		"a port is taken": {func(t *testing.T, h *handoverSite) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			h.set("passive.ports", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
			h.configFile()
		}, (*handoverSite).upgradeInVain, "passive.ports"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHandover(t, newSite(t))
			before := h.pid(t)
			r := dialRaw(t, h.controlAddress())
			r.login()
			test.spoil(t, h)
			test.ask(h, t)
			eventually(t, startTimeout, "the log tells why", func() bool {
				log := h.log(t)
				return strings.Contains(log, "goes on as before") && strings.Contains(log, test.reason)
			})
			if h.pid(t) != before {
				t.Error("the pid file names another process")
			}
			r.list()
			again := dialRaw(t, h.controlAddress())
			again.login()
			again.list()
		})
	}
}

func TestUpgradeFindsNoServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, test := range map[string]struct{ pidFile, want string }{
		"no pid_file":        {"", "pid_file: is empty"},
		"no such file":       {filepath.Join(s.dir, "none.pid"), "no server runs"},
		"a file left behind": {filepath.Join(s.dir, "left.pid"), "no server runs"},
	} {
		s.set("pid_file", test.pidFile)
		if name == "a file left behind" { // the pid of a process that is none of ours
			if err := os.WriteFile(test.pidFile, []byte(strconv.Itoa(os.Getppid())+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if code, _, said := run(t, exec.Command(suite.binary, "upgrade", "--config", s.configFile())); code != 1 || !strings.Contains(said, test.want) {
			t.Errorf("%s: exit code %d: %s", name, code, said)
		}
	}
}

func TestTwoServersCannotHaveOnePIDFile(t *testing.T) {
	t.Parallel()
	h := startHandover(t, newSite(t))
	other := newSite(t)
	other.set("pid_file", h.pidFile())
	cmd := exec.Command(suite.binary, "serve", "--config", other.configFile())
	suite.identity.apply(cmd)
	if code, _, said := run(t, cmd); code != 1 || !strings.Contains(said, "pid_file: another server, with process id "+strconv.Itoa(h.pid(t))) {
		t.Errorf("exit code %d: %s", code, said)
	}
	dialRaw(t, h.controlAddress())
}

// TestServiceManagerFollowsTheHandover holds that systemd hears which process is
// the main one, and from the right one.
func TestServiceManagerFollowsTheHandover(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	m := listenAsManager(t, s)
	h := startHandover(t, s, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path) })
	m.expect(t, "READY=1")
	if code, out, said := h.upgrade(t); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, said)
	}
	m.expect(t, "MAINPID="+strconv.Itoa(h.pid(t))+"\nREADY=1")
	if err := syscall.Kill(h.pid(t), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.expect(t, "STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000")
}

// TestHandoverKeepsTheRightToPort20 holds that an ambient capability gets past the
// sandbox, in which it could not be had again.
func TestHandoverKeepsTheRightToPort20(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newSite(t)
	s.set("active.source_port", 20)
	h := startHandover(t, s, func(cmd *exec.Cmd) { cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_NET_BIND_SERVICE} })
	for range 2 {
		before := h.pid(t)
		if code, out, said := h.upgrade(t); code != 0 {
			t.Fatalf("exit code %d: %s%s", code, out, said)
		}
		h.awaitEnd(t, before)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := dialRaw(t, s.controlAddress())
		r.login()
		r.send("EPRT |1|127.0.0.1|%d|", l.Addr().(*net.TCPAddr).Port)
		r.expect(200)
		r.send("RETR small.txt")
		_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(rawTimeout))
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if port := conn.RemoteAddr().(*net.TCPAddr).Port; port != 20 {
			t.Errorf("the data connection comes from port %d", port)
		}
		if text, err := io.ReadAll(conn); err != nil || string(text) != smallText {
			t.Errorf("got %q, %v", text, err)
		}
		_ = conn.Close()
		r.expect(150)
		r.expect(226)
		r.send("QUIT")
		r.expect(221)
	}
}

// TestHandoverKeepsTheAdminSocket holds that the admin interface is the new
// server's, at the same place, and goes with it.
func TestHandoverKeepsTheAdminSocket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	socket := filepath.Join(s.dir, "admin.sock")
	s.set("admin.address", "unix:"+socket)
	s.set("sandbox", "off") // or the server may not remove the socket
	h := startHandover(t, s)
	before := h.pid(t)
	old := h.client(t, plain)
	content, feed := io.Pipe()
	uploaded := make(chan error, 1)
	go func() { uploaded <- old.Stor("old.txt", content) }()
	if _, err := io.WriteString(feed, "it still runs"); err != nil {
		t.Fatal(err)
	}
	if code, out, said := h.upgrade(t); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, said)
	}
	for range 20 { // were the old one to answer, too, it would at times
		if code, out, said := run(t, exec.Command(suite.binary, "sessions", "--json", "--config", h.file)); code != 0 || strings.Contains(out, userName) {
			t.Fatalf("exit code %d: %s%s", code, out, said)
		}
	}
	_ = feed.Close()
	if err := <-uploaded; err != nil {
		t.Error(err)
	}
	_ = old.Quit()
	h.awaitEnd(t, before)
	if code, _, said := run(t, exec.Command(suite.binary, "status", "--config", h.file)); code != 0 {
		t.Errorf("after the end of the old process: exit code %d: %s", code, said)
	}
	after := h.pid(t)
	if err := syscall.Kill(after, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.awaitEnd(t, after)
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// run runs a command to its end, in the environment of the servers.
func run(t *testing.T, cmd *exec.Cmd) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = cleanEnvironment(suite.dir)
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// client is a session of the user's.
func (h *handoverSite) client(t *testing.T, s security) *ftp.ServerConn {
	t.Helper()
	c, err := h.dial(s)
	if err == nil {
		err = c.Login(userName, suite.password)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Quit() })
	return c
}

// TestHandoverCountsQuotasAndPostsEvents holds that what both processes do counts,
// though the files of quotas and of events belong to one.
func TestHandoverCountsQuotasAndPostsEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	events := newReceiver(t)
	events.start()
	s.webhook(events, "upload")
	s.set("quota_file", filepath.Join(s.dir, "quota.db"))
	s.set("users.0.quota", map[string]any{"bytes": "1MiB"})
	h := startHandover(t, s)
	before := h.pid(t)
	look := dialRaw(t, s.controlAddress())
	look.login()
	atFirst := look.available()
	old := h.client(t, plain)
	content, feed := io.Pipe()
	uploaded := make(chan error, 1)
	go func() { uploaded <- old.Stor("old.bin", content) }()
	if _, err := feed.Write(make([]byte, 100<<10)); err != nil {
		t.Fatal(err)
	}
	if code, out, said := h.upgrade(t); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, said)
	}
	if err := h.client(t, plain).Stor("new.bin", bytes.NewReader(make([]byte, 300<<10))); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Write(make([]byte, 200<<10)); err != nil {
		t.Error(err)
	}
	_ = feed.Close()
	if err := <-uploaded; err != nil {
		t.Error(err)
	}
	h.awaitEnd(t, before)
	got := events.await(2)
	if len(got) != 2 || !slices.Contains(got, "/old.bin") || !slices.Contains(got, "/new.bin") {
		t.Errorf("events tell of %v", got)
	}
	r := dialRaw(t, s.controlAddress())
	r.login()
	eventually(t, startTimeout, "what the old process did is counted", func() bool { return r.available() == atFirst-(300+300)<<10 })
}

// available is what the quota leaves, in bytes.
func (r *raw) available() int {
	r.t.Helper()
	r.send("AVBL")
	left, err := strconv.Atoi(r.expect(213))
	if err != nil {
		r.t.Error(err)
	}
	return left
}
