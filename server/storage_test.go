package server_test

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// localSite serves a directory of this machine as portico does, and returns its
// path.
func localSite(t *testing.T) (*site, string) {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	files := driver.Restrict(driver.NewUploads(driver.NewLocal(root), "alice", driver.UploadOptions{}), driver.AllPermissions)
	return startSite(t, func(o *server.Options) { o.Logger, o.Auth = nil, oneUser{files} }), home
}

// A file that is nearly all hole is as long to clients as any other.
func TestFilesBeyond4GiB(t *testing.T) {
	t.Parallel()
	const hole, tail = 5<<30 + 7, "the end"
	s, home := localSite(t)
	path := filepath.Join(home, "big")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte(tail), hole); err != nil {
		t.Skip("no sparse files here:", err)
	}
	file.Close()
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	if got, want := c.cmd(213, "SIZE big"), fmt.Sprint("213 ", hole+len(tail)); got != want {
		t.Errorf("SIZE: got %q, want %q", got, want)
	}
	for offset, want := range map[int64]string{hole: tail, hole - 2: "\x00\x00" + tail, hole + int64(len(tail)): ""} {
		c.cmd(350, "REST %d", offset)
		if got := string(c.retrieve("RETR big")); got != want {
			t.Errorf("RETR from %d: got %q, want %q", offset, got, want)
		}
	}
	for _, name := range []string{"big", "/big"} {
		c.cmd(350, "RANG %d %d", hole+4, hole+6)
		if got, want := c.cmd(213, "HASH %s", name), fmt.Sprintf("213 SHA-256 %d-%d %x %s", hole+4, hole+6, sha256.Sum256([]byte("end")), name); got != want {
			t.Errorf("HASH %s: got %q, want %q", name, got, want)
		}
		if got, want := c.cmd(250, "XCRC %s %d %d", name, hole+4, hole+7), fmt.Sprintf("250 %08X", crc32.ChecksumIEEE([]byte("end"))); got != want {
			t.Errorf("XCRC %s: got %q, want %q", name, got, want)
		}
	}
	c.cmd(350, "REST %d", hole+int64(len(tail)))
	c.store("big", []byte(" and more"))
	c.cmd(350, "REST %d", hole)
	if got, want := string(c.retrieve("RETR big")), tail+" and more"; got != want {
		t.Errorf("after STOR at the end: got %q, want %q", got, want)
	}
	for _, cmd := range []string{"RETR big", "STOR big"} {
		c.cmd(350, "REST %d", int64(math.MaxInt64))
		c.cmd(229, "EPSV")
		c.cmd(554, "%s", cmd)
	}
}

// A directory is exchanged for a link that leads out of the home, again and
// again, while a client moves files through it.
func TestLinkRacesWhileTransferring(t *testing.T) {
	t.Parallel()
	s, home := localSite(t)
	outside := filepath.Join(filepath.Dir(home), "outside")
	in := func(parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	for _, err := range []error{
		os.Mkdir(outside, 0o755), os.WriteFile(filepath.Join(outside, "file"), []byte("secret"), 0o644),
		os.Mkdir(in("sub"), 0o755), os.WriteFile(in("sub", "file"), []byte("harmless"), 0o644), os.Symlink("../outside", in("link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var exchanger sync.WaitGroup
	exchanger.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, move := range [][2]string{{"sub", "aside"}, {"link", "sub"}, {"sub", "link"}, {"aside", "sub"}} {
				if err := os.Rename(in(move[0]), in(move[1])); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	defer exchanger.Wait()
	defer close(stop)

	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	done := map[string]int{}
	commands := []string{"RETR sub/file", "MLSD sub", "STOR sub/made", "APPE sub/added"}
	for round := 0; round < 100 || len(done) < len(commands) && round < 10_000; round++ {
		for _, cmd := range commands {
			content, ok := c.attempt(cmd, "mine")
			if ok {
				done[cmd]++
			}
			if strings.Contains(content, "secret") {
				t.Fatalf("%s brings what lies outside", cmd)
			}
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside lie %v, %v: want the one file alone", entries, err)
	}
	if len(done) < len(commands) {
		t.Errorf("only these went through at times, so that nothing is shown about the others: %v", done)
	}
}

// attempt makes a transfer that may fail, and says whether it did not.
func (c *client) attempt(cmd, upload string) (content string, ok bool) {
	c.t.Helper()
	data := c.passive()
	defer data.Close()
	c.send("%s", cmd)
	reply, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.HasPrefix(reply, "150") {
		return "", false
	}
	if strings.HasPrefix(cmd, "STOR") || strings.HasPrefix(cmd, "APPE") {
		io.WriteString(data, upload) // fails where the transfer has
		data.(*net.TCPConn).CloseWrite()
	} else {
		all, _ := io.ReadAll(data) // so does this
		content = string(all)
	}
	reply, err = c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return content, strings.HasPrefix(reply, "226")
}

// brokenFs fails as a bad disk or a mount does: when files are read or written,
// directories read, or files created.
type brokenFs struct {
	afero.Fs
	create error
}

func (f brokenFs) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

func (f brokenFs) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if flag&os.O_CREATE != 0 && f.create != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: f.create}
	}
	file, err := f.Fs.OpenFile(name, flag, perm)
	if err != nil || !strings.Contains(name, "bad") {
		return file, err
	}
	return &brokenFile{File: file}, nil
}

func (f brokenFs) Mkdir(name string, perm os.FileMode) error {
	if f.create != nil {
		return &os.PathError{Op: "mkdir", Path: name, Err: f.create}
	}
	return f.Fs.Mkdir(name, perm)
}

// brokenFile gives its first block and no more.
type brokenFile struct {
	afero.File
	used int
}

func (f *brokenFile) Read(p []byte) (int, error) {
	if f.used > 0 {
		return 0, syscall.EIO
	}
	n, err := f.File.Read(p[:1])
	f.used += n
	return n, err
}

func (f *brokenFile) Write(p []byte) (int, error) { return 0, syscall.EIO }

func (f *brokenFile) Readdir(int) ([]os.FileInfo, error) { return nil, syscall.EIO }

func (f *brokenFile) Readdirnames(int) ([]string, error) { return nil, syscall.EIO }

func TestStorageThatFails(t *testing.T) {
	t.Parallel()
	fs := brokenFs{Fs: afero.NewMemMapFs()}
	afero.WriteFile(fs.Fs, "/bad", []byte("content"), 0o644)
	afero.WriteFile(fs.Fs, "/good", []byte("content"), 0o644)
	fs.Fs.Mkdir("/baddir", 0o755)
	s := startSite(t, func(o *server.Options) { o.Auth = oneUser{fs} })
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	for cmd, want := range map[string]string{
		"RETR bad": "451", "STOR badnew": "451", "LIST baddir": "450", "NLST baddir": "450", "MLSD baddir": "550", "HASH bad": "550", "XCRC bad": "550",
	} {
		data := c.passive()
		c.send("%s", cmd)
		if strings.HasPrefix(cmd, "STOR") {
			io.WriteString(data, "content")
			data.(*net.TCPConn).CloseWrite()
		}
		reply, err := c.read()
		if err == nil && strings.HasPrefix(reply, "150") {
			reply, err = c.read()
		}
		if err != nil || !strings.HasPrefix(reply, want) {
			t.Errorf("%s: got %q and %v, want %s", cmd, reply, err, want)
		}
		data.Close()
	}
	if got := string(c.retrieve("RETR good")); got != "content" {
		t.Errorf("a file that is well: %q", got)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	fs := brokenFs{Fs: afero.NewMemMapFs(), create: syscall.EROFS}
	afero.WriteFile(fs.Fs, "/file", []byte("content"), 0o644)
	s := startSite(t, func(o *server.Options) {
		o.Auth = oneUser{driver.NewUploads(fs, "alice", driver.UploadOptions{})}
	})
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	for _, cmd := range []string{"STOR file", "STOR new", "STOU", "APPE new"} {
		c.cmd(229, "EPSV")
		if got := c.cmd(550, "%s", cmd); strings.Contains(got, "/") {
			t.Errorf("%s: %q", cmd, got)
		}
	}
	c.cmd(550, "MKD dir")
	if got := string(c.retrieve("RETR file")); got != "content" {
		t.Errorf("the file holds %q", got)
	}
}

func TestHomeThatDisappears(t *testing.T) {
	t.Parallel()
	s, home := localSite(t)
	if err := os.WriteFile(filepath.Join(home, "file"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	if err := os.RemoveAll(home); err != nil {
		t.Skip("a directory that is in use cannot be removed here:", err)
	}
	for _, cmd := range []string{"RETR file", "STOR file", "APPE file", "MLSD sub"} {
		c.cmd(229, "EPSV")
		c.cmd(550, "%s", cmd)
	}
	for _, cmd := range []string{"SIZE file", "MDTM file", "DELE file", "MKD sub", "HASH file", "RNFR file", "CWD sub"} {
		c.cmd(550, "%s", cmd)
	}
	c.cmd(229, "EPSV")
	c.cmd(450, "LIST")
	c.cmd(257, "PWD")
}

func TestAvailableSpaceOfADirectory(t *testing.T) {
	t.Parallel()
	s, home := localSite(t)
	if err := os.Mkdir(filepath.Join(home, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := login(t, s.addr)
	for _, cmd := range []string{"AVBL", "AVBL sub", "AVBL /sub"} {
		reply := c.cmd(213, "%s", cmd)
		if n, err := strconv.ParseInt(reply[4:], 10, 64); err != nil || n < 0 {
			t.Errorf("%s: %q", cmd, reply)
		}
	}
	c.cmd(550, "AVBL nothing")
}
