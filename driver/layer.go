package driver

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/afero"
)

// What layers may have beyond afero.Fs, and how to ask for it, in one place.

// Uploader is what a layer may have to take an upload as what it is: a whole
// file, the rest of one, or an addition to one. Layers that know nothing of it
// are asked to open a file instead.
type Uploader interface {
	// OpenUpload opens name for an upload that begins at offset, to which the
	// caller seeks by itself. The flags are those of os.OpenFile: O_TRUNC for
	// STOR, O_APPEND for APPE, neither for STOR after REST; with O_EXCL nothing
	// that is there already may be replaced or changed.
	//
	// Close completes the upload and reports whether that worked. An upload
	// that has failed has to be told so before, by the file's method
	// TransferError(error) (see ftpserver.FileTransferError).
	OpenUpload(name string, flag int, offset int64) (afero.File, error)
}

// UploadSizer is what a layer may have to say where an upload can go on.
type UploadSizer interface {
	// UploadSize returns the size that SIZE should tell, see FS.UploadSize.
	UploadSize(name string) (int64, error)
}

// OpenUpload opens a file for an upload in a way that the layer knows.
func OpenUpload(fs afero.Fs, name string, flag int, offset int64) (afero.File, error) {
	if uploader, ok := fs.(Uploader); ok {
		return uploader.OpenUpload(name, flag, offset)
	}
	return fs.OpenFile(name, flag, os.ModePerm)
}

// UploadSize asks a layer for the size that SIZE should tell, see
// FS.UploadSize.
func UploadSize(fs afero.Fs, name string) (int64, error) {
	if sizer, ok := fs.(UploadSizer); ok {
		return sizer.UploadSize(name)
	}
	info, err := fs.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// AvailableSpacer is what a layer may have to answer AVBL. Layers that change
// nothing about space should pass it on.
type AvailableSpacer interface {
	// AvailableSpace returns how many bytes can still be written to the
	// directory name. An error that wraps errors.ErrUnsupported means that
	// nobody knows.
	AvailableSpace(name string) (int64, error)
}

// AvailableSpace asks a layer how many bytes can still be written to a
// directory.
func AvailableSpace(fs afero.Fs, dir string) (int64, error) {
	if spacer, ok := fs.(AvailableSpacer); ok {
		return spacer.AvailableSpace(dir)
	}
	return 0, fmt.Errorf("available space of %s: %w", fs.Name(), errors.ErrUnsupported)
}

// WriteChecker is what a layer may have to say whether a file may be changed.
type WriteChecker interface {
	// CheckWrite returns why the process cannot write to the file name, nil if
	// it can. It changes nothing.
	CheckWrite(name string) error
}

// CheckWrite asks a layer whether the process may write to a file. A layer that
// does not know says yes.
func CheckWrite(fs afero.Fs, name string) error {
	if checker, ok := fs.(WriteChecker); ok {
		return checker.CheckWrite(name)
	}
	return nil
}

// dirRemover is what a layer may have to remove a directory and nothing else.
type dirRemover interface {
	// RemoveDir removes an empty directory. A file, a directory that is not
	// empty, and the root are errors.
	RemoveDir(name string) error
}

// RemoveDir removes an empty directory, and nothing else. Layers that cannot do
// it in one step are asked whether it is empty first: afero's memory file
// system, for one, removes any.
func RemoveDir(fs afero.Fs, name string) error {
	if isRoot(name) {
		return rootKept("rmdir")
	}
	if remover, ok := fs.(dirRemover); ok {
		return remover.RemoveDir(name)
	}
	info, err := Lstat(fs, name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &os.PathError{Op: "rmdir", Path: name, Err: syscall.ENOTDIR}
	}
	empty, err := afero.IsEmpty(fs, name)
	if err != nil {
		return err
	}
	if !empty {
		return &os.PathError{Op: "rmdir", Path: name, Err: syscall.ENOTEMPTY}
	}
	return fs.Remove(name)
}

// noReplacer is what a layer may have to rename without replacing anything.
type noReplacer interface {
	// RenameNoReplace fails with an error that wraps os.ErrExist if the new
	// name is taken.
	RenameNoReplace(oldname, newname string) error
}

// RenameNoReplace renames unless the new name is taken. Layers that cannot do
// it in one step are asked first, so that it does not hold there against
// somebody who creates the file at the same moment.
func RenameNoReplace(fs afero.Fs, oldname, newname string) error {
	if renamer, ok := fs.(noReplacer); ok {
		return renamer.RenameNoReplace(oldname, newname)
	}
	return renameIfFree(fs, oldname, newname)
}

func renameIfFree(fs afero.Fs, oldname, newname string) error {
	switch _, err := Lstat(fs, newname); {
	case err == nil:
		return &os.PathError{Op: "rename", Path: ftpPath(newname), Err: os.ErrExist}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	return fs.Rename(oldname, newname)
}

// Lstat asks about a symbolic link itself where the layer can.
func Lstat(fs afero.Fs, name string) (os.FileInfo, error) {
	if lstater, ok := fs.(afero.Lstater); ok {
		info, _, err := lstater.LstatIfPossible(name)
		return info, err
	}
	return fs.Stat(name)
}
