//go:build unix

package e2e

import (
	"crypto/sha256"
	"io"
	"net"
	"os"
	"path/filepath"
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

func TestShutdownClosesIdleSessionsAtOnce(t *testing.T) {
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
		if _, err := closed(r.conn, 10*time.Second); err != nil {
			t.Error(err)
		}
	}
	if code := p.exitCode(t, 10*time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("shutdown_timeout", "10m")
	s.provide(t, "large.bin")
	p := s.start()
	stuckTransfer(t, s)
	p.signal(t, syscall.SIGTERM)
	eventually(t, 10*time.Second, "new connections are refused", func() bool { return refuses(s.controlAddress()) })
	p.signal(t, syscall.SIGTERM)
	p.exitCode(t, 15*time.Second)
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("shutdown_timeout", "500ms")
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
