package driver

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// RenameNoReplace renames unless the new name is taken. On Linux that is one
// step, where the file system can do it; elsewhere somebody may create the file
// at the same moment, and lose it.
func (l *Local) RenameNoReplace(oldname, newname string) error {
	if isRoot(oldname) || isRoot(newname) {
		return rootKept("rename")
	}
	err := l.renameInOneStep(oldname, newname)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return renameIfFree(l, oldname, newname)
	}
	return inFTP("rename", oldname, err)
}

// renameInOneStep opens both directories inside the root; the last elements
// are no paths that could lead anywhere.
func (l *Local) renameInOneStep(oldname, newname string) error {
	from, err := l.root.OpenFile(inRoot(path.Dir(ftpPath(oldname))), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // a directory
	to, err := l.root.OpenFile(inRoot(path.Dir(ftpPath(newname))), os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }() // a directory
	return unix.Renameat2(
		int(from.Fd()), path.Base(ftpPath(oldname)), int(to.Fd()), path.Base(ftpPath(newname)), unix.RENAME_NOREPLACE)
}
