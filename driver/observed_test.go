package driver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// journal writes events down, in words.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) HandleEvent(event driver.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := fmt.Sprint(event.Kind, " ", event.User, " ", event.Path)
	if event.NewPath != "" {
		line += " to " + event.NewPath
	}
	if event.Duration > 0 {
		line += fmt.Sprint(" ", event.Bytes)
	}
	if event.Err != nil {
		line += ": " + event.Err.Error()
	}
	j.lines = append(j.lines, line)
}

func (j *journal) read() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	read := strings.Join(j.lines, "\n")
	j.lines = nil
	return read
}

// ticking is a clock that goes on whenever it is looked at.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Unix(1_000_000_000, 0)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		must(t, storage.MkdirAll("/dir", 0o755))
		uploads := driver.NewUploads(storage, "alice", driver.UploadOptions{})
		journal := &journal{}
		fs := driver.NewFS(driver.Observe(driver.Restrict(uploads, driver.AllPermissions&^driver.CanChmod), driver.Actor{User: "alice"}, journal, ticking()))
		steps := []struct {
			name string
			do   func()
			want string
		}{
			{"STOR", func() { upload(t, fs, "dir/file", stor, 0, "0123456789", false) }, "upload alice /dir/file 10"},
			{"APPE", func() { upload(t, fs, "/dir/file", appe, 0, "+++", false) }, "upload alice /dir/file 3"},
			{"a cut STOR", func() { upload(t, fs, "/cut", stor, 0, "half", true) }, "upload_interrupted alice /cut 4: " + errCut.Error()},
			{"REST", func() { upload(t, fs, "/cut", rest, 4, "!", false) }, "upload alice /cut 1"},
			{"RETR", func() { retrieve(t, fs, "/dir/file") }, "download alice /dir/file 13"},
			{"RETR after REST", func() {
				handle, err := fs.GetHandle("/dir/file", os.O_RDONLY, 10)
				must(t, err)
				must(t, second(handle.Seek(10, io.SeekStart)))
				must(t, second(io.ReadAll(handle)))
				must(t, handle.Close())
			}, "download alice /dir/file 3"},
			{"a cut RETR", func() {
				handle, err := fs.GetHandle("/dir/file", os.O_RDONLY, 0)
				must(t, err)
				cut(t, handle)
			}, "download_interrupted alice /dir/file 0: " + errCut.Error()},
			{"RETR of a directory", func() { _ = transfer("/dir", os.O_RDONLY)(fs) }, ""},
			{"RETR of nothing", func() { _ = transfer("/missing", os.O_RDONLY)(fs) }, ""},
			{"HASH", func() { must(t, second(fs.ComputeHash("/dir/file", ftpserver.HASHAlgoMD5, 0, 9))) }, ""},
			{"LIST", func() { must(t, second(fs.ReadDir("/dir"))) }, ""},
			{"SIZE", func() { must(t, second(fs.UploadSize("/dir/file"))) }, ""},
			{"MKD", func() { must(t, fs.Mkdir("/new", 0o755)) }, "mkdir alice /new"},
			{"MKD again", func() { _ = fs.Mkdir("/new", 0o755) }, ""},
			{"SITE MKDIR", func() { must(t, fs.MkdirAll("/new/er/est", 0o755)) }, "mkdir alice /new/er/est"},
			{"RNTO", func() { must(t, fs.Rename("/dir/file", "/new/file")) }, "rename alice /dir/file to /new/file"},
			{"DELE", func() { must(t, fs.Remove("/cut")) }, "delete alice /cut"},
			{"RMD", func() { must(t, fs.RemoveDir("/new/er/est")) }, "delete alice /new/er/est"},
			{"RMD of a full directory", func() { _ = fs.RemoveDir("/new") }, ""},
			{"SITE RMDIR", func() { must(t, fs.RemoveAll("/new")) }, "delete alice /new"},
			{"SITE CHMOD", func() { _ = fs.Chmod("/dir", 0o700) }, ""},
		}
		for _, step := range steps {
			step.do()
			if got := journal.read(); got != step.want {
				t.Errorf("%s told %q, want %q", step.name, got, step.want)
			}
		}
	})
}

// TestEventsCountWhatTheKernelMoves sends a file from one to the other end
// without a byte passing through the program.
func TestEventsCountWhatTheKernelMoves(t *testing.T) {
	t.Parallel()
	local, _ := newJail(t)
	journal := &journal{}
	fs := driver.NewFS(driver.Observe(driver.NewUploads(local, "alice", driver.UploadOptions{}), driver.Actor{}, journal, ticking()))
	upload(t, fs, "/file", stor, 0, strings.Repeat("x", 100_000), false)
	journal.read()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, listener.Close()) }()
	type osFiler interface{ OSFile() *os.File }
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return err
			}
			from, err := fs.GetHandle("/file", os.O_RDONLY, 0)
			if err != nil {
				return err
			}
			_, err = conn.(*net.TCPConn).ReadFrom(from.(osFiler).OSFile())
			return errors.Join(err, from.Close(), conn.Close())
		}()
	}()
	conn, err := listener.Accept()
	must(t, err)
	to, err := fs.GetHandle("/copy", stor, 0)
	must(t, err)
	must(t, second(to.(osFiler).OSFile().ReadFrom(conn)))
	must(t, errors.Join(to.Close(), conn.Close(), <-sent))
	got := journal.read()
	for _, want := range []string{"download  /file 100000", "upload  /copy 100000"} {
		if !strings.Contains(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

func TestUsersTellOfLogins(t *testing.T) {
	t.Parallel()
	client := netip.MustParseAddrPort("192.0.2.1:1234")
	var told []driver.Event
	users, err := driver.NewUsers([]driver.User{{
		Name: "alice", PasswordHash: bcryptHash, Home: t.TempDir(), Permissions: driver.AllPermissions,
	}}, driver.UsersOptions{Events: driver.EventFunc(func(event driver.Event) { told = append(told, event) })})
	must(t, err)
	requireDenied(t, users, "alice", "wrong")
	account, err := users.Authenticate(t.Context(), driver.Attempt{User: "alice", Password: "correct", Client: client})
	must(t, err)
	must(t, driver.NewFS(account.FS).Mkdir("/dir", 0o755))
	if len(told) != 2 || told[0].Kind != driver.EventLogin || told[1].Kind != driver.EventMkdir ||
		told[1].Actor != (driver.Actor{User: "alice", Client: client}) || told[1].Time.IsZero() {
		t.Errorf("told %+v", told)
	}
	for kind := driver.EventUpload; kind <= driver.EventLogin; kind++ {
		if text, err := kind.MarshalText(); err != nil || strings.Contains(string(text), "EventKind") {
			t.Errorf("kind %d is %q, %v", uint8(kind), text, err)
		}
	}
}
