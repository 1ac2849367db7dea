package driver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		must(t, storage.MkdirAll("/a/b", 0o755))
		must(t, storage.MkdirAll("/.portico-upload-brought-along.tmp", 0o755))
		must(t, afero.WriteFile(storage, "/.portico-upload-notes.txt", []byte("brought along"), 0o644))
		uploads := driver.NewUploads(storage, "alice", driver.UploadOptions{KeepPartials: time.Hour})
		fs := session(storage, "alice")
		upload(t, fs, "/kept", stor, 0, "complete", false)
		upload(t, fs, "/a/b/cut", stor, 0, "cut", true)
		upload(t, session(storage, "bob"), "/a/cut", stor, 0, "cut by bob", true)
		running := begin(t, fs, "/a/b/running", stor, 0, "run")

		now := time.Now()
		if swept, err := uploads.Sweep(t.Context(), now.Add(59*time.Minute)); err != nil || swept.Files != 0 {
			t.Errorf("before their time: swept %+v, %v", swept, err)
		}
		keeping := driver.NewUploads(storage, "alice", driver.UploadOptions{KeepPartials: -1})
		if swept, err := keeping.Sweep(t.Context(), now.Add(100*time.Hour)); err != nil || swept.Files != 0 {
			t.Errorf("kept for good: swept %+v, %v", swept, err)
		}
		must(t, running.Close())
		if swept, err := uploads.Sweep(t.Context(), now.Add(61*time.Minute)); err != nil || swept != (driver.Swept{Files: 2, Bytes: 13}) {
			t.Errorf("swept %+v, %v; want 2 files, 13 bytes", swept, err)
		}
		if got := hidden(t, storage, "/a") + hidden(t, storage, "/a/b"); got != 0 {
			t.Errorf("%d hidden files are left", got)
		}
		if got := contentOf(fs, "/kept") + contentOf(fs, "/a/b/running"); got != "completerun" {
			t.Errorf("the complete files hold %q", got)
		}
		if got := hidden(t, storage, "/"); got != 2 {
			t.Errorf("%d of 2 strange files are left", got)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := uploads.Sweep(ended, now); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended sweep: %v", err)
		}
	})
}

func TestSweepLeavesAnUploadThatGoesOn(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		opts := driver.UploadOptions{KeepPartials: time.Hour}
		fs := sessionWith(storage, "alice", opts)
		upload(t, fs, "/file", stor, 0, "half", true)
		past := time.Now().Add(-2 * time.Hour)
		for _, name := range strings.Fields(namesIn(t, storage, "/")) {
			must(t, storage.Chtimes("/"+name, past, past))
		}
		handle := begin(t, fs, "/file", rest, 4, "")
		if swept, err := driver.NewUploads(storage, "alice", opts).Sweep(t.Context(), time.Now()); err != nil || swept.Files != 0 {
			t.Errorf("swept %+v, %v", swept, err)
		}
		must(t, handle.Close())
		if got := contentOf(fs, "/file"); got != "half" {
			t.Errorf("the file holds %q", got)
		}
	})
}

func TestADirectoryWithInterruptedUploadsAloneIsEmpty(t *testing.T) {
	t.Parallel()
	local, _ := newJail(t)
	day := 24 * time.Hour
	tests := []struct {
		name    string
		prepare func(t *testing.T, fs *driver.FS)
		now     time.Time
		removed bool
	}{
		{"interrupted", func(t *testing.T, fs *driver.FS) { upload(t, fs, "/dir/file", stor, 0, "half", true) }, time.Now(), true},
		{"under way", func(t *testing.T, fs *driver.FS) { begin(t, fs, "/dir/file", stor, 0, "half") }, time.Now(), false},
		{"of a killed process", func(t *testing.T, fs *driver.FS) { begin(t, fs, "/dir/file", stor, 0, "half") }, time.Now().Add(2 * day), true},
		{"with a file", func(t *testing.T, fs *driver.FS) {
			upload(t, fs, "/dir/file", stor, 0, "half", true)
			upload(t, fs, "/dir/other", stor, 0, "", false)
		}, time.Now(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, err := afero.TempDir(local, "/", "test")
			must(t, err)
			must(t, local.Mkdir(dir+"/dir", 0o755))
			fs := sessionWith(inDir{local, dir}, "alice", driver.UploadOptions{Now: func() time.Time { return tt.now }})
			tt.prepare(t, fs)
			if err := fs.RemoveDir("/dir"); (err == nil) != tt.removed {
				t.Errorf("RMD: %v, want it removed: %v", err, tt.removed)
			}
			if tt.name == "with a file" {
				return
			}
			if got := hidden(t, local, dir); got != 0 {
				t.Errorf("%d hidden files", got)
			}
		})
	}
}

// inDir is a directory of a Local, with its powers.
type inDir struct {
	*driver.Local
	dir string
}

func (d inDir) Open(name string) (afero.File, error)  { return d.Local.Open(d.dir + name) }
func (d inDir) Stat(name string) (os.FileInfo, error) { return d.Local.Stat(d.dir + name) }
func (d inDir) Remove(name string) error              { return d.Local.Remove(d.dir + name) }
func (d inDir) RemoveDir(name string) error           { return d.Local.RemoveDir(d.dir + name) }
func (d inDir) CheckWrite(name string) error          { return d.Local.CheckWrite(d.dir + name) }
func (d inDir) Rename(oldname, newname string) error {
	return d.Local.Rename(d.dir+oldname, d.dir+newname)
}

func (d inDir) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	return d.Local.LstatIfPossible(d.dir + name)
}

func (d inDir) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	return d.Local.OpenFile(d.dir+name, flag, perm)
}

func TestUsersSweepAllHomes(t *testing.T) {
	t.Parallel()
	shared, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	must(t, os.Mkdir(gone, 0o755))
	hour := driver.UploadOptions{KeepPartials: time.Hour}
	users, err := driver.NewUsers([]driver.User{
		{Name: "alice", PasswordHash: bcryptHash, Home: shared, Permissions: driver.AllPermissions, Uploads: hour},
		{Name: "bob", PasswordHash: bcryptHash, Home: shared, Permissions: driver.AllPermissions},
		{Name: "carol", PasswordHash: bcryptHash, Home: t.TempDir(), Permissions: driver.AllPermissions, Uploads: hour},
		{Name: "dave", PasswordHash: bcryptHash, Home: gone, Permissions: driver.AllPermissions},
	}, driver.UsersOptions{})
	must(t, err)
	for _, name := range []string{"alice", "bob", "carol"} {
		upload(t, login(t, users, name, "correct"), "/file", stor, 0, "half", true)
	}
	must(t, os.Remove(gone))
	now := time.Now()
	// A home is swept when the last of its users has given up.
	for _, tt := range []struct {
		now  time.Time
		want int64
	}{{now, 0}, {now.Add(2 * time.Hour), 1}, {now.Add(25 * time.Hour), 2}} {
		if swept, err := users.Sweep(t.Context(), tt.now); err != nil || swept.Files != tt.want {
			t.Errorf("swept %+v, %v; want %d files", swept, err, tt.want)
		}
	}
}
