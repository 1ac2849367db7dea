//go:build unix

package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const oldContent = "what was there before\n"

// provideOld puts a file with the old content into the home.
func (s *site) provideOld(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(s.home, name)
	if err := os.WriteFile(path, []byte(oldContent), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := suite.identity.own(path); err != nil {
		t.Fatal(err)
	}
}

// hidden are the files that uploads have beside what users see, with this end.
func (s *site) hidden(t *testing.T, suffix string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.home, ".portico-upload-*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// awaitBytes waits until an upload that runs has brought n bytes.
func (s *site) awaitBytes(t *testing.T, n int64) {
	t.Helper()
	eventually(t, 10*time.Second, "the upload has begun", func() bool {
		names := s.hidden(t, ".tmp")
		if len(names) == 0 {
			return false
		}
		info, err := os.Stat(names[0])
		return err == nil && info.Size() >= n
	})
}

// wantPartial waits until one interrupted upload is kept.
func (s *site) wantPartial(t *testing.T) {
	t.Helper()
	eventually(t, 10*time.Second, "the interrupted upload is kept", func() bool {
		return len(s.hidden(t, ".tmp")) == 0 && len(s.hidden(t, ".part")) == 1
	})
}

// writeHalf sends the first half of a sample and leaves the connection open.
func writeHalf(t *testing.T, file sample, to io.Writer) {
	t.Helper()
	f, err := os.Open(file.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(to, f, file.size/2); err != nil {
		t.Fatal(err)
	}
}

func TestOldContentIsReadableUntilTheUploadIsComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.provideOld(t, "file")
	s.start()
	r, reader := dialRaw(t, s.controlAddress()), dialRaw(t, s.controlAddress())
	r.login()
	reader.login()
	conn := r.stor("/file")
	if _, err := io.WriteString(conn, "new "); err != nil {
		t.Fatal(err)
	}
	s.awaitBytes(t, 4)
	download := reader.retr("/file")
	if got, err := io.ReadAll(download); err != nil || string(got) != oldContent {
		t.Errorf("downloaded %q (%v) while the upload ran, want the old content", got, err)
	}
	reader.expect(226)
	if list := reader.list(); strings.Contains(list, "portico") {
		t.Errorf("the listing shows what it should hide:\n%s", list)
	}
	if _, err := io.WriteString(conn, "content"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	r.expect(226)
	s.checkContent(t, "file", "new content")
}

// resumer goes on with an upload as its program does.
type resumer struct {
	program string
	resume  func(t *testing.T, s *site, local, remote string) error
}

func resumers() []resumer {
	at := func(t *testing.T, s *site) endpoint { return s.endpoint(route{epsv, plain, "127.0.0.1"}, t.TempDir()) }
	return []resumer{
		{"curl", func(t *testing.T, s *site, local, remote string) error {
			return (&curl{t: t, endpoint: at(t, s)}).resumePut(local, remote)
		}},
		{"lftp", func(t *testing.T, s *site, local, remote string) error {
			return newLftp(t, at(t, s)).resumePut(local, remote)
		}},
	}
}

func TestInterruptedUploadsGoOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	for _, client := range resumers() {
		for _, way := range []string{"ABOR", "reset", "the client is gone"} {
			t.Run(client.program+" after "+way, func(t *testing.T) {
				need(t, client.program)
				file := newSample(t, 1<<20)
				remote := "/" + strings.ReplaceAll(client.program+way, " ", "")
				r := dialRaw(t, s.controlAddress())
				r.login()
				conn := r.stor(remote)
				writeHalf(t, file, conn)
				s.awaitBytes(t, file.size/2)
				switch way {
				case "ABOR":
					r.send("ABOR")
					r.expect(426)
					r.expect(226)
				case "reset":
					reset(t, conn)
					r.expect(426)
				default: // in the other order, the time between the two would decide
					_ = r.conn.Close()
					_ = conn.Close()
				}
				s.wantPartial(t)
				if _, err := os.Stat(filepath.Join(s.home, remote)); !os.IsNotExist(err) {
					t.Errorf("half a file is there: %v", err)
				}
				if err := client.resume(t, s, file.path, remote); err != nil {
					t.Error(err)
				}
				file.check(t, "upload that went on", filepath.Join(s.home, remote))
				if left := s.hidden(t, ""); len(left) > 0 {
					t.Errorf("%v is left", left)
				}
			})
		}
	}
}

// Over TLS, where the end of a killed client's data is no orderly one. In clear
// it depends on how soon the end of the control connection follows.
func TestClientKilledInTheMiddleOfItsUpload(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s := newSite(t)
	s.provideOld(t, "file")
	s.start()
	file := newSample(t, 4<<20)
	c := &curl{t: t, endpoint: s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())}
	for _, remote := range []string{"/file", "/new"} {
		args := append([]string{"--disable"}, c.options()...)
		cmd := exec.Command("curl", append(args, "--limit-rate", "1M", "-T", file.path, c.url(remote))...)
		cmd.Env, cmd.Dir = cleanEnvironment(c.scratch), c.scratch
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.awaitBytes(t, 1)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s.wantPartial(t)
		if remote == "/file" {
			s.checkContent(t, "file", oldContent)
		}
		if err := c.resumePut(file.path, remote); err != nil {
			t.Errorf("%s: %v\n%s", remote, err, c.trace())
		}
		file.check(t, "upload that went on", filepath.Join(s.home, remote))
	}
}

func TestServerKilledInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	need(t, "lftp")
	s := newSite(t)
	s.provideOld(t, "file")
	p := s.start()
	file := newSample(t, 1<<20)
	r := dialRaw(t, s.controlAddress())
	r.login()
	writeHalf(t, file, r.stor("/file"))
	s.awaitBytes(t, file.size/2)
	p.signal(t, syscall.SIGKILL)
	<-p.done
	s.checkContent(t, "file", oldContent)

	s.start()
	r = dialRaw(t, s.controlAddress())
	r.login()
	if list := r.list(); strings.Contains(list, "portico") || !strings.Contains(list, "file") {
		t.Errorf("after the restart the listing shows\n%s", list)
	}
	for _, client := range resumers() {
		if err := client.resume(t, s, file.path, "/new-"+client.program); err != nil {
			t.Error(err)
		}
		file.check(t, "upload that was repeated by "+client.program, filepath.Join(s.home, "new-"+client.program))
	}
}

// The sweep at the start removes what a killed server has left, once it is old.
func TestRestartSweeps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("users.0.keep_partials", "1h")
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/file")
	_, _ = io.WriteString(conn, "half")
	s.awaitBytes(t, 4)
	p.signal(t, syscall.SIGKILL)
	<-p.done
	left, longAgo := s.hidden(t, ".tmp"), time.Now().Add(-2*time.Hour)
	if len(left) != 1 {
		t.Fatalf("%v is left, want one file", left)
	}
	if err := os.Chtimes(left[0], longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	p = s.start()
	eventually(t, 10*time.Second, "it is swept", func() bool { return len(s.hidden(t, "")) == 0 })
	eventually(t, 10*time.Second, "the log tells", func() bool { return strings.Contains(p.log.String(), "interrupted uploads removed") })
}

func TestTwoUploadsToOneName(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	first, second := dialRaw(t, s.controlAddress()), dialRaw(t, s.controlAddress())
	first.login()
	second.login()
	a, b := first.stor("/file"), second.stor("/file")
	whole := map[io.Writer][]byte{a: bytes.Repeat([]byte("a"), 100_000), b: bytes.Repeat([]byte("b"), 50_000)}
	for i := range 5 { // in turns
		for conn, content := range whole {
			part := len(content) / 5
			if _, err := conn.Write(content[i*part : (i+1)*part]); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = a.Close()
	first.expect(226)
	s.checkContent(t, "file", string(whole[a]))
	_ = b.Close()
	second.expect(226)
	s.checkContent(t, "file", string(whole[b]))
}
