//go:build unix

package e2e

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rewrite puts the site's settings into the file of a running server, in one
// step, as editors and configuration management do.
func (s *site) rewrite(t *testing.T, path string) {
	t.Helper()
	text, err := json.Marshal(s.settings)
	if err != nil {
		t.Fatal(err)
	}
	writeNext(t, path, string(text))
}

func writeNext(t *testing.T, path, text string) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), "next-"+filepath.Base(path))
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func command(r *raw, code int, line string) {
	r.t.Helper()
	r.send("%s", line)
	r.expect(code)
}

func TestReloadKeepsSessionsAndTransfers(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"SIGHUP", "the file"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			large := s.provide(t, "large.bin")
			s.settings["reload_on_change"] = way == "the file"
			ports := suite.ports.take(t, 4)
			s.settings["sandbox_allow"] = map[string]any{"bind": ports.String()}
			p := s.start()
			ask := func() {
				if way == "SIGHUP" {
					p.signal(t, syscall.SIGHUP)
				}
			}
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.retr("/large.bin")
			hash := sha256.New()
			readSome(t, io.TeeReader(conn, hash))

			writeNext(t, filepath.Join(s.dir, "portico.json"), `{"users": [{"name": `)
			ask()
			eventually(t, stopTimeout, "the log tells of the broken file", func() bool {
				return strings.Contains(p.log.String(), "is not valid JSON")
			})
			dialRaw(t, s.controlAddress()).login()

			s.settings["banner"] = "another greeting"
			s.settings["users"].([]any)[0].(map[string]any)["name"] = "renamed"
			s.settings["passive"] = map[string]any{"ports": ports.String()}
			s.rewrite(t, filepath.Join(s.dir, "portico.json"))
			ask()
			eventually(t, stopTimeout, "the configuration is in force", func() bool {
				return strings.Contains(p.log.String(), "configuration reloaded")
			})
			if _, err := io.Copy(hash, conn); err != nil {
				t.Fatal(err)
			}
			if got := [sha256.Size]byte(hash.Sum(nil)); got != large.sum {
				t.Error("the transfer that ran during the reload brought other bytes")
			}
			r.expect(226)
			command(r, 229, "EPSV")
			command(r, 331, "USER renamed")
			command(r, 230, "PASS "+suite.password)
			command(r, 331, "USER "+userName) // nobody has that name any more
			command(r, 530, "PASS "+suite.password)
			if got := greetingOf(t, s.controlAddress()); !strings.Contains(got, "another greeting") {
				t.Errorf("greeting %q, want the new one", got)
			}
		})
	}
}

// A server that gets one SIGHUP after another goes on serving.
func TestReloadsUnderNewSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start()
	stop := make(chan struct{})
	signalled := make(chan struct{})
	go func() {
		defer close(signalled)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				_ = p.cmd.Process.Signal(syscall.SIGHUP)
			}
		}
	}()
	for range 50 {
		r := dialRaw(t, s.controlAddress())
		r.login()
		command(r, 229, "EPSV")
		command(r, 221, "QUIT")
	}
	close(stop)
	<-signalled
}

func greetingOf(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, startTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
