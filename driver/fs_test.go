package driver_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// onEach runs a test over every kind of file system that FS is used with.
func onEach(t *testing.T, test func(t *testing.T, fs *driver.FS)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		root, err := os.OpenRoot(t.TempDir())
		must(t, err)
		t.Cleanup(func() { must(t, root.Close()) })
		test(t, driver.NewFS(driver.Restrict(driver.NewLocal(root), driver.AllPermissions)))
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, driver.NewFS(afero.NewMemMapFs()))
	})
}

func store(t testing.TB, fs *driver.FS, name, content string, flags int, offset int64) {
	t.Helper()
	handle, err := fs.GetHandle(name, os.O_WRONLY|os.O_CREATE|flags, offset)
	must(t, err)
	_, err = handle.Seek(offset, io.SeekStart)
	must(t, err)
	_, err = io.WriteString(handle, content)
	must(t, errors.Join(err, handle.Close()))
}

func retrieve(t testing.TB, fs *driver.FS, name string) string {
	t.Helper()
	handle, err := fs.GetHandle(name, os.O_RDONLY, 0)
	must(t, err)
	content, err := io.ReadAll(handle)
	must(t, errors.Join(err, handle.Close()))
	return string(content)
}

func TestTransfers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, fs *driver.FS) {
		steps := []struct {
			does, content string
			flags         int
			offset        int64
			want          string
		}{
			{"STOR makes a file", "0123456789", os.O_TRUNC, 0, "0123456789"},
			{"REST and STOR overwrites and keeps the rest", "abc", 0, 4, "0123abc789"},
			{"APPE appends", "+", os.O_APPEND, 0, "0123abc789+"},
			{"STOR replaces", "new", os.O_TRUNC, 0, "new"},
		}
		for _, step := range steps {
			if step.flags == os.O_APPEND {
				handle, err := fs.GetHandle("/file", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0)
				must(t, err)
				_, err = io.WriteString(handle, step.content)
				must(t, errors.Join(err, handle.Close()))
			} else {
				store(t, fs, "/file", step.content, step.flags, step.offset)
			}
			if got := retrieve(t, fs, "/file"); got != step.want {
				t.Errorf("%s: the file holds %q, want %q", step.does, got, step.want)
			}
		}
	})
}

func TestDirectoriesAreNotTransferred(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, fs *driver.FS) {
		must(t, fs.Mkdir("/dir", 0o755))
		for _, name := range []string{"/dir", "/"} {
			if _, err := fs.GetHandle(name, os.O_RDONLY, 0); !errors.Is(err, syscall.EISDIR) {
				t.Errorf("RETR %s: %v, want EISDIR", name, err)
			}
		}
	})
}

func TestHandlesMoveBytesThroughTheDataConnection(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, fs *driver.FS) {
		store(t, fs, "/file", "x", os.O_TRUNC, 0)
		handle, err := fs.GetHandle("/file", os.O_RDONLY, 0)
		must(t, err)
		defer func() { must(t, handle.Close()) }()
		if _, ok := handle.(io.WriterTo); ok {
			t.Error("the handle has WriteTo")
		}
		if _, ok := handle.(io.ReaderFrom); ok {
			t.Error("the handle has ReadFrom")
		}
		file := handle.(interface{ OSFile() *os.File }).OSFile()
		if _, local := fs.Fs.(*driver.Restricted); local != (file != nil) {
			t.Errorf("OSFile() = %v on %s", file, fs.Name())
		}
	})
}

func TestNamesThatBreakLinesCannotBeCreated(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, fs *driver.FS) {
		store(t, fs, "/file", "x", os.O_TRUNC, 0)
		for _, name := range []string{"/a\rb", "/a\nb", "/a\x00b", "/dir\n/file"} {
			_, created := fs.Create(name)
			attempts := map[string]error{
				"STOR":       transfer(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)(fs),
				"APPE":       transfer(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND)(fs),
				"Create":     created,
				"MKD":        fs.Mkdir(name, 0o755),
				"SITE MKDIR": fs.MkdirAll(name, 0o755),
				"RNTO":       fs.Rename("/file", name),
			}
			for verb, err := range attempts {
				if !errors.Is(err, ftpserver.ErrFileNameNotAllowed) {
					t.Errorf("%s %q: %v, want ErrFileNameNotAllowed", verb, name, err)
				}
				if strings.ContainsAny(err.Error(), "\r\n\x00") {
					t.Errorf("%s %q: the error would break the reply: %q", verb, name, err)
				}
			}
		}
	})
}

func TestRemoving(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, fs *driver.FS) {
		must(t, fs.MkdirAll("/full/er", 0o755))
		store(t, fs, "/file", "x", os.O_TRUNC, 0)
		refusals := map[string]error{
			"DELE of an empty directory": fs.Remove("/full/er"),
			"DELE of nothing":            fs.Remove("/missing"),
			"RMD of a file":              fs.RemoveDir("/file"),
			"RMD of a full directory":    fs.RemoveDir("/full"),
			"RMD of nothing":             fs.RemoveDir("/missing"),
			"RMD of the root":            fs.RemoveDir("/"),
			"SITE RMDIR of the root":     fs.RemoveAll("/full/.."),
			"DELE of the root":           fs.Remove("/"),
		}
		for what, err := range refusals {
			if err == nil {
				t.Errorf("%s worked", what)
			}
		}
		if err := fs.Remove("/full/er"); !errors.Is(err, syscall.EISDIR) {
			t.Errorf("DELE of a directory: %v, want EISDIR", err)
		}
		must(t, fs.RemoveDir("/full/er"))
		must(t, fs.Remove("/file"))
		must(t, fs.RemoveAll("/full"))
		if left, err := fs.ReadDir("/"); err != nil || len(left) != 0 {
			t.Errorf("%d entries are left (%v)", len(left), err)
		}
	})
}

func TestListing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names and modes")
	}
	jail, parent := newJail(t)
	fs := driver.NewFS(jail)
	home := filepath.Join(parent, "home")
	for _, name := range []string{"b", "ä", "a b", "B", "cr\rname", "lf\nname", "\xff"} {
		must(t, os.WriteFile(filepath.Join(home, name), []byte("12345"), 0o600))
	}
	must(t, os.Chmod(filepath.Join(home, "sub"), 0o775|os.ModeSetgid|os.ModeSticky))
	for link, target := range map[string]string{
		"to a file": "b", "to sub": "sub", "to nothing": "missing", "to outside": "../outside", "to itself": "to itself",
	} {
		must(t, os.Symlink(target, filepath.Join(home, link)))
	}
	entries, err := fs.ReadDir("/")
	must(t, err)
	want := []struct {
		name, mode string
		size       int64
	}{
		{"B", "-rw-------", 5},
		{"a b", "-rw-------", 5},
		{"b", "-rw-------", 5},
		{"sub", "drwxrwxr-x", -1},
		{"to a file", "-rw-------", 5},
		{"to itself", "----------", 0},
		{"to nothing", "----------", 0},
		{"to outside", "----------", 0},
		{"to sub", "drwxrwxr-x", -1},
		{"ä", "-rw-------", 5},
		{"\xff", "-rw-------", 5},
	}
	if len(entries) != len(want) {
		t.Fatalf("%d entries, want %d: %v", len(entries), len(want), entries)
	}
	for i, entry := range entries {
		if entry.Name() != want[i].name || entry.Mode().String() != want[i].mode ||
			want[i].size >= 0 && entry.Size() != want[i].size || entry.IsDir() != (want[i].mode[0] == 'd') {
			t.Errorf("entry %d: %q %v %d, want %+v", i, entry.Name(), entry.Mode(), entry.Size(), want[i])
		}
	}
}

func TestStatShowsWhatAListingShows(t *testing.T) {
	t.Parallel()
	jail, parent := newJail(t)
	fs := driver.NewFS(jail)
	must(t, os.Chmod(filepath.Join(parent, "home", "sub"), 0o755|os.ModeSetgid))
	for path, want := range map[string]string{"/": "/ d", "/sub": "sub drwxr-xr-x", "/sub/inside": "inside -"} {
		info, err := fs.Stat(path)
		must(t, err)
		if got := info.Name() + " " + info.Mode().String(); !strings.HasPrefix(got, want) || len(info.Mode().String()) != 10 {
			t.Errorf("Stat(%q) shows %q, want %q", path, got, want)
		}
	}
	if _, err := fs.ReadDir("/sub/inside"); err == nil {
		t.Error("a file was listed as a directory")
	}
	if _, err := fs.ReadDir("/missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ReadDir of nothing: %v", err)
	}
}

func TestAFullDiskIsAStorageError(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		fs := driver.NewFS(fullDisk{Fs: afero.NewMemMapFs(), cause: cause})
		handle, err := fs.GetHandle("/file", os.O_WRONLY|os.O_CREATE, 0)
		must(t, err)
		_, written := handle.Write([]byte("x"))
		for what, err := range map[string]error{
			"Write": written, "Close": handle.Close(), "Mkdir": fs.Mkdir("/dir", 0o755), "MkdirAll": fs.MkdirAll("/dir", 0o755),
		} {
			if !errors.Is(err, ftpserver.ErrStorageExceeded) || !errors.Is(err, cause) {
				t.Errorf("%s: %v, want ErrStorageExceeded and %v", what, err, cause)
			}
			if err != nil && strings.Contains(err.Error(), "/srv/hidden") {
				t.Errorf("%s: %q tells where the home lies", what, err)
			}
		}
	}
}

func TestAvailableSpaceIsUnsupportedWhereNobodyKnows(t *testing.T) {
	t.Parallel()
	fs := driver.NewFS(driver.Restrict(afero.NewMemMapFs(), driver.AllPermissions))
	if _, err := fs.GetAvailableSpace("/"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("GetAvailableSpace: %v, want errors.ErrUnsupported", err)
	}
}

func TestNewFSAdaptsOnce(t *testing.T) {
	t.Parallel()
	fs := driver.NewFS(afero.NewMemMapFs())
	if driver.NewFS(fs) != fs {
		t.Error("NewFS put a second adapter over the first")
	}
}

// fullDisk is a file system on which nothing more can be stored.
type fullDisk struct {
	afero.Fs
	cause error
}

func (d fullDisk) Mkdir(string, os.FileMode) error    { return d.cause }
func (d fullDisk) MkdirAll(string, os.FileMode) error { return d.cause }

func (d fullDisk) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	file, err := d.Fs.OpenFile(name, flag, perm)
	return fullFile{File: file, cause: d.cause}, err
}

type fullFile struct {
	afero.File
	cause error
}

func (f fullFile) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/srv/hidden/file", Err: f.cause}
}

func (f fullFile) Close() error {
	_ = f.File.Close() // in memory
	return &os.PathError{Op: "close", Path: "/srv/hidden/file", Err: f.cause}
}
