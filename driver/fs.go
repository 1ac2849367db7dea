package driver

import (
	"errors"
	"fmt"
	"os"
	"path"
	"syscall"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// What the engine looks for by type assertion.
var (
	_ ftpserver.ClientDriver                        = (*FS)(nil)
	_ ftpserver.ClientDriverExtentionFileTransfer   = (*FS)(nil)
	_ ftpserver.ClientDriverExtensionFileList       = (*FS)(nil)
	_ ftpserver.ClientDriverExtensionRemoveDir      = (*FS)(nil)
	_ ftpserver.ClientDriverExtensionAvailableSpace = (*FS)(nil)
)

// FS adapts an afero.Fs to what the FTP engine can use: it transfers, lists,
// removes and hashes as FTP's commands want it, and holds to what FTP's
// replies can say.
//
//   - A name with CR, LF or NUL cannot be created and is left out of listings,
//     because it would break the reply or the listing that shows it.
//   - Modes show the directory bit and the permission bits alone.
//   - Symbolic links show as what they point to. One that points nowhere, or
//     out of reach, shows as an empty file that nobody may read, so that its
//     directory can be cleared.
//   - A write for which there is no space fails with an error that wraps
//     ftpserver.ErrStorageExceeded.
//
// Symbolic links cannot be created: one that stays inside a home may lead out
// once its directory is moved, and other programs would follow it.
//
// An FS is as safe for concurrent use as the afero.Fs inside it.
type FS struct {
	afero.Fs
}

// NewFS adapts fs. An *FS is returned as it is.
func NewFS(fs afero.Fs) *FS {
	if adapted, ok := fs.(*FS); ok {
		return adapted
	}
	return &FS{Fs: fs}
}

// GetHandle opens a file for a download (flags os.O_RDONLY) or an upload
// (os.O_WRONLY with os.O_CREATE, os.O_TRUNC, os.O_APPEND as the command wants).
// A directory is an error. The engine seeks to offset by itself. An upload that
// begins in the middle of a complete file overwrites from there, and what stood
// beyond its end stays.
//
// The engine closes the handle. Close completes an upload; one that has failed
// has to be told so before by TransferError (ftpserver.FileTransferError), so
// that a layer that publishes complete uploads knows.
//
// The handle's type has a method OSFile() *os.File, which
// returns the operating system's file behind it, or nil, for those who move
// bytes by other means than Read and Write; that file is the handle's own and
// must not be closed or used after the handle is closed. CopyFrom(io.Reader,
// int64) (int64, error) does so for an upload: it writes that many bytes, or fewer
// at the end of the reader, within the kernel if it can.
func (f *FS) GetHandle(name string, flags int, offset int64) (ftpserver.FileTransfer, error) {
	open := f.openDownload
	if changes(flags) {
		open = f.openUpload
	}
	file, err := open(name, flags, offset)
	if err != nil {
		return nil, err
	}
	return &handle{file: file, name: name}, nil
}

func (f *FS) openUpload(name string, flags int, offset int64) (afero.File, error) {
	if flags&os.O_CREATE != 0 {
		if err := checkNewName("create", name); err != nil {
			return nil, err
		}
	}
	file, err := OpenUpload(f.Fs, name, flags, offset)
	return file, storageError(err)
}

func (f *FS) openDownload(name string, flags int, _ int64) (afero.File, error) {
	// Systems refuse to open a directory for writing, but not for reading.
	file, err := f.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, errors.Join(inFTP("open", name, err), file.Close())
	}
	adviseSequential(OSFile(file), info.Size())
	return file, nil
}

// OpenFile opens a file as afero.Fs says. Creating one is subject to the rules
// for names and space above.
func (f *FS) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := checkNewName("create", name); err != nil {
			return nil, err
		}
	}
	file, err := f.Fs.OpenFile(name, flag, perm)
	return file, storageError(err)
}

// Create creates or truncates a file.
func (f *FS) Create(name string) (afero.File, error) {
	if err := checkNewName("create", name); err != nil {
		return nil, err
	}
	file, err := f.Fs.Create(name)
	return file, storageError(err)
}

// Mkdir makes a directory.
func (f *FS) Mkdir(name string, perm os.FileMode) error {
	if err := checkNewName("mkdir", name); err != nil {
		return err
	}
	return storageError(f.Fs.Mkdir(name, perm))
}

// MkdirAll makes a directory and those above it that do not exist.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	if err := checkNewName("mkdir", name); err != nil {
		return err
	}
	return storageError(f.Fs.MkdirAll(name, perm))
}

// Rename renames a file or directory.
func (f *FS) Rename(oldname, newname string) error {
	if err := checkNewName("rename", newname); err != nil {
		return err
	}
	return storageError(f.Fs.Rename(oldname, newname))
}

// UploadSize returns the size that SIZE should tell (RFC 3659 §4), so that a
// client can go on with an upload. It is what Stat says, but where a complete
// file stands beside an interrupted upload of the same user's, the error wraps
// ErrInterruptedUpload: a client that takes the one size for the other would
// lose or mix data. A reply other than 550 has clients then send or fetch the
// whole file.
func (f *FS) UploadSize(name string) (int64, error) { return UploadSize(f.Fs, name) }

// Remove removes a file (DELE). A directory is an error, a symbolic link to
// one is not.
func (f *FS) Remove(name string) error {
	info, err := Lstat(f.Fs, name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return &os.PathError{Op: "remove", Path: name, Err: syscall.EISDIR}
	}
	return f.Fs.Remove(name)
}

// RemoveDir removes an empty directory (RMD). A file is an error, and so is
// the root.
func (f *FS) RemoveDir(name string) error { return RemoveDir(f.Fs, name) }

// RemoveAll removes a file or a directory with all that is in it (SITE RMDIR).
// The root is an error.
func (f *FS) RemoveAll(name string) error {
	if isRoot(name) {
		return rootKept("remove")
	}
	return f.Fs.RemoveAll(name)
}

// GetAvailableSpace returns how many bytes can still be written to a directory
// (AVBL). The error wraps errors.ErrUnsupported where no layer knows.
func (f *FS) GetAvailableSpace(dir string) (int64, error) { return AvailableSpace(f.Fs, dir) }

func checkNewName(op, name string) error {
	if !breaksLines(name) {
		return nil
	}
	return fmt.Errorf("%s %q: %w: it holds CR, LF or NUL", op, path.Base(name), ftpserver.ErrFileNameNotAllowed)
}

// breaksLines reports whether a name holds what ends a line or a string on the
// way to the client (RFC 959 §3.1.1.5.1 has no way to quote it).
func breaksLines(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '\r' || c == '\n' || c == 0 {
			return true
		}
	}
	return false
}

// storageError marks the errors that mean a full disk or an exhausted quota.
func storageError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ftpserver.ErrStorageExceeded, err)
	}
	return err
}
