package quota

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

var (
	_ afero.Fs               = (*FS)(nil)
	_ afero.Lstater          = (*FS)(nil)
	_ afero.LinkReader       = (*FS)(nil)
	_ driver.AvailableSpacer = (*FS)(nil)
	_ driver.WriteChecker    = (*FS)(nil)
	_ driver.Quoter          = (*FS)(nil)
	_ driver.DiskPather      = (*FS)(nil)
)

// FS is a storage under the limits of an account. What would pass them fails
// with an error that wraps ErrExceeded. It is as safe for concurrent use as the
// storage is.
type FS struct {
	fs      afero.Fs
	account *account
	limits  Limits
}

// Name implements afero.Fs.
func (f *FS) Name() string { return f.fs.Name() + " with a quota" }

// Quota implements driver.Quoter.
func (f *FS) Quota(string) (driver.Quota, error) {
	f.account.refresh()
	usage, _ := f.account.usage()
	return driver.Quota{Bytes: usage.Bytes, Files: usage.Files, MaxBytes: f.limits.Bytes, MaxFiles: f.limits.Files}, nil
}

// DiskPath implements driver.DiskPather by asking the storage.
func (f *FS) DiskPath(name string) (string, error) { return driver.DiskPath(f.fs, name) }

// AvailableSpace implements driver.AvailableSpacer: it is what the storage has,
// or what is left of the limit if that is less.
func (f *FS) AvailableSpace(name string) (int64, error) {
	below, err := driver.AvailableSpace(f.fs, name)
	if f.limits.Bytes == 0 || err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return below, err
	}
	f.account.refresh()
	usage, _ := f.account.usage()
	left := max(f.limits.Bytes-usage.Bytes, 0)
	if err != nil {
		return left, nil
	}
	return min(left, below), nil
}

// Open implements afero.Fs.
func (f *FS) Open(name string) (afero.File, error) { return f.fs.Open(name) }

// Create implements afero.Fs.
func (f *FS) Create(name string) (afero.File, error) {
	return f.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Stat implements afero.Fs.
func (f *FS) Stat(name string) (os.FileInfo, error) { return f.fs.Stat(name) }

// LstatIfPossible implements afero.Lstater.
func (f *FS) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	info, err := driver.Lstat(f.fs, name)
	return info, true, err
}

// ReadlinkIfPossible implements afero.LinkReader.
func (f *FS) ReadlinkIfPossible(name string) (string, error) {
	if reader, ok := f.fs.(afero.LinkReader); ok {
		return reader.ReadlinkIfPossible(name)
	}
	return "", &os.PathError{Op: "readlink", Path: name, Err: afero.ErrNoReadlink}
}

// CheckWrite implements driver.WriteChecker.
func (f *FS) CheckWrite(name string) error { return driver.CheckWrite(f.fs, name) }

// Mkdir implements afero.Fs.
func (f *FS) Mkdir(name string, perm os.FileMode) error {
	return f.account.change(func() error { return f.mkdir(name, perm) })
}

func (f *FS) mkdir(name string, perm os.FileMode) error {
	if err := f.account.take(0, 1, f.limits, 0); err != nil {
		return err
	}
	err := f.fs.Mkdir(name, perm)
	if err != nil {
		f.account.give(0, 1)
	}
	return err
}

// MkdirAll implements afero.Fs.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	return f.account.change(func() error {
		at := "/"
		for part := range strings.SplitSeq(path.Clean("/"+name), "/") {
			at = path.Join(at, part)
			info, err := f.fs.Stat(at)
			switch {
			case errors.Is(err, os.ErrNotExist):
				err = f.mkdir(at, perm)
			case err == nil && !info.IsDir():
				err = &os.PathError{Op: "mkdir", Path: at, Err: syscall.ENOTDIR}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove implements afero.Fs.
func (f *FS) Remove(name string) error {
	return f.account.change(func() error { return f.remove(name, f.fs.Remove) })
}

// RemoveDir removes an empty directory.
func (f *FS) RemoveDir(name string) error {
	return f.account.change(func() error {
		return f.remove(name, func(name string) error { return driver.RemoveDir(f.fs, name) })
	})
}

func (f *FS) remove(name string, remove func(string) error) error {
	info, err := driver.Lstat(f.fs, name)
	if err != nil {
		return err
	}
	size := sizeOf(info)
	if err := remove(name); err != nil {
		return err
	}
	f.account.give(size, 1)
	return nil
}

// RemoveAll implements afero.Fs.
func (f *FS) RemoveAll(name string) error {
	return f.account.change(func() error {
		before, err := measure(context.Background(), f.fs, name)
		if err != nil {
			return err
		}
		removed := f.fs.RemoveAll(name)
		left, err := measure(context.Background(), f.fs, name)
		if err == nil {
			f.account.give(before.Bytes-left.Bytes, before.Files-left.Files)
		}
		return errors.Join(removed, err)
	})
}

// Rename implements afero.Fs.
func (f *FS) Rename(oldname, newname string) error {
	return f.account.change(func() error {
		if path.Clean("/"+oldname) == path.Clean("/"+newname) {
			return f.fs.Rename(oldname, newname)
		}
		replaced, err := driver.Lstat(f.fs, newname)
		if err != nil {
			return f.fs.Rename(oldname, newname)
		}
		size := sizeOf(replaced)
		// Two names of one file stay two, says POSIX.
		old, err := driver.Lstat(f.fs, oldname)
		same := err == nil && os.SameFile(old, replaced)
		if err := f.fs.Rename(oldname, newname); err != nil || same {
			return err
		}
		f.account.give(size, 1)
		return nil
	})
}

// RenameNoReplace renames, unless the new name is taken.
func (f *FS) RenameNoReplace(oldname, newname string) error {
	return f.account.change(func() error { return driver.RenameNoReplace(f.fs, oldname, newname) })
}

// Chmod implements afero.Fs.
func (f *FS) Chmod(name string, mode os.FileMode) error { return f.fs.Chmod(name, mode) }

// Chown implements afero.Fs.
func (f *FS) Chown(name string, uid, gid int) error { return f.fs.Chown(name, uid, gid) }

// Chtimes implements afero.Fs.
func (f *FS) Chtimes(name string, atime, mtime time.Time) error {
	return f.fs.Chtimes(name, atime, mtime)
}
