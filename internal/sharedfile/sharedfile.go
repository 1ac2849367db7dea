// Package sharedfile changes files that a running server reads while commands of
// its operator edit them.
package sharedfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockRetry = 20 * time.Millisecond
	// newMode is that of files that are made.
	newMode = 0o640
)

// Edit replaces the content of a file by what change makes of it, under the
// file's lock. Content is nil if the file does not exist. It waits for the lock
// until ctx is done.
func Edit(ctx context.Context, path string, change func(content []byte) ([]byte, error)) error {
	return Lock(ctx, path, func() error {
		content, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if content, err = change(content); err != nil {
			return err
		}
		return Replace(path, content)
	})
}

// Lock calls do while it holds the lock of a file, for which it waits until ctx
// is done. The lock is on a second file beside it (path + ".lock"), because the
// file itself is replaced.
func Lock(ctx context.Context, path string, do func() error) error {
	directory, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(newMode))
	defer lock.Close()
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	giveTo(lock.Path(), directory)
	return do()
}

// Replace gives a file, whose lock the caller holds, another content. Who reads
// it at the same time sees the old content or the new one as a whole, also after
// a crash. The new file has the mode of the old one and, if this process may give
// it away, its owner: an operator who is root must not lock the server out. A
// first file belongs to the owner of its directory.
func Replace(path string, content []byte) error {
	mode := fs.FileMode(newMode)
	owner, err := os.Stat(path)
	if err == nil {
		mode = owner.Mode().Perm()
	} else if owner, err = os.Stat(filepath.Dir(path)); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // not there any more after a success
	giveTo(temporary.Name(), owner)
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
