package driver_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// TestRestrictedAllowsWhatItsPermissionsSay tries every operation under every
// one of the 256 sets and compares with the sets that should allow it.
func TestRestrictedAllowsWhatItsPermissionsSay(t *testing.T) {
	t.Parallel()
	const (
		list, read, write = driver.CanList, driver.CanRead, driver.CanWrite
		del, rename, mk   = driver.CanDelete, driver.CanRename, driver.CanMkdir
		over, chmod       = driver.CanOverwrite, driver.CanChmod
	)
	always := func(driver.Permissions) bool { return true }
	never := func(driver.Permissions) bool { return false }
	having := func(wanted driver.Permissions) func(driver.Permissions) bool {
		return func(p driver.Permissions) bool { return p&wanted == wanted }
	}
	overwriting := func(wanted driver.Permissions) func(driver.Permissions) bool {
		return func(p driver.Permissions) bool { return p&(wanted|write) == wanted|write && p&(over|del) != 0 }
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
		{"STOR", transfer("/new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC), having(write)},
		{"STOR over a file", transfer("/file", os.O_WRONLY|os.O_CREATE|os.O_TRUNC), overwriting(0)},
		{"REST STOR", transfer("/file", os.O_WRONLY|os.O_CREATE), overwriting(0)},
		{"APPE", transfer("/file", os.O_WRONLY|os.O_CREATE|os.O_APPEND), overwriting(0)},
		{"APPE to a new file", transfer("/new", os.O_WRONLY|os.O_CREATE|os.O_APPEND), having(write)},
		{"open for reading that truncates", transfer("/file", os.O_RDONLY|os.O_TRUNC), overwriting(0)},
		{"open for both", transfer("/file", os.O_RDWR), overwriting(read)},
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
		{"RNTO over a file", func(fs *driver.FS) error { return fs.Rename("/file", "/other") }, overwriting(rename)},
		{"MKD", func(fs *driver.FS) error { return fs.Mkdir("/new", 0o755) }, having(mk)},
		{"SITE MKDIR", func(fs *driver.FS) error { return fs.MkdirAll("/new/er", 0o755) }, having(mk)},
		{"SITE CHMOD", func(fs *driver.FS) error { return fs.Chmod("/file", 0o600) }, having(chmod)},
		{"MFMT", func(fs *driver.FS) error { return fs.Chtimes("/file", time.Unix(1, 0), time.Unix(1, 0)) }, having(write)},
		{"SITE CHOWN", func(fs *driver.FS) error { return fs.Chown("/file", os.Getuid(), os.Getgid()) }, never},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for p := driver.Permissions(0); p <= driver.AllPermissions; p++ {
				for _, storage := range []afero.Fs{populated(t), driver.NewUploads(populated(t), "alice", driver.UploadOptions{})} {
					err := tt.run(driver.NewFS(driver.Restrict(storage, p)))
					switch allowed := tt.allowed(p); {
					case allowed && err != nil:
						t.Errorf("%s with %v: %v, want it allowed", storage.Name(), p, err)
					case !allowed && !errors.Is(err, os.ErrPermission):
						t.Errorf("%s with %v: %v, want os.ErrPermission", storage.Name(), p, err)
					}
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

// TestADropBox plays two clients who may write and nothing else.
func TestADropBox(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		box := func(owner string) *driver.FS {
			return driver.NewFS(driver.Restrict(driver.NewUploads(storage, owner, driver.UploadOptions{}), driver.CanWrite))
		}
		alice, bob := box("alice"), box("bob")
		upload(t, alice, "/report", stor, 0, "hal", true)
		if got := sizeOf(alice, "/report"); got != "3" {
			t.Errorf("SIZE tells alice %s of her own upload", got)
		}
		if _, err := bob.UploadSize("/report"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("SIZE tells bob %v", err)
		}
		upload(t, alice, "/report", rest, 3, "f", false)

		// One that begins before the other ends must not replace it either.
		late, slow := begin(t, alice, "/race", stor, 0, "late"), begin(t, bob, "/race", stor, 0, "slow")
		must(t, late.Close())
		if err := slow.Close(); !errors.Is(err, os.ErrExist) {
			t.Errorf("the second upload: %v, want os.ErrExist", err)
		}
		for _, flags := range []int{stor, appe, rest} {
			if _, err := bob.GetHandle("/report", flags, 0); !errors.Is(err, os.ErrPermission) {
				t.Errorf("bob changes what alice has sent: %v", err)
			}
		}
		_, list := bob.ReadDir("/")
		for verb, err := range map[string]error{
			"LIST": list, "RETR": transfer("/report", os.O_RDONLY)(bob), "DELE": bob.Remove("/report"), "RNTO": bob.Rename("/report", "/mine"),
		} {
			if !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s: %v, want os.ErrPermission", verb, err)
			}
		}
		operator := session(storage, "operator")
		if got := contentOf(operator, "/report") + " " + contentOf(operator, "/race"); got != "half late" {
			t.Errorf("the box holds %q", got)
		}
		if got := hidden(t, storage, "/"); got != 0 {
			t.Errorf("%d hidden files are left", got)
		}
	})
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
