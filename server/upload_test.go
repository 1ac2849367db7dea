//go:build unix

package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

const (
	oldContent = "the old content"
	firstHalf  = "the first half of the new content, "
	secondHalf = "and the second"
)

// uploadSite serves a directory as accounts have it, with a file "old" in it.
type uploadSite struct {
	*site
	dir string
}

func startUploadSite(t *testing.T, layer func(afero.Fs) afero.Fs, change func(*server.Options)) *uploadSite {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte(oldContent), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	var storage afero.Fs = driver.NewLocal(root)
	if layer != nil {
		storage = layer(storage)
	}
	files := driver.Restrict(driver.NewUploads(storage, "alice", driver.UploadOptions{}), driver.AllPermissions)
	return &uploadSite{dir: dir, site: startSite(t, func(o *server.Options) {
		o.Auth, o.Ports = oneUser{files}, freeAllocator(t, 4, portalloc.Options{})
		if change != nil {
			change(o)
		}
	})}
}

func (s *uploadSite) content(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(content)
}

func (s *uploadSite) entries(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// begin sends the first half of an upload, and returns when the server has it.
func begin(c *client, cmd string, data net.Conn) {
	c.t.Helper()
	c.cmd(150, "%s", cmd)
	if _, err := io.WriteString(data, firstHalf); err != nil {
		c.t.Fatal(err)
	}
	want := fmt.Sprintf("%d bytes so far", len(firstHalf))
	eventually(c.t, func() bool { return strings.Contains(c.cmd(211, "STAT"), want) })
}

// interruptions are the ways in which an upload can fail. The session is over
// after some of them.
func interruptions() map[string]func(*client, net.Conn) {
	return map[string]func(*client, net.Conn){
		"ABOR": func(c *client, _ net.Conn) {
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
		},
		"ABOR in front of the end": func(c *client, data net.Conn) {
			c.send("ABOR")
			data.Close()
			c.expect(426)
			c.expect(226)
		},
		"ABOR behind another command": func(c *client, data net.Conn) {
			c.send("NOOP\r\nABOR")
			data.Close()
			c.expect(200)
			c.expect(426)
			c.expect(226)
		},
		"a reset": func(c *client, data net.Conn) {
			data.(*net.TCPConn).SetLinger(0)
			data.Close()
			c.expect(426)
		},
		"a stall": func(c *client, _ net.Conn) { c.expect(426) },
		"the end of the control connection": func(c *client, _ net.Conn) {
			c.conn.Close()
		},
		"a client that dies": func(c *client, data net.Conn) {
			c.conn.Close() // in the other order, the time between the two would decide
			data.Close()
		},
	}
}

func TestInterruptedUploadChangesNothingAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, interrupt := range interruptions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUploadSite(t, nil, func(o *server.Options) {
				if name == "a stall" {
					o.Limits.StallTimeout = 300 * time.Millisecond
				}
			})
			for _, target := range []string{"old", "new"} {
				c := login(t, s.addr)
				c.cmd(200, "TYPE I")
				data := c.passive()
				begin(c, "STOR "+target, data)
				if target == "old" && s.content(t, target) != oldContent {
					t.Errorf("the old content is gone while the upload runs")
				}
				interrupt(c, data)
				s.wantInterrupted(t, target)
				s.goOn(t, target)
				data.Close()
			}
		})
	}
}

// wantInterrupted waits until the upload has ended and looks at what it left.
func (s *uploadSite) wantInterrupted(t *testing.T, target string) {
	t.Helper()
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	partial := func() bool {
		names, err := filepath.Glob(filepath.Join(s.dir, ".portico-upload-*.part"))
		return err == nil && len(names) == 1
	}
	eventually(t, partial)
	if target == "old" {
		if got := s.content(t, target); got != oldContent {
			t.Errorf("the file holds %q, want the old content", got)
		}
		if got := c.cmd(450, "SIZE old"); !strings.Contains(got, "interrupted upload") {
			t.Errorf("SIZE says %q, want it to tell of the interrupted upload", got)
		}
		return
	}
	if _, err := os.Stat(filepath.Join(s.dir, target)); !os.IsNotExist(err) {
		t.Errorf("half a file is there: %v", err)
	}
	if got, want := c.cmd(213, "SIZE new"), fmt.Sprint("213 ", len(firstHalf)); got != want {
		t.Errorf("SIZE says %q, want %q", got, want)
	}
}

// goOn completes the upload from where it was interrupted.
func (s *uploadSite) goOn(t *testing.T, target string) {
	t.Helper()
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	data := c.passive()
	c.cmd(350, "REST %d", len(firstHalf))
	c.cmd(150, "STOR %s", target)
	io.WriteString(data, secondHalf)
	data.Close()
	c.expect(226)
	if got := s.content(t, target); got != firstHalf+secondHalf {
		t.Errorf("%s holds %q after the upload went on", target, got)
	}
	if names, _ := filepath.Glob(filepath.Join(s.dir, ".portico-upload-*")); len(names) > 0 {
		t.Errorf("%v is left", names)
	}
}

func TestUploadCutUnderTLSGoesOn(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, func(o *server.Options) { o.TLS = testCertificate(t) })
	c := greeted(t, s.site)
	c.protect(nil)
	c.logIn()
	c.cmd(200, "TYPE I")
	raw := c.passive()
	data := tls.Client(raw, c.tls)
	begin(c, "STOR new", data)
	raw.Close()
	c.expect(426)
	s.wantInterrupted(t, "new")
	s.goOn(t, "new")
}

// A client may say QUIT behind its upload and leave: that is no interruption.
func TestQuitBehindAnUpload(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, nil)
	c := login(t, s.addr)
	data := c.passive()
	begin(c, "STOR new", data)
	c.send("QUIT")
	c.conn.(*net.TCPConn).CloseWrite()
	data.Close()
	c.expect(226)
	c.expect(221)
	if got := s.content(t, "new"); got != firstHalf {
		t.Errorf("the file holds %q, want all that was sent", got)
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	upload := func(cmd, content string) {
		t.Helper()
		data := c.passive()
		c.cmd(150, "%s", cmd)
		io.WriteString(data, content)
		data.Close()
		c.expect(226)
	}
	upload("APPE old", ", and more")
	upload("APPE new", "fresh")
	if got := s.content(t, "old") + s.content(t, "new"); got != oldContent+", and morefresh" {
		t.Errorf("APPE made %q", got)
	}

	data := c.passive()
	begin(c, "STOR cut", data)
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	upload("APPE cut", secondHalf) // goes on
	if got := s.content(t, "cut"); got != firstHalf+secondHalf {
		t.Errorf("APPE behind an interrupted upload made %q", got)
	}
}

func TestUploadsThatCannotGoOn(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	data := c.passive()
	begin(c, "STOR old", data)
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	for _, test := range []struct {
		before, cmd string
		code        int
		want        string
	}{
		{"", "APPE old", 450, "interrupted upload"},
		{"REST 1000", "STOR old", 450, "interrupted upload"},
		{"REST 1000", "STOR nothing", 554, "beyond the end"},
		{"", "STOR .portico-upload-x.tmp", 553, "not allowed"},
	} {
		c.passive()
		if test.before != "" {
			c.cmd(350, "%s", test.before)
		}
		if got := c.cmd(test.code, "%s", test.cmd); !strings.Contains(got, test.want) {
			t.Errorf("%s, %s: %q, want it to say %q", test.before, test.cmd, got, test.want)
		}
	}

	adding, other := login(t, s.addr), login(t, s.addr)
	if err := os.WriteFile(filepath.Join(s.dir, "log"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	data = adding.passive()
	begin(adding, "APPE log", data)
	other.passive()
	if got := other.cmd(450, "APPE log"); !strings.Contains(got, "try again") {
		t.Errorf("a second APPE: %q", got)
	}
	data.Close()
	adding.expect(226)
}

// fullFs has no space for more than a few bytes in a file.
type fullFs struct{ afero.Fs }

func (f fullFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	file, err := f.Fs.OpenFile(name, flag, perm)
	return fullFile{file}, err
}

type fullFile struct{ afero.File }

func (f fullFile) Write(p []byte) (int, error) {
	n, _ := f.File.Write(p[:min(len(p), 4)])
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, func(fs afero.Fs) afero.Fs { return fullFs{fs} }, nil)
	c := login(t, s.addr)
	for _, cmd := range []string{"STOR old", "STOR new", "APPE new"} {
		data := c.passive()
		c.cmd(150, "%s", cmd)
		io.Copy(data, bytes.NewReader(make([]byte, 1000)))
		data.Close()
		if got := c.expect(552); !strings.Contains(got, "space") {
			t.Errorf("%s: %q, want it to say that space is missing", cmd, got)
		}
	}
	if got := s.content(t, "old"); got != oldContent || s.entries(t) != 1 {
		t.Errorf("the old file holds %q, and there are %d entries, want 1", got, s.entries(t))
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	store, err := quota.Open(filepath.Join(t.TempDir(), "quota"), quota.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := startUploadSite(t, func(fs afero.Fs) afero.Fs {
		limited, err := store.Layer(context.Background(), "alice", quota.Limits{Bytes: 100, Files: 3}, fs)
		if err != nil {
			t.Fatal(err)
		}
		return limited
	}, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	want := "Bytes: 15 used of 100, 85 left\r\n Files: 1 used of 3, 2 left"
	if got := c.cmd(211, "SITE QUOTA"); !strings.Contains(got, want) {
		t.Errorf("SITE QUOTA: %q, want %q", got, want)
	}
	if got := c.cmd(213, "AVBL"); got != "213 85" {
		t.Errorf("AVBL: %q, want 85", got)
	}
	data := c.passive()
	c.cmd(150, "STOR large")
	data.Write(make([]byte, 86))
	data.Close()
	if got := c.expect(552); !strings.Contains(got, "Quota exceeded") {
		t.Errorf("an upload beyond the quota: %q", got)
	}
	c.store("fits", make([]byte, 85))
	c.store("fits", make([]byte, 85)) // takes the place of the first
	c.cmd(257, "MKD one")
	c.cmd(550, "MKD two")
	c.cmd(552, "SITE MKDIR two")
	if got := c.cmd(213, "AVBL"); got != "213 0" {
		t.Errorf("AVBL: %q, want 0", got)
	}
}

func TestNoQuota(t *testing.T) {
	t.Parallel()
	c := login(t, startUploadSite(t, nil, nil).addr)
	c.cmd(200, "SITE QUOTA")
}

func TestSiteUmaskWithUploadsThatAreRenamed(t *testing.T) {
	t.Parallel()
	s := startUploadSite(t, nil, nil)
	c := login(t, s.addr)
	c.cmd(200, "SITE UMASK 027")
	c.store("new", []byte("content"))
	data := c.passive()
	begin(c, "STOR cut", data)
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	info, err := os.Stat(filepath.Join(s.dir, "new"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got mode %v (%v), want 0640", info.Mode(), err)
	}
}
