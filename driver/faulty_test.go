package driver_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// faulty is a layer whose operations fail when the test wants it.
type faulty struct {
	afero.Fs

	mu     sync.Mutex
	faults map[string]error // guarded by mu
	counts map[string]int   // guarded by mu
}

func newFaulty(fs afero.Fs) *faulty {
	return &faulty{Fs: fs, faults: map[string]error{}, counts: map[string]int{}}
}

func (f *faulty) fail(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[op] = err
}

func (f *faulty) count(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

func (f *faulty) do(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[op]++
	return f.faults[op]
}

func (f *faulty) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

func (f *faulty) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := f.do(op); err != nil {
		return nil, err
	}
	file, err := f.Fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f}, nil
}

func (f *faulty) Rename(oldname, newname string) error {
	op := "publish"
	if strings.HasSuffix(newname, ".part") || strings.HasSuffix(oldname, ".part") {
		op = "keep"
	}
	if err := f.do(op); err != nil {
		return err
	}
	return f.Fs.Rename(oldname, newname)
}

func (f *faulty) Chmod(name string, mode os.FileMode) error {
	if err := f.do("chmod"); err != nil {
		return err
	}
	return f.Fs.Chmod(name, mode)
}

type faultyFile struct {
	afero.File
	fs *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.do("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.do("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.do("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Close() error {
	return errors.Join(f.fs.do("close"), f.File.Close())
}

// TestFaultsNeverHurtTheFileThatIsThere lets every operation of an upload fail.
func TestFaultsNeverHurtTheFileThatIsThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		op     string
		err    error
		hidden int // how many hidden files stay
	}{
		{"create", syscall.EIO, 0},
		{"create", syscall.EROFS, 0},
		{"create", syscall.ENOSPC, 0},
		{"chmod", syscall.EIO, 0},
		{"write", syscall.EIO, 0},
		{"write", syscall.ENOSPC, 0},
		{"write", syscall.EDQUOT, 0},
		{"close", syscall.EIO, 0},
		{"close", syscall.ENOSPC, 0},
		{"publish", syscall.EIO, 1},
		{"publish", syscall.EROFS, 1},
	}
	for _, tt := range tests {
		t.Run(tt.op+" "+tt.err.Error(), func(t *testing.T) {
			t.Parallel()
			onEachStorage(t, func(t *testing.T, storage afero.Fs) {
				upload(t, session(storage, "alice"), "/file", stor, 0, "old content", false)
				faulty := newFaulty(storage)
				faulty.fail(tt.op, tt.err)
				err := tryUpload(t, faulty)
				if !errors.Is(err, tt.err) || strings.Contains(err.Error(), ".portico-upload") {
					t.Errorf("the upload: %v, want %v and no hidden name", err, tt.err)
				}
				full := tt.err == syscall.ENOSPC || tt.err == syscall.EDQUOT
				if full != errors.Is(err, ftpserver.ErrStorageExceeded) {
					t.Errorf("the upload: %v: a full disk = %v", err, full)
				}
				fs := session(storage, "alice")
				if got := contentOf(fs, "/file"); got != "old content" {
					t.Errorf("the file holds %q", got)
				}
				if got := hidden(t, storage, "/"); got != tt.hidden {
					t.Errorf("%d hidden files, want %d", got, tt.hidden)
				}
			})
		})
	}
}

// tryUpload does what the engine does and returns what it would report.
func tryUpload(t *testing.T, storage afero.Fs) error {
	t.Helper()
	handle, err := session(storage, "alice").GetHandle("/file", stor, 0)
	if err != nil {
		return err
	}
	for _, part := range []string{"new ", "content"} {
		if _, err = handle.Write([]byte(part)); err != nil {
			handle.(ftpserver.FileTransferError).TransferError(err)
			break
		}
	}
	return errors.Join(err, handle.Close())
}

func TestFaultsWhileGoingOnKeepWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"keep", "open", "truncate"} { // rename, open, cut off
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			onEachStorage(t, func(t *testing.T, storage afero.Fs) {
				upload(t, session(storage, "alice"), "/file", stor, 0, "half", true)
				faulty := newFaulty(storage)
				faulty.fail(op, syscall.EIO)
				if _, err := session(faulty, "alice").GetHandle("/file", rest, 4); !errors.Is(err, syscall.EIO) {
					t.Errorf("going on: %v, want EIO", err)
				}
				fs := session(storage, "alice")
				if got := sizeOf(fs, "/file"); got != "4" {
					t.Errorf("SIZE %s, want 4", got)
				}
				upload(t, fs, "/file", rest, 4, " and half", false)
				if got := contentOf(fs, "/file"); got != "half and half" {
					t.Errorf("the file holds %q", got)
				}
			})
		})
	}
}
