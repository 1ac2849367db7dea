package driver_test

import (
	"errors"
	"os"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// TestRestrictedAllowsWhatItsPermissionsSay tries every operation under every
// one of the 64 sets and compares with the sets that should allow it.
func TestRestrictedAllowsWhatItsPermissionsSay(t *testing.T) {
	t.Parallel()
	const (
		list, read, write = driver.CanList, driver.CanRead, driver.CanWrite
		del, rename, mk   = driver.CanDelete, driver.CanRename, driver.CanMkdir
	)
	always := func(driver.Permissions) bool { return true }
	never := func(driver.Permissions) bool { return false }
	having := func(wanted driver.Permissions) func(driver.Permissions) bool {
		return func(p driver.Permissions) bool { return p&wanted == wanted }
	}
	tests := []struct {
		name    string
		run     func(fs *driver.FS) error
		allowed func(driver.Permissions) bool
	}{
		{"LIST", func(fs *driver.FS) error { _, err := fs.ReadDir("/"); return err }, having(list)},
		{"CWD", func(fs *driver.FS) error { _, err := fs.Stat("/dir"); return err }, always},
		{"SIZE", func(fs *driver.FS) error { _, err := fs.Stat("/file"); return err },
			func(p driver.Permissions) bool { return p&(list|read|del|rename) != 0 }},
		{"RETR", transfer("/file", os.O_RDONLY), having(read)},
		{"HASH", func(fs *driver.FS) error {
			_, err := fs.ComputeHash("/file", ftpserver.HASHAlgoMD5, 0, 1)
			return err
		}, having(read)},
		{"STOR", transfer("/new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC), having(write)},
		{"REST STOR", transfer("/file", os.O_WRONLY|os.O_CREATE), having(write)},
		{"APPE", transfer("/file", os.O_WRONLY|os.O_CREATE|os.O_APPEND), having(write)},
		{"open for reading that truncates", transfer("/file", os.O_RDONLY|os.O_TRUNC), having(write)},
		{"open for both", transfer("/file", os.O_RDWR), having(read | write)},
		{"Create", func(fs *driver.FS) error {
			file, err := fs.Create("/new")
			if err != nil {
				return err
			}
			return file.Close()
		}, having(read | write)},
		{"DELE", func(fs *driver.FS) error { return fs.Remove("/file") }, having(del)},
		{"RMD", func(fs *driver.FS) error { return fs.RemoveDir("/empty") }, having(del)},
		{"SITE RMDIR", func(fs *driver.FS) error { return fs.RemoveAll("/dir") }, having(del)},
		{"RNTO", func(fs *driver.FS) error { return fs.Rename("/file", "/new") }, having(rename)},
		{"RNTO over a file", func(fs *driver.FS) error { return fs.Rename("/file", "/other") }, having(rename | write)},
		{"MKD", func(fs *driver.FS) error { return fs.Mkdir("/new", 0o755) }, having(mk)},
		{"SITE MKDIR", func(fs *driver.FS) error { return fs.MkdirAll("/new/er", 0o755) }, having(mk)},
		{"SITE CHMOD", func(fs *driver.FS) error { return fs.Chmod("/file", 0o600) }, having(write)},
		{"MFMT", func(fs *driver.FS) error { return fs.Chtimes("/file", time.Unix(1, 0), time.Unix(1, 0)) }, having(write)},
		{"SITE CHOWN", func(fs *driver.FS) error { return fs.Chown("/file", os.Getuid(), os.Getgid()) }, never},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for p := driver.Permissions(0); p <= driver.AllPermissions; p++ {
				err := tt.run(driver.NewFS(driver.Restrict(populated(t), p)))
				switch allowed := tt.allowed(p); {
				case allowed && err != nil:
					t.Errorf("with %v: %v, want it allowed", p, err)
				case !allowed && !errors.Is(err, os.ErrPermission):
					t.Errorf("with %v: %v, want os.ErrPermission", p, err)
				}
			}
		})
	}
}

func TestRestrictedTellsAWriterNothing(t *testing.T) {
	t.Parallel()
	fs := driver.Restrict(populated(t), driver.CanWrite|driver.CanMkdir)
	_, here := fs.Stat("/file")
	_, notHere := fs.Stat("/missing")
	if !errors.Is(here, os.ErrPermission) || !errors.Is(notHere, os.ErrPermission) {
		t.Errorf("Stat of a file: %v; of none: %v; want os.ErrPermission twice", here, notHere)
	}
}

func transfer(name string, flags int) func(*driver.FS) error {
	return func(fs *driver.FS) error {
		handle, err := fs.GetHandle(name, flags, 0)
		if err != nil {
			return err
		}
		return handle.Close()
	}
}

// populated returns a memory file system with the files the tests name.
func populated(t *testing.T) afero.Fs {
	t.Helper()
	fs := afero.NewMemMapFs()
	for _, name := range []string{"/file", "/other", "/dir/inner"} {
		if err := afero.WriteFile(fs, name, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := fs.Mkdir("/empty", 0o755); err != nil {
		t.Fatal(err)
	}
	return fs
}
