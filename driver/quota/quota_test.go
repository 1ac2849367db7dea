package quota_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
)

const (
	stor = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	rest = os.O_WRONLY | os.O_CREATE
	appe = os.O_WRONLY | os.O_CREATE | os.O_APPEND
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB) (store *quota.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "quota.db")
	store, err := quota.Open(path, quota.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return store, path
}

func newLocal(t testing.TB) afero.Fs {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return driver.NewLocal(root)
}

func onEachStorage(t *testing.T, test func(t *testing.T, storage afero.Fs)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		test(t, newLocal(t))
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, afero.NewMemMapFs())
	})
}

// session returns what a session of alice's sees.
func session(t testing.TB, store *quota.Store, storage afero.Fs, limits quota.Limits, mode driver.UploadMode) *driver.FS {
	t.Helper()
	limited, err := store.Layer(t.Context(), "alice", limits, storage)
	must(t, err)
	uploads := driver.NewUploads(limited, "alice", driver.UploadOptions{Mode: mode})
	return driver.NewFS(driver.Restrict(uploads, driver.AllPermissions))
}

// send uploads as the engine does and returns what it would report.
func send(fs *driver.FS, name string, flags int, offset int64, content string, cut error) error {
	handle, err := fs.GetHandle(name, flags, offset)
	if err != nil {
		return err
	}
	if offset > 0 {
		_, err = handle.Seek(offset, io.SeekStart)
	}
	for part := range 4 {
		if err == nil {
			_, err = io.WriteString(handle, content[len(content)*part/4:len(content)*(part+1)/4])
		}
	}
	if err == nil {
		err = cut
	}
	if err != nil {
		handle.(ftpserver.FileTransferError).TransferError(err)
	}
	return errors.Join(err, handle.Close())
}

// requireTrue fails if what is counted is not what is there.
func requireTrue(t testing.TB, fs *driver.FS, storage afero.Fs) {
	t.Helper()
	got, err := fs.Quota("/")
	must(t, err)
	var want driver.Quota
	must(t, afero.Walk(storage, "/", func(name string, info os.FileInfo, err error) error {
		if err == nil && name != "/" {
			want.Files++
			if !info.IsDir() {
				want.Bytes += info.Size()
			}
		}
		return err
	}))
	if got.Bytes != want.Bytes || got.Files != want.Files {
		t.Errorf("%d bytes in %d files are counted, %d in %d are there", got.Bytes, got.Files, want.Bytes, want.Files)
	}
}

func TestEveryChangeIsCounted(t *testing.T) {
	t.Parallel()
	errCut := errors.New("cut")
	for _, mode := range []driver.UploadMode{driver.UploadAtomic, driver.UploadDirect} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			onEachStorage(t, func(t *testing.T, storage afero.Fs) {
				must(t, storage.MkdirAll("/before", 0o755))
				must(t, afero.WriteFile(storage, "/before/file", []byte("was there before"), 0o644))
				store, _ := open(t)
				fs := session(t, store, storage, quota.Limits{Bytes: 1000, Files: 100}, mode)
				steps := []struct {
					name string
					do   func() error
				}{
					{"nothing", func() error { return nil }},
					{"STOR", func() error { return send(fs, "/file", stor, 0, "0123456789", nil) }},
					{"STOR of nothing", func() error { return send(fs, "/empty", stor, 0, "", nil) }},
					{"STOR over it", func() error { return send(fs, "/file", stor, 0, "0123456", nil) }},
					{"APPE", func() error { return send(fs, "/file", appe, 0, "+++", nil) }},
					{"REST", func() error { return send(fs, "/file", rest, 4, "abcdefghijkl", nil) }},
					{"REST within", func() error { return send(fs, "/file", rest, 1, "x", nil) }},
					{"a cut upload", func() error { return ignore(errCut, send(fs, "/cut", stor, 0, "half of it", errCut)) }},
					{"going on", func() error { return send(fs, "/cut", rest, 4, " more", nil) }},
					{"a cut upload over a file", func() error { return ignore(errCut, send(fs, "/cut", stor, 0, "half", errCut)) }},
					{"MKD", func() error { return fs.Mkdir("/dir", 0o755) }},
					{"MKD again", func() error { return ignore(os.ErrExist, fs.Mkdir("/dir", 0o755)) }},
					{"SITE MKDIR", func() error { return fs.MkdirAll("/dir/a/b/c", 0o755) }},
					{"SITE MKDIR again", func() error { return fs.MkdirAll("/dir/a/b/c", 0o755) }},
					{"RNTO", func() error { return fs.Rename("/file", "/dir/file") }},
					{"RNTO over a file", func() error { return fs.Rename("/dir/file", "/before/file") }},
					{"RNTO itself", func() error { return fs.Rename("/before/file", "/before/../before/file") }},
					{"RMD", func() error { return fs.RemoveDir("/dir/a/b/c") }},
					{"RMD of nothing", func() error { return ignore(os.ErrNotExist, fs.RemoveDir("/dir/a/b/c")) }},
					{"more in a directory", func() error { return send(fs, "/dir/a/file", stor, 0, "0123456789", nil) }},
					{"SITE RMDIR", func() error { return fs.RemoveAll("/dir") }},
					{"DELE", func() error { return fs.Remove("/empty") }},
					{"DELE of nothing", func() error { return ignore(os.ErrNotExist, fs.Remove("/empty")) }},
				}
				for _, step := range steps {
					if err := step.do(); err != nil {
						t.Errorf("%s: %v", step.name, err)
					}
					requireTrue(t, fs, storage)
				}
			})
		})
	}
}

func ignore(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func TestLimits(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		store, _ := open(t)
		fs := session(t, store, storage, quota.Limits{Bytes: 100, Files: 3}, driver.UploadAtomic)
		must(t, send(fs, "/file", stor, 0, strings.Repeat("x", 60), nil))
		if space, err := fs.GetAvailableSpace("/"); err != nil || space != 40 {
			t.Errorf("AVBL: %d, %v; want 40", space, err)
		}
		exceeded := map[string]error{
			"too much":          send(fs, "/other", stor, 0, strings.Repeat("x", 41), nil),
			"too much appended": send(fs, "/file", appe, 0, strings.Repeat("x", 100), nil),
		}
		must(t, fs.Remove("/file"))
		must(t, fs.MkdirAll("/a/b/c", 0o755))
		exceeded["too many files"] = send(fs, "/file", stor, 0, "", nil)
		exceeded["too many directories"] = fs.Mkdir("/dir", 0o755)
		exceeded["too many directories at once"] = fs.MkdirAll("/a/b/c/d", 0o755)
		for what, err := range exceeded {
			if !errors.Is(err, quota.ErrExceeded) || !errors.Is(err, ftpserver.ErrStorageExceeded) {
				t.Errorf("%s: %v, want ErrExceeded", what, err)
			}
		}
		requireTrue(t, fs, storage)
	})
}

func TestAFileCanBeReplacedWithinTheLimit(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		store, _ := open(t)
		fs := session(t, store, storage, quota.Limits{Bytes: 100}, driver.UploadAtomic)
		must(t, send(fs, "/file", stor, 0, strings.Repeat("x", 90), nil))
		must(t, send(fs, "/file", stor, 0, strings.Repeat("y", 100), nil))
		if err := send(fs, "/file", stor, 0, strings.Repeat("z", 201), nil); !errors.Is(err, quota.ErrExceeded) {
			t.Errorf("more than the limit: %v", err)
		}
		if got, err := afero.ReadFile(fs, "/file"); err != nil || string(got) != strings.Repeat("y", 100) {
			t.Errorf("the file holds %d bytes, %v", len(got), err)
		}
		requireTrue(t, fs, storage)
	})
}

func TestSessionsDoNotPassTheLimitTogether(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		store, _ := open(t)
		limits := quota.Limits{Bytes: 10_000, Files: 30}
		var clients sync.WaitGroup
		for i := range 8 {
			fs := session(t, store, storage, limits, driver.UploadAtomic)
			clients.Go(func() {
				for round := range 20 {
					name := fmt.Sprintf("/file %d", (i+round)%40)
					err := send(fs, name, stor, 0, strings.Repeat("x", 400+round), nil)
					if err != nil && !errors.Is(err, quota.ErrExceeded) {
						t.Error(err)
					}
					if round%5 == 4 {
						_ = fs.Remove(name) // another session may have been quicker
					}
					usage, _, err := store.Usage("alice")
					// Uploads that replace a file may pass the limit until they end.
					if err != nil || usage.Files > limits.Files || usage.Bytes > limits.Bytes+8*420 {
						t.Errorf("usage %+v, %v", usage, err)
					}
				}
			})
		}
		clients.Wait()
		requireTrue(t, session(t, store, storage, limits, driver.UploadAtomic), storage)
	})
}

func TestCountsSurviveARestart(t *testing.T) {
	t.Parallel()
	storage := newLocal(t)
	store, path := open(t)
	limits := quota.Limits{Bytes: 1000}
	must(t, send(session(t, store, storage, limits, driver.UploadAtomic), "/file", stor, 0, "0123456789", nil))
	must(t, store.Close())
	must(t, store.Close())
	if err := send(sessionBefore(t, store, storage), "/file", stor, 0, "x", nil); err == nil {
		t.Error("a change was made that nobody counts")
	}

	again, err := quota.Open(path, quota.Options{})
	must(t, err)
	defer func() { must(t, again.Close()) }()
	if usage, known, err := again.Usage("alice"); err != nil || !known || usage != (quota.Usage{Bytes: 10, Files: 1}) {
		t.Errorf("usage %+v, %v, %v", usage, known, err)
	}
	if _, known, err := again.Usage("bob"); err != nil || known {
		t.Errorf("bob is known: %v, %v", known, err)
	}
	// What was known is believed and not counted anew.
	must(t, afero.WriteFile(storage, "/past the layer", []byte("unseen"), 0o644))
	fs := session(t, again, storage, limits, driver.UploadAtomic)
	if got, err := fs.Quota("/"); err != nil || got != (driver.Quota{Bytes: 10, Files: 1, MaxBytes: 1000}) {
		t.Errorf("quota %+v, %v", got, err)
	}
	if usage, err := again.Recount(t.Context(), "alice", storage); err != nil || usage != (quota.Usage{Bytes: 16, Files: 2}) {
		t.Errorf("recounted %+v, %v", usage, err)
	}
	requireTrue(t, fs, storage)
}

// sessionBefore is a session that was there before the store was closed.
func sessionBefore(t *testing.T, store *quota.Store, storage afero.Fs) *driver.FS {
	t.Helper()
	limited, err := store.Layer(t.Context(), "alice", quota.Limits{Bytes: 1000}, storage)
	must(t, err)
	return driver.NewFS(limited)
}

// TestACrashIsFollowedByACount copies the file as a process that dies at that
// moment would leave it.
func TestACrashIsFollowedByACount(t *testing.T) {
	t.Parallel()
	limits := quota.Limits{Bytes: 1000}
	tests := []struct {
		name    string
		prepare func(t *testing.T, store *quota.Store, fs *driver.FS)
		counts  bool // the next process counts anew
	}{
		{"after a change", func(t *testing.T, _ *quota.Store, fs *driver.FS) {
			must(t, send(fs, "/file", stor, 0, "0123456789", nil))
		}, true},
		{"during a change", func(t *testing.T, store *quota.Store, fs *driver.FS) {
			handle, err := fs.GetHandle("/file", stor, 0)
			must(t, err)
			_, err = handle.Write([]byte("01234"))
			must(t, err)
			must(t, store.Flush())
		}, true},
		{"after a flush", func(t *testing.T, store *quota.Store, fs *driver.FS) {
			must(t, send(fs, "/file", stor, 0, "0123456789", nil))
			must(t, store.Flush())
		}, false},
		{"after a flush and a change", func(t *testing.T, store *quota.Store, fs *driver.FS) {
			must(t, send(fs, "/file", stor, 0, "0123456789", nil))
			must(t, store.Flush())
			must(t, fs.Remove("/file"))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			storage := newLocal(t)
			store, path := open(t)
			tt.prepare(t, store, session(t, store, storage, limits, driver.UploadAtomic))
			content, err := os.ReadFile(path)
			must(t, err)
			left := filepath.Join(t.TempDir(), "quota.db")
			must(t, os.WriteFile(left, content, 0o600))
			next, err := quota.Open(left, quota.Options{})
			must(t, err)
			defer func() { must(t, next.Close()) }()

			must(t, afero.WriteFile(storage, "/unseen", []byte("unseen"), 0o644))
			fs := session(t, next, storage, limits, driver.UploadAtomic)
			if tt.counts {
				requireTrue(t, fs, storage)
				return
			}
			if got, err := fs.Quota("/"); err != nil || got.Files != 1 {
				t.Errorf("quota %+v, %v: it was counted anew", got, err)
			}
		})
	}
}

func TestRecountWhileSessionsWrite(t *testing.T) {
	t.Parallel()
	onEachStorage(t, func(t *testing.T, storage afero.Fs) {
		store, _ := open(t)
		fs := session(t, store, storage, quota.Limits{Bytes: 1 << 30}, driver.UploadAtomic)
		var clients sync.WaitGroup
		for i := range 4 {
			clients.Go(func() {
				for round := range 50 {
					if err := send(fs, fmt.Sprintf("/file %d %d", i, round%7), stor, 0, strings.Repeat("x", 100*i+round), nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 20 {
			if _, err := store.Recount(t.Context(), "alice", storage); err != nil {
				t.Error(err)
			}
		}
		clients.Wait()
		requireTrue(t, fs, storage)
	})
}

func TestFaultsAreCountedBack(t *testing.T) {
	t.Parallel()
	storage := newLocal(t)
	store, _ := open(t)
	broken := &failing{Fs: storage}
	fs := session(t, store, broken, quota.Limits{Bytes: 1000, Files: 100}, driver.UploadDirect)
	broken.fails = true
	for what, err := range map[string]error{
		"STOR": send(fs, "/file", stor, 0, "0123456789", nil), "MKD": fs.Mkdir("/dir", 0o755), "DELE": fs.Remove("/file"),
	} {
		if err == nil {
			t.Errorf("%s worked", what)
		}
	}
	broken.fails = false
	requireTrue(t, fs, storage)
}

// failing is a storage that writes half and then fails.
type failing struct {
	afero.Fs
	fails bool
}

func (f *failing) Mkdir(name string, perm os.FileMode) error {
	if f.fails {
		return syscall.EIO
	}
	return f.Fs.Mkdir(name, perm)
}

func (f *failing) Remove(name string) error {
	if f.fails {
		return syscall.EIO
	}
	return f.Fs.Remove(name)
}

func (f *failing) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	file, err := f.Fs.OpenFile(name, flag, perm)
	if err != nil || !f.fails {
		return file, err
	}
	return halfWriter{file}, nil
}

type halfWriter struct{ afero.File }

func (f halfWriter) Write(p []byte) (int, error) {
	n, err := f.File.Write(p[:len(p)/2])
	return n, errors.Join(err, syscall.EIO)
}

func TestTheFileBelongsToOneProcess(t *testing.T) {
	t.Parallel()
	_, path := open(t)
	if _, err := quota.Open(path, quota.Options{Wait: -1}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second Open: %v", err)
	}
	if _, err := quota.Open(filepath.Join(path, "below"), quota.Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("Open below a file: %v", err)
	}
}

func TestLayerChecksWhatItIsGiven(t *testing.T) {
	t.Parallel()
	store, _ := open(t)
	storage := newLocal(t)
	if got, err := store.Layer(t.Context(), "alice", quota.Limits{}, storage); err != nil || got != storage {
		t.Errorf("no limits: %v, %v; want the storage itself", got, err)
	}
	if _, err := store.Layer(t.Context(), "alice", quota.Limits{Bytes: -1}, storage); err == nil {
		t.Error("a negative limit was accepted")
	}
	uploads := driver.NewUploads(storage, "alice", driver.UploadOptions{})
	if _, err := store.Layer(t.Context(), "alice", quota.Limits{Bytes: 1}, uploads); err == nil || !strings.Contains(err.Error(), "takes no quota") {
		t.Errorf("a quota over the wrong layer: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, storage.Mkdir("/dir", 0o755))
	if _, err := store.Layer(ended, "alice", quota.Limits{Bytes: 1}, storage); !errors.Is(err, context.Canceled) {
		t.Errorf("a count without time: %v", err)
	}
}

func TestDownloadsKeepTheOperatingSystemsFile(t *testing.T) {
	t.Parallel()
	store, _ := open(t)
	fs := session(t, store, newLocal(t), quota.Limits{Bytes: 100}, driver.UploadAtomic)
	must(t, send(fs, "/log", stor, 0, "content", nil))
	download, err := fs.GetHandle("/log", os.O_RDONLY, 0)
	must(t, err)
	defer func() { must(t, download.Close()) }()
	upload, err := fs.GetHandle("/log", appe, 0)
	must(t, err)
	defer func() { must(t, upload.Close()) }()
	type osFiler interface{ OSFile() *os.File }
	if download.(osFiler).OSFile() == nil || upload.(osFiler).OSFile() != nil {
		t.Error("downloads must, and uploads must not, be moved by the kernel")
	}
	if err := send(fs, "/log", appe, 0, "x", nil); err == nil {
		t.Error("two uploads add to one file at a time")
	}
}

func BenchmarkUpload(b *testing.B) {
	store, _ := open(b)
	storage := newLocal(b)
	for name, fs := range map[string]*driver.FS{
		"without a quota": driver.NewFS(driver.NewUploads(storage, "alice", driver.UploadOptions{Now: time.Now})),
		"with a quota":    session(b, store, storage, quota.Limits{Bytes: 1 << 40}, driver.UploadAtomic),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(b, send(fs, "/file", stor, 0, "0123456789", nil))
			}
		})
	}
}
