package driver

import (
	"os"
	"path/filepath"
	"time"
)

// tree is a directory with all that is in it, as *os.Root is one. Paths are
// those of os.Root: relative, "." being the directory itself.
type tree interface {
	OpenFile(name string, flag int, perm os.FileMode) (*os.File, error)
	Stat(name string) (os.FileInfo, error)
	Lstat(name string) (os.FileInfo, error)
	Readlink(name string) (string, error)
	Mkdir(name string, perm os.FileMode) error
	MkdirAll(name string, perm os.FileMode) error
	Remove(name string) error
	RemoveAll(name string) error
	Rename(oldname, newname string) error
	Chmod(name string, mode os.FileMode) error
	Chown(name string, uid, gid int) error
	Chtimes(name string, atime, mtime time.Time) error
}

var (
	_ tree = (*os.Root)(nil)
	_ tree = openTree{}
	_ tree = linklessTree{}
)

// openTree is a directory out of which symbolic links lead.
type openTree struct{ dir string }

// at returns the path of name on this machine.
func (t openTree) at(name string) (string, error) {
	local, err := filepath.Localize(name) // refuses what is a device on Windows
	if err != nil {
		return "", &os.PathError{Op: "open", Path: name, Err: err}
	}
	return filepath.Join(t.dir, local), nil
}

func (t openTree) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	at, err := t.at(name)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(at, flag, perm)
}

func (t openTree) Stat(name string) (os.FileInfo, error) {
	at, err := t.at(name)
	if err != nil {
		return nil, err
	}
	return os.Stat(at)
}

func (t openTree) Lstat(name string) (os.FileInfo, error) {
	at, err := t.at(name)
	if err != nil {
		return nil, err
	}
	return os.Lstat(at)
}

func (t openTree) Readlink(name string) (string, error) {
	at, err := t.at(name)
	if err != nil {
		return "", err
	}
	return os.Readlink(at)
}

func (t openTree) Mkdir(name string, perm os.FileMode) error {
	return t.change(name, func(at string) error { return os.Mkdir(at, perm) })
}

func (t openTree) MkdirAll(name string, perm os.FileMode) error {
	return t.change(name, func(at string) error { return os.MkdirAll(at, perm) })
}

func (t openTree) Remove(name string) error { return t.change(name, os.Remove) }

func (t openTree) RemoveAll(name string) error { return t.change(name, os.RemoveAll) }

func (t openTree) Rename(oldname, newname string) error {
	return t.change(newname, func(to string) error {
		return t.change(oldname, func(from string) error { return os.Rename(from, to) })
	})
}

func (t openTree) Chmod(name string, mode os.FileMode) error {
	return t.change(name, func(at string) error { return os.Chmod(at, mode) })
}

func (t openTree) Chown(name string, uid, gid int) error {
	return t.change(name, func(at string) error { return os.Chown(at, uid, gid) })
}

func (t openTree) Chtimes(name string, atime, mtime time.Time) error {
	return t.change(name, func(at string) error { return os.Chtimes(at, atime, mtime) })
}

func (t openTree) change(name string, change func(at string) error) error {
	at, err := t.at(name)
	if err != nil {
		return err
	}
	return change(at)
}
