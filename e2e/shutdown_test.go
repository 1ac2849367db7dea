//go:build unix

package e2e

import (
	"crypto/sha256"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestShutdownLetsARunningTransferEnd(t *testing.T) {
	t.Parallel()
	for _, stop := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(stop.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			large := s.provide(t, "large.bin")
			p := s.start()
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.retr("/large.bin")
			hash := sha256.New()
			readSome(t, io.TeeReader(conn, hash))

			p.signal(t, stop)
			eventually(t, 10*time.Second, "new connections are refused", func() bool { return refuses(s.controlAddress()) })
			if p.ended() {
				t.Fatal("the server ended while a transfer ran")
			}
			if _, err := io.Copy(hash, conn); err != nil {
				t.Fatal(err)
			}
			if got := [sha256.Size]byte(hash.Sum(nil)); got != large.sum {
				t.Error("the transfer that ran during the shutdown brought other bytes")
			}
			r.expect(226)
			if code := p.exitCode(t, 15*time.Second); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
		})
	}
}

func TestShutdownLetsARunningUploadEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/upload.txt")
	if _, err := io.WriteString(conn, "before, "); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	eventually(t, 10*time.Second, "new connections are refused", func() bool { return refuses(s.controlAddress()) })
	if _, err := io.WriteString(conn, "after"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r.expect(226)
	if code := p.exitCode(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.checkContent(t, "upload.txt", "before, after")
}

func TestShutdownClosesIdleSessionsSoon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start()
	idle, silent := dialRaw(t, s.controlAddress()), dialRaw(t, s.controlAddress())
	idle.login()
	pending := dialRaw(t, s.controlAddress())
	pending.login()
	pending.epsv()
	p.signal(t, syscall.SIGTERM)
	for _, r := range []*raw{idle, silent, pending} {
		if _, err := closed(r.conn, 20*time.Second); err != nil {
			t.Error(err)
		}
	}
	if code := p.exitCode(t, 20*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.timeout", "10m")
	s.provide(t, "large.bin")
	p := s.start()
	stuckTransfer(t, s)
	p.signal(t, syscall.SIGTERM)
	eventually(t, 10*time.Second, "new connections are refused", func() bool { return refuses(s.controlAddress()) })
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t, 15*time.Second); code != 143 {
		t.Errorf("exit code %d, want 143", code)
	}
}

func TestDrainDelayKeepsAccepting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.delay", "10m")
	p := s.start()
	p.signal(t, syscall.SIGINT)
	eventually(t, 10*time.Second, "the server drains", func() bool { return strings.Contains(p.log.String(), "draining") })
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/late.txt")
	if _, err := io.WriteString(conn, "in time"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r.expect(226)
	s.checkContent(t, "late.txt", "in time")
	p.signal(t, syscall.SIGINT)
	if code := p.exitCode(t, 15*time.Second); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
}

func TestDrainDelayEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.delay", "100ms")
	p := s.start()
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestShutdownLetsASessionFinishItsWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.timeout", "10m")
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	p.signal(t, syscall.SIGTERM)
	eventually(t, 10*time.Second, "new connections are refused", func() bool { return refuses(s.controlAddress()) })
	for _, name := range []string{"one.txt", "two.txt"} {
		conn := r.stor("/" + name)
		if _, err := io.WriteString(conn, name); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		r.expect(226)
		s.checkContent(t, name, name)
	}
	r.send("QUIT")
	r.expect(221)
	if code := p.exitCode(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// TestServiceManagerIsTold holds what a service manager hears (sd_notify(3)).
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.delay", "1s")
	m := listenAsManager(t, s)
	cmd := exec.Command("env", "NOTIFY_SOCKET="+m.path, suite.binary, "serve", "--config", s.configFile())
	suite.identity.apply(cmd)
	p := launch(t, cmd)
	m.expect(t, "READY=1")
	p.awaitGreeting(t, s.controlAddress())
	p.signal(t, syscall.SIGTERM)
	// 1 s and 30 s of drain, 5 s for hooks, and a reserve.
	m.expect(t, "STOPPING=1\nEXTEND_TIMEOUT_USEC=46000000")
	if code := p.exitCode(t, 15*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// manager is the socket of a service manager.
type manager struct {
	path string
	conn *net.UnixConn
}

func listenAsManager(t *testing.T, s *site) *manager {
	t.Helper()
	path := filepath.Join(s.dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := suite.identity.own(path); err != nil {
		t.Fatal(err)
	}
	return &manager{path, conn}
}

// expect reads the next message.
func (m *manager) expect(t *testing.T, want string) {
	t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(startTimeout))
	buffer := make([]byte, 4096)
	n, err := m.conn.Read(buffer)
	if got := string(buffer[:n]); err != nil || got != want {
		t.Errorf("the service manager heard %q (%v), want %q", got, err, want)
	}
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("drain.timeout", "500ms")
	s.provide(t, "large.bin")
	p := s.start()
	conn := stuckTransfer(t, s)
	p.signal(t, syscall.SIGTERM)
	p.exitCode(t, 15*time.Second)
	if n, _ := io.Copy(io.Discard, conn); n >= 64<<20 {
		t.Error("the transfer was not stuck: the test shows nothing")
	}
}

// stuckTransfer starts a download that nobody reads on.
func stuckTransfer(t *testing.T, s *site) net.Conn {
	t.Helper()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.retr("/large.bin")
	readSome(t, conn)
	return conn
}

// readSome reads a little of a transfer that is much larger than what the
// buffers of two sockets hold.
func readSome(t *testing.T, from io.Reader) {
	t.Helper()
	if _, err := io.CopyN(io.Discard, from, 100_000); err != nil {
		t.Fatal(err)
	}
}

// provide puts the large sample into the home.
func (s *site) provide(t *testing.T, name string) sample {
	t.Helper()
	large := largeSample(t)
	path := filepath.Join(s.home, name)
	large.head(t, path, large.size)
	if err := suite.identity.own(path); err != nil {
		t.Fatal(err)
	}
	return large
}

func (s *site) checkContent(t *testing.T, name, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(s.home, name))
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}
