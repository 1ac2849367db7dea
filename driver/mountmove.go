package driver

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/afero"
)

// moveAcross moves a file to another mount. Until the last step both ends are
// whole: what fails leaves the file where it was.
func moveAcross(from *mount, oldname string, to *mount, newname string) error {
	if !from.fs.allow.Has(CanRename | CanRead | CanDelete) {
		return errMayNotLeave
	}
	before, err := Lstat(from.fs, oldname)
	if err != nil {
		return err
	}
	if !before.Mode().IsRegular() {
		return errAcrossDirs
	}
	size, modTime := before.Size(), before.ModTime() // some layers' change with the file
	unchanged := func() error {
		after, err := from.fs.Stat(oldname)
		if err == nil && (after.Size() != size || !after.ModTime().Equal(modTime)) {
			err = errors.New("the file was changed while it was copied: try again")
		}
		return err
	}
	if err := copyAcross(from, oldname, to, newname, unchanged); err != nil {
		return err
	}
	// The copy is what counts; that it looks younger harms nobody.
	_ = to.below.Chtimes(newname, modTime, modTime)
	if err := from.fs.Remove(oldname); err != nil {
		return fmt.Errorf("the file was copied and is in both places now: %w", err)
	}
	return nil
}

func copyAcross(from *mount, oldname string, to *mount, newname string, unchanged func() error) error {
	source, err := from.fs.Open(oldname)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // opened to be read: nothing can be lost
	_, lookErr := Lstat(to.below, newname)
	copied, err := OpenUpload(to.fs, newname, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if err = copyFile(copied, source); err == nil {
		err = unchanged()
	}
	if err == nil {
		return copied.Close()
	}
	if atomic, ok := copied.(discarder); ok {
		atomic.Discard()
		return errors.Join(err, copied.Close())
	}
	err = errors.Join(err, copied.Close())
	if errors.Is(lookErr, os.ErrNotExist) {
		err = errors.Join(err, to.below.Remove(newname))
	}
	return err
}

// copyFile copies what is left of one file into another. Between files of the
// operating system the kernel copies, or shares.
func copyFile(to, from afero.File) error {
	if fromOS, toOS := OSFile(from), OSFile(to); fromOS != nil && toOS != nil {
		_, err := io.Copy(toOS, fromOS)
		return err
	}
	_, err := io.Copy(onlyWriter{to}, from)
	return err
}

// onlyWriter hides the methods that would make io.Copy call back.
type onlyWriter struct{ io.Writer }
