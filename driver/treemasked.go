package driver

import (
	"errors"
	"os"
	"path"
	"strings"
)

// maskedTree is a directory in which files and directories are created with a
// umask of its own, not the process's.
type maskedTree struct {
	tree
	umask os.FileMode
}

// OpenFile sets the mode of a file that it creates, and of no other.
func (t maskedTree) OpenFile(name string, flag int, perm os.FileMode) (*os.File, error) {
	if flag&os.O_CREATE == 0 {
		return t.tree.OpenFile(name, flag, perm)
	}
	// The file may come or go between the two attempts, but hardly again and
	// again.
	var err error
	for range 8 {
		var file *os.File
		file, err = t.tree.OpenFile(name, flag|os.O_EXCL, perm&^t.umask)
		if err == nil {
			if err := file.Chmod(perm &^ t.umask); err != nil {
				return nil, errors.Join(err, file.Close())
			}
			return file, nil
		}
		if !errors.Is(err, os.ErrExist) || flag&os.O_EXCL != 0 {
			return nil, err
		}
		file, err = t.tree.OpenFile(name, flag&^os.O_CREATE, perm)
		if !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
	}
	return nil, err
}

// Mkdir keeps the setgid bit that a directory gets from the one above it.
func (t maskedTree) Mkdir(name string, perm os.FileMode) error {
	if err := t.tree.Mkdir(name, perm&^t.umask); err != nil {
		return err
	}
	info, err := t.tree.Lstat(name)
	if err != nil {
		return err
	}
	return t.tree.Chmod(name, perm&^t.umask|info.Mode()&os.ModeSetgid)
}

func (t maskedTree) MkdirAll(name string, perm os.FileMode) error {
	at := "."
	for part := range strings.SplitSeq(name, "/") {
		if at = path.Join(at, part); at == "." {
			continue
		}
		if err := t.Mkdir(at, perm); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	// What exists on the way need not be a directory.
	return t.tree.MkdirAll(name, perm)
}
