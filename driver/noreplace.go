package driver

import (
	"errors"
	"os"

	"github.com/spf13/afero"
)

// noReplacer is what a layer may have to rename without replacing anything.
type noReplacer interface {
	// RenameNoReplace fails with an error that wraps os.ErrExist if the new
	// name is taken.
	RenameNoReplace(oldname, newname string) error
}

// renameNoReplace renames unless the new name is taken. Layers that cannot do
// it in one step are asked first, so that it does not hold there against
// somebody who creates the file at the same moment.
func renameNoReplace(fs afero.Fs, oldname, newname string) error {
	if renamer, ok := fs.(noReplacer); ok {
		return renamer.RenameNoReplace(oldname, newname)
	}
	return renameIfFree(fs, oldname, newname)
}

func renameIfFree(fs afero.Fs, oldname, newname string) error {
	switch _, err := lstat(fs, newname); {
	case err == nil:
		return &os.PathError{Op: "rename", Path: ftpPath(newname), Err: os.ErrExist}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	return fs.Rename(oldname, newname)
}
