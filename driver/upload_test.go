package driver_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

var errCut = errors.New("the connection was reset")

// onEachStorage runs a test over uploads to a directory and to memory.
func onEachStorage(t *testing.T, test func(t *testing.T, storage afero.Fs)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		local, _ := newJail(t)
		test(t, local)
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, afero.NewMemMapFs())
	})
}

// session returns what a user's session sees of a storage.
func session(storage afero.Fs, owner string) *driver.FS {
	return sessionWith(storage, owner, driver.UploadOptions{})
}

func sessionWith(storage afero.Fs, owner string, opts driver.UploadOptions) *driver.FS {
	return driver.NewFS(driver.Restrict(driver.NewUploads(storage, owner, opts), driver.AllPermissions))
}

// How the commands open files.
const (
	stor = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	rest = os.O_WRONLY | os.O_CREATE
	appe = os.O_WRONLY | os.O_CREATE | os.O_APPEND
)

// begin opens an upload and sends some of it.
func begin(t testing.TB, fs *driver.FS, name string, flags int, offset int64, content string) ftpserver.FileTransfer {
	t.Helper()
	handle, err := fs.GetHandle(name, flags, offset)
	must(t, err)
	if offset > 0 {
		_, err = handle.Seek(offset, io.SeekStart)
		must(t, err)
	}
	_, err = io.WriteString(handle, content)
	must(t, err)
	return handle
}

func cut(t testing.TB, upload ftpserver.FileTransfer) {
	t.Helper()
	upload.(ftpserver.FileTransferError).TransferError(errCut)
	must(t, upload.Close())
}

// upload is a whole upload, cut or not.
func upload(t testing.TB, fs *driver.FS, name string, flags int, offset int64, content string, isCut bool) {
	t.Helper()
	handle := begin(t, fs, name, flags, offset, content)
	if isCut {
		cut(t, handle)
		return
	}
	must(t, handle.Close())
}

func contentOf(fs *driver.FS, name string) string {
	content, err := afero.ReadFile(fs, name)
	if err != nil {
		return "none"
	}
	return string(content)
}

func sizeOf(fs *driver.FS, name string) string {
	size, err := fs.UploadSize(name)
	switch {
	case errors.Is(err, driver.ErrInterruptedUpload):
		return "ambiguous"
	case errors.Is(err, os.ErrNotExist):
		return "none"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint(size)
}

func namesIn(t testing.TB, fs afero.Fs, dir string) string {
	t.Helper()
	infos, err := afero.ReadDir(fs, dir)
	must(t, err)
	var names []string
	for _, info := range infos {
		names = append(names, info.Name())
	}
	return strings.Join(names, " ")
}

// hidden counts what Uploads has made beside the files.
func hidden(t testing.TB, storage afero.Fs, dir string) int {
	t.Helper()
	return strings.Count(namesIn(t, storage, dir), ".portico-upload-")
}

// step is an upload: what is sent at which offset, and whether it was cut.
type step struct {
	flags   int
	offset  int64
	content string
	cut     bool
}

func TestWhatUploadsLeave(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		steps   []step
		refused string // what the last step is refused with
		file    string // what everybody sees, "none" if nothing
		size    string // what the owner is told
		hidden  int
	}{
		{"a complete upload", []step{{stor, 0, "new", false}}, "", "new", "3", 0},
		{"a second one replaces it", []step{{stor, 0, "old", false}, {stor, 0, "newer", false}}, "", "newer", "5", 0},
		{"an empty one", []step{{stor, 0, "", false}}, "", "", "0", 0},
		{"one that was cut", []step{{stor, 0, "hal", true}}, "", "none", "3", 1},
		{"one that was cut before its first byte", []step{{stor, 0, "", true}}, "", "none", "none", 0},
		{"one that was cut over a file", []step{{stor, 0, "old content", false}, {stor, 0, "hal", true}}, "", "old content", "ambiguous", 1},
		{"one that was cut before its first byte over a file", []step{{stor, 0, "old", false}, {stor, 0, "", true}}, "", "old", "3", 0},
		{"going on", []step{{stor, 0, "hal", true}, {rest, 3, "f", false}}, "", "half", "4", 0},
		{"going on twice", []step{{stor, 0, "ha", true}, {rest, 2, "l", true}, {rest, 3, "f", false}}, "", "half", "4", 0},
		{"going on, but not with a byte", []step{{stor, 0, "ha", true}, {rest, 2, "", true}}, "", "none", "2", 1},
		{"going on before the end", []step{{stor, 0, "halxxxx", true}, {rest, 3, "f", false}}, "", "half", "4", 0},
		{"going on by APPE", []step{{stor, 0, "hal", true}, {appe, 0, "f", false}}, "", "half", "4", 0},
		{"going on over a file", []step{{stor, 0, "old content", false}, {stor, 0, "hal", true}, {rest, 3, "f", false}}, "", "half", "4", 0},
		{"going on beyond the end", []step{{stor, 0, "hal", true}, {rest, 4, "f", false}}, "cannot go on at 4: there are 3", "none", "3", 1},
		{"going on with the file while a partial is kept", []step{{stor, 0, "old content", false}, {stor, 0, "hal", true}, {rest, 11, "f", false}}, "at 3 or before", "old content", "ambiguous", 1},
		{"APPE while a partial is kept", []step{{stor, 0, "old content", false}, {stor, 0, "hal", true}, {appe, 0, "f", false}}, "at 3 or before", "old content", "ambiguous", 1},
		{"starting again", []step{{stor, 0, "hal", true}, {stor, 0, "new", false}}, "", "new", "3", 0},
		{"starting again in vain", []step{{stor, 0, "hal", true}, {stor, 0, "begun", true}}, "", "none", "5", 1},
		{"starting again without a byte", []step{{stor, 0, "hal", true}, {stor, 0, "", true}}, "", "none", "3", 1},
		{"APPE makes a file", []step{{appe, 0, "new", false}}, "", "new", "3", 0},
		{"APPE adds", []step{{stor, 0, "old", false}, {appe, 0, "+new", false}}, "", "old+new", "7", 0},
		{"APPE that was cut keeps what has arrived", []step{{stor, 0, "old", false}, {appe, 0, "+n", true}}, "", "old+n", "5", 0},
		{"REST at the end adds", []step{{stor, 0, "old", false}, {rest, 3, "+new", false}}, "", "old+new", "7", 0},
		{"REST in the middle", []step{{stor, 0, "0123456789", false}, {rest, 4, "abc", false}}, "", "0123abc789", "10", 0},
		{"REST in the middle that was cut", []step{{stor, 0, "0123456789", false}, {rest, 4, "ab", true}}, "", "0123456789", "10", 0},
		{"REST beyond the end", []step{{stor, 0, "old", false}, {rest, 4, "x", false}}, "cannot go on at 4: there are 3", "old", "3", 0},
		{"REST on nothing", []step{{rest, 4, "x", false}}, "from its start", "none", "none", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onEachStorage(t, func(t *testing.T, storage afero.Fs) {
				must(t, storage.MkdirAll("/dir", 0o755))
				alice, bob := session(storage, "alice"), session(storage, "bob")
				last := len(tt.steps)
				if tt.refused != "" {
					last--
				}
				for _, s := range tt.steps[:last] {
					upload(t, alice, "/dir/file", s.flags, s.offset, s.content, s.cut)
				}
				if tt.refused != "" {
					_, err := alice.GetHandle("/dir/file", tt.steps[last].flags, tt.steps[last].offset)
					if err == nil || !strings.Contains(err.Error(), tt.refused) || strings.Contains(err.Error(), ".portico") {
						t.Errorf("the last upload: %v, want %q", err, tt.refused)
					}
				}
				for who, fs := range map[string]*driver.FS{"alice": alice, "bob": bob} {
					if got := contentOf(fs, "/dir/file"); got != tt.file {
						t.Errorf("%s reads %q, want %q", who, got, tt.file)
					}
					want := ""
					if tt.file != "none" {
						want = "file"
					}
					if got := namesIn(t, fs, "/dir"); got != want {
						t.Errorf("%s lists %q, want %q", who, got, want)
					}
				}
				if got := sizeOf(alice, "/dir/file"); got != tt.size {
					t.Errorf("SIZE tells alice %q, want %q", got, tt.size)
				}
				if got := hidden(t, storage, "/dir"); got != tt.hidden {
					t.Errorf("%d hidden files, want %d", got, tt.hidden)
				}
			})
		})
	}
}

func TestNothingIsSeenOfAnUploadUnderWay(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		must(t, storage.MkdirAll("/dir", 0o755))
		fs := session(storage, "alice")
		upload(t, fs, "/dir/file", stor, 0, "old", false)
		handle := begin(t, fs, "/dir/file", stor, 0, "new")
		if got := contentOf(fs, "/dir/file"); got != "old" {
			t.Errorf("the file holds %q meanwhile", got)
		}
		if got := namesIn(t, fs, "/dir"); got != "file" {
			t.Errorf("the listing shows %q", got)
		}
		dir, err := fs.Open("/dir")
		must(t, err)
		names, err := dir.Readdirnames(-1)
		must(t, errors.Join(err, dir.Close()))
		if fmt.Sprint(names) != "[file]" {
			t.Errorf("the names are %q", names)
		}
		if err := fs.RemoveDir("/dir"); err == nil {
			t.Error("the directory was removed")
		}
		must(t, handle.Close())
		if got := contentOf(fs, "/dir/file"); got != "new" {
			t.Errorf("the file holds %q", got)
		}
		if err := handle.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a second Close: %v", err)
		}
	})
}

func TestTheLastOfTwoUploadsStays(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		alice, bob := session(storage, "alice"), session(storage, "bob")
		first := begin(t, alice, "/file", stor, 0, "aaaa")
		second := begin(t, bob, "/file", stor, 0, "bb")
		must(t, second.Close())
		_, err := io.WriteString(first, "aaaa")
		must(t, errors.Join(err, first.Close()))
		if got := contentOf(alice, "/file"); got != "aaaaaaaa" {
			t.Errorf("the file holds %q", got)
		}
	})
}

func TestManyUploadsToOneNameAreNeverMixed(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		var clients sync.WaitGroup
		for i := range 8 {
			clients.Go(func() {
				fs := session(storage, fmt.Sprint("user ", i%2))
				for range 20 {
					handle, err := fs.GetHandle("/file", stor, 0)
					if err != nil {
						t.Error(err)
						return
					}
					for range 8 {
						if _, err := io.WriteString(handle, strings.Repeat(fmt.Sprint(i), 512)); err != nil {
							t.Error(err)
						}
					}
					if err := handle.Close(); err != nil {
						t.Error(err)
					}
					content, err := afero.ReadFile(fs, "/file")
					if err != nil || len(content) != 4096 || strings.Count(string(content), string(content[0])) != 4096 {
						t.Errorf("read %d bytes, %v, not those of one upload", len(content), err)
					}
				}
			})
		}
		clients.Wait()
		if got := hidden(t, storage, "/"); got != 0 {
			t.Errorf("%d hidden files are left", got)
		}
	})
}

func TestOneOfManyGoesOn(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		upload(t, session(storage, "alice"), "/file", stor, 0, "half", true)
		var clients sync.WaitGroup
		var mu sync.Mutex
		var handles []ftpserver.FileTransfer
		for range 8 {
			clients.Go(func() {
				if handle, err := session(storage, "alice").GetHandle("/file", rest, 4); err == nil {
					mu.Lock()
					defer mu.Unlock()
					handles = append(handles, handle)
				}
			})
		}
		clients.Wait()
		if len(handles) != 1 {
			t.Fatalf("%d sessions go on with one upload", len(handles))
		}
		must(t, handles[0].Close())
	})
}

func TestAnInterruptedUploadBelongsToItsOwner(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		alice, bob := session(storage, "alice"), session(storage, "bob")
		upload(t, alice, "/file", stor, 0, "hers", true)
		if got := sizeOf(bob, "/file"); got != "none" {
			t.Errorf("SIZE tells bob %s", got)
		}
		if _, err := bob.GetHandle("/file", rest, 4); err == nil {
			t.Error("bob went on with it")
		}
		upload(t, bob, "/file", appe, 0, "his", false)
		if got := contentOf(alice, "/file"); got != "his" {
			t.Errorf("the file holds %q", got)
		}
		if err := bob.Remove("/file"); err != nil {
			t.Error(err)
		}
		if got := sizeOf(alice, "/file"); got != "4" {
			t.Errorf("SIZE tells alice %s", got)
		}
		must(t, alice.Remove("/file"))
		if got := hidden(t, storage, "/"); got != 0 {
			t.Errorf("%d hidden files are left", got)
		}
		if err := alice.Remove("/file"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a second DELE: %v", err)
		}
	})
}

func TestAnInterruptedUploadIsForgottenWhenTheFileWasReplaced(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		alice := session(storage, "alice")
		hanging := begin(t, alice, "/file", stor, 0, "first att")
		upload(t, alice, "/file", stor, 0, "second attempt", false)
		cut(t, hanging)
		if got, held := sizeOf(alice, "/file"), hidden(t, storage, "/"); got != "14" || held != 0 {
			t.Errorf("SIZE %s, %d hidden files", got, held)
		}
		upload(t, alice, "/file", stor, 0, "third", true)
		upload(t, session(storage, "bob"), "/file", stor, 0, "bob's", false)
		future := time.Now().Add(time.Minute)
		must(t, storage.Chtimes("/file", future, future)) // clocks of file systems are coarse
		if got := sizeOf(alice, "/file"); got != "5" {
			t.Errorf("SIZE tells alice %s after bob's upload", got)
		}
		upload(t, alice, "/file", appe, 0, "+", false)
		if got := contentOf(alice, "/file"); got != "bob's+" {
			t.Errorf("the file holds %q", got)
		}
	})
}

func TestReservedNames(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		fs := session(storage, "alice")
		upload(t, fs, "/file", stor, 0, "x", false)
		for _, name := range []string{"/.portico-upload-x", "/.Portico-Upload-", "/.portico-upload-dir/file"} {
			must(t, storage.MkdirAll(filepath.ToSlash(filepath.Dir(name)), 0o755))
			must(t, afero.WriteFile(storage, name, []byte("hidden"), 0o644))
			for verb, err := range map[string]error{
				"STOR":       transfer(name, stor)(fs),
				"APPE":       transfer(name, appe)(fs),
				"REST STOR":  transfer(name, rest)(fs),
				"MKD":        fs.Mkdir(name, 0o755),
				"SITE MKDIR": fs.MkdirAll(name, 0o755),
				"RNTO":       fs.Rename("/file", name),
			} {
				if !errors.Is(err, ftpserver.ErrFileNameNotAllowed) {
					t.Errorf("%s %s: %v, want ErrFileNameNotAllowed", verb, name, err)
				}
			}
			_, stat := fs.Stat(name)
			for verb, err := range map[string]error{
				"RETR":       transfer(name, os.O_RDONLY)(fs),
				"SIZE":       stat,
				"DELE":       fs.Remove(name),
				"RMD":        fs.RemoveDir(name),
				"SITE RMDIR": fs.RemoveAll(name),
				"RNFR":       fs.Rename(name, "/elsewhere"),
				"SITE CHMOD": fs.Chmod(name, 0o777),
				"MFMT":       fs.Chtimes(name, time.Unix(1, 0), time.Unix(1, 0)),
			} {
				if !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s %s: %v, want os.ErrNotExist", verb, name, err)
				}
			}
		}
	})
}

func TestNamesMayBeAsLongAsTheSystemAllows(t *testing.T) {
	t.Parallel()
	local, _ := newJail(t)
	fs := session(local, "alice")
	name := "/" + strings.Repeat("n", 255)
	upload(t, fs, name, stor, 0, "ha", true)
	upload(t, fs, name, rest, 2, "lf", false)
	if got := contentOf(fs, name); got != "half" {
		t.Errorf("the file holds %q", got)
	}
}

func TestDirectUploads(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		fs := sessionWith(storage, "alice", driver.UploadOptions{Mode: driver.UploadDirect, Durable: true})
		upload(t, fs, "/file", stor, 0, "old", false)
		handle := begin(t, fs, "/file", stor, 0, "new")
		if got := contentOf(fs, "/file"); got != "new" {
			t.Errorf("the file holds %q meanwhile", got)
		}
		cut(t, handle)
		upload(t, fs, "/file", rest, 1, "E", false)
		if got, size := contentOf(fs, "/file"), sizeOf(fs, "/file"); got != "nEw" || size != "3" {
			t.Errorf("the file holds %q, SIZE %s", got, size)
		}
		if err := transfer("/.portico-upload-x", stor)(fs); !errors.Is(err, ftpserver.ErrFileNameNotAllowed) {
			t.Errorf("a reserved name: %v", err)
		}
	})
}

func TestDurableUploads(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		faulty := newFaulty(storage)
		fs := sessionWith(faulty, "alice", driver.UploadOptions{Durable: true})
		upload(t, fs, "/file", stor, 0, "content", false)
		upload(t, fs, "/file", appe, 0, "+", false)
		if got := contentOf(fs, "/file"); got != "content+" {
			t.Errorf("the file holds %q", got)
		}
		// The file and then its directory, twice.
		if got := faulty.count("sync"); got != 4 {
			t.Errorf("%d syncs, want 4", got)
		}
		faulty.fail("sync", errors.New("EIO"))
		handle := begin(t, fs, "/file", stor, 0, "new")
		if err := handle.Close(); err == nil {
			t.Error("an upload that is not on the disk was called complete")
		}
		if got := contentOf(fs, "/file"); got != "content+" {
			t.Errorf("the file holds %q", got)
		}
	})
}

func TestUploadModeText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]driver.UploadMode{"": driver.UploadAtomic, "atomic": driver.UploadAtomic, "direct": driver.UploadDirect} {
		got := driver.UploadMode(9)
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("UnmarshalText(%q) = %v, %v", text, got, err)
		}
		if back, err := want.MarshalText(); err != nil || text != "" && string(back) != text {
			t.Errorf("MarshalText = %q, %v", back, err)
		}
	}
	var mode driver.UploadMode
	if err := mode.UnmarshalText([]byte("Atomic")); err == nil || !strings.Contains(err.Error(), "atomic or direct") {
		t.Errorf("an unknown mode: %v", err)
	}
}
