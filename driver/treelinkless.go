package driver

import (
	"errors"
	"os"
	"path"
	"strings"
	"time"
)

// linklessTree is a directory in which symbolic links lead nowhere. They can be
// seen, renamed and removed.
type linklessTree struct{ tree }

var errLink = errors.New("symbolic links are not followed here")

// refuseLinks fails if name, or what it leads through, is a symbolic link.
func (t linklessTree) refuseLinks(name string) error {
	at := "."
	for part := range strings.SplitSeq(name, "/") {
		at = path.Join(at, part)
		info, err := t.tree.Lstat(at)
		if errors.Is(err, os.ErrNotExist) {
			return nil // who asked will find that out
		}
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return &os.PathError{Op: "open", Path: name, Err: errLink}
		}
	}
	return nil
}

// refuseLinksTo fails if the way to name leads through a symbolic link.
func (t linklessTree) refuseLinksTo(name string) error { return t.refuseLinks(path.Dir(name)) }

// OpenFile looks again when the file is open: it may have become a link since.
func (t linklessTree) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if err := t.refuseLinks(name); err != nil {
		return nil, err
	}
	file, err := t.tree.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if err := t.refuseLinks(name); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (t linklessTree) Stat(name string) (os.FileInfo, error) {
	if err := t.refuseLinks(name); err != nil {
		return nil, err
	}
	return t.tree.Stat(name)
}

func (t linklessTree) Lstat(name string) (os.FileInfo, error) {
	if err := t.refuseLinksTo(name); err != nil {
		return nil, err
	}
	return t.tree.Lstat(name)
}

func (t linklessTree) Readlink(name string) (string, error) {
	if err := t.refuseLinksTo(name); err != nil {
		return "", err
	}
	return t.tree.Readlink(name)
}

func (t linklessTree) Mkdir(name string, perm os.FileMode) error {
	if err := t.refuseLinksTo(name); err != nil {
		return err
	}
	return t.tree.Mkdir(name, perm)
}

func (t linklessTree) MkdirAll(name string, perm os.FileMode) error {
	if err := t.refuseLinks(name); err != nil {
		return err
	}
	return t.tree.MkdirAll(name, perm)
}

func (t linklessTree) Remove(name string) error {
	if err := t.refuseLinksTo(name); err != nil {
		return err
	}
	return t.tree.Remove(name)
}

func (t linklessTree) RemoveAll(name string) error {
	if err := t.refuseLinksTo(name); err != nil {
		return err
	}
	return t.tree.RemoveAll(name)
}

func (t linklessTree) Rename(oldname, newname string) error {
	if err := errors.Join(t.refuseLinksTo(oldname), t.refuseLinksTo(newname)); err != nil {
		return err
	}
	return t.tree.Rename(oldname, newname)
}

func (t linklessTree) Chmod(name string, mode os.FileMode) error {
	if err := t.refuseLinks(name); err != nil {
		return err
	}
	return t.tree.Chmod(name, mode)
}

func (t linklessTree) Chown(name string, uid, gid int) error {
	if err := t.refuseLinks(name); err != nil {
		return err
	}
	return t.tree.Chown(name, uid, gid)
}

func (t linklessTree) Chtimes(name string, atime, mtime time.Time) error {
	if err := t.refuseLinks(name); err != nil {
		return err
	}
	return t.tree.Chtimes(name, atime, mtime)
}
