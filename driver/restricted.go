package driver

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/afero"
)

var (
	_ afero.Fs        = (*Restricted)(nil)
	_ afero.Lstater   = (*Restricted)(nil)
	_ AvailableSpacer = (*Restricted)(nil)
	_ Uploader        = (*Restricted)(nil)
	_ UploadSizer     = (*Restricted)(nil)
	_ dirRemover      = (*Restricted)(nil)
	_ noReplacer      = (*Restricted)(nil)
)

// Restricted is a layer that lets through what a set of permissions allows.
// What it refuses fails with an error that wraps os.ErrPermission, before the
// layer below hears of it.
//
// Two rules follow from how clients work. Asking about a directory is always
// allowed, because CWD does; asking about a file takes any permission for
// files that exist (list, read, delete, rename), because RNFR, DELE and SIZE
// do. An account that may only write can therefore not find out what is there,
// but for uploads of its own that were interrupted.
//
// Owners cannot be changed through this layer at all: they are the operator's.
type Restricted struct {
	fs    afero.Fs
	allow Permissions
}

// Restrict puts the layer over fs. The result is as safe for concurrent use as
// fs is.
func Restrict(fs afero.Fs, allow Permissions) *Restricted {
	return &Restricted{fs: fs, allow: allow}
}

// Name implements afero.Fs.
func (r *Restricted) Name() string { return "restricted " + r.fs.Name() }

// Open implements afero.Fs: a directory takes CanList, a file CanRead.
func (r *Restricted) Open(name string) (afero.File, error) {
	return r.OpenFile(name, os.O_RDONLY, 0)
}

// Create implements afero.Fs. The file is opened for reading too, so it takes
// CanWrite and CanRead.
func (r *Restricted) Create(name string) (afero.File, error) {
	return r.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile implements afero.Fs.
func (r *Restricted) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if !changes(flag) {
		return r.openToRead(name, flag)
	}
	return r.openToWrite(name, flag, func(flag int) (afero.File, error) {
		return r.fs.OpenFile(name, flag, perm)
	})
}

// OpenUpload implements Uploader.
func (r *Restricted) OpenUpload(name string, flag int, offset int64) (afero.File, error) {
	return r.openToWrite(name, flag, func(flag int) (afero.File, error) {
		return OpenUpload(r.fs, name, flag, offset)
	})
}

// openToWrite opens so that nothing that exists is touched, where that is not
// allowed. The layer below sees to it in one step with the opening, or with the
// publication of an upload.
func (r *Restricted) openToWrite(name string, flag int, open func(flag int) (afero.File, error)) (afero.File, error) {
	if !r.allow.Has(CanWrite) || flag&os.O_RDWR != 0 && !r.allow.Has(CanRead) {
		return nil, denied("open", name)
	}
	if r.allow.overwrites() {
		return open(flag)
	}
	if flag&os.O_CREATE == 0 {
		return nil, denied("change", name)
	}
	file, err := open(flag | os.O_EXCL)
	if errors.Is(err, os.ErrExist) && flag&os.O_EXCL == 0 {
		return nil, denied("replace", name)
	}
	return file, err
}

// changes reports whether a file opened with these flags can be changed by
// opening it or afterwards.
func changes(flag int) bool {
	return flag&(os.O_WRONLY|os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_TRUNC) != 0
}

// openToRead opens first and asks then, so that nobody can exchange a file for
// a directory in between.
func (r *Restricted) openToRead(name string, flag int) (afero.File, error) {
	if !r.allow.HasAny(CanList | CanRead) {
		return nil, denied("open", name)
	}
	file, err := r.fs.OpenFile(name, flag, 0)
	if err != nil || r.allow.Has(CanList|CanRead) {
		return file, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	wanted := CanRead
	if info.IsDir() {
		wanted = CanList
	}
	if !r.allow.Has(wanted) {
		return nil, errors.Join(denied("open", name), file.Close())
	}
	return file, nil
}

// Stat implements afero.Fs.
func (r *Restricted) Stat(name string) (os.FileInfo, error) {
	info, err := r.fs.Stat(name)
	return r.told("stat", name, info, err)
}

// LstatIfPossible implements afero.Lstater.
func (r *Restricted) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	info, err := Lstat(r.fs, name)
	info, err = r.told("lstat", name, info, err)
	return info, true, err
}

// UploadSize implements UploadSizer for those who may know the file, and to
// those who may write for what they have sent themselves.
func (r *Restricted) UploadSize(name string) (int64, error) {
	info, err := r.Stat(name)
	if err != nil {
		return 0, err
	}
	if _, partial := info.(partialInfo); partial {
		return info.Size(), nil
	}
	return UploadSize(r.fs, name)
}

// told passes on what is known about a file to those who may know it. Others
// get the same answer whether or not it exists.
func (r *Restricted) told(op, name string, info os.FileInfo, err error) (os.FileInfo, error) {
	if r.allow.HasAny(CanList | CanRead | CanDelete | CanRename) {
		return info, err
	}
	if _, partial := info.(partialInfo); partial && r.allow.Has(CanWrite) {
		return info, nil
	}
	if err != nil || !info.IsDir() {
		return nil, denied(op, name)
	}
	return info, nil
}

// Mkdir implements afero.Fs.
func (r *Restricted) Mkdir(name string, perm os.FileMode) error {
	if !r.allow.Has(CanMkdir) {
		return denied("mkdir", name)
	}
	return r.fs.Mkdir(name, perm)
}

// MkdirAll implements afero.Fs.
func (r *Restricted) MkdirAll(name string, perm os.FileMode) error {
	if !r.allow.Has(CanMkdir) {
		return denied("mkdir", name)
	}
	return r.fs.MkdirAll(name, perm)
}

// Remove implements afero.Fs.
func (r *Restricted) Remove(name string) error {
	if !r.allow.Has(CanDelete) {
		return denied("remove", name)
	}
	return r.fs.Remove(name)
}

// RemoveDir removes an empty directory.
func (r *Restricted) RemoveDir(name string) error {
	if !r.allow.Has(CanDelete) {
		return denied("remove", name)
	}
	return RemoveDir(r.fs, name)
}

// RemoveAll implements afero.Fs.
func (r *Restricted) RemoveAll(name string) error {
	if !r.allow.Has(CanDelete) {
		return denied("remove", name)
	}
	return r.fs.RemoveAll(name)
}

// Rename implements afero.Fs. Without the right to overwrite the new name must
// be free.
func (r *Restricted) Rename(oldname, newname string) error {
	if !r.allow.Has(CanRename) {
		return denied("rename", oldname)
	}
	if r.allow.overwrites() {
		return r.fs.Rename(oldname, newname)
	}
	err := RenameNoReplace(r.fs, oldname, newname)
	if errors.Is(err, os.ErrExist) {
		return denied("replace", newname)
	}
	return err
}

// RenameNoReplace renames, unless the new name is taken.
func (r *Restricted) RenameNoReplace(oldname, newname string) error {
	if !r.allow.Has(CanRename) {
		return denied("rename", oldname)
	}
	return RenameNoReplace(r.fs, oldname, newname)
}

// Chmod implements afero.Fs.
func (r *Restricted) Chmod(name string, mode os.FileMode) error {
	if !r.allow.Has(CanChmod) {
		return denied("chmod", name)
	}
	return r.fs.Chmod(name, mode)
}

// Chown implements afero.Fs and always refuses.
func (r *Restricted) Chown(name string, _, _ int) error { return denied("chown", name) }

// Chtimes implements afero.Fs.
func (r *Restricted) Chtimes(name string, atime, mtime time.Time) error {
	if !r.allow.Has(CanWrite) {
		return denied("chtimes", name)
	}
	return r.fs.Chtimes(name, atime, mtime)
}

// AvailableSpace implements AvailableSpacer by asking the layer below.
func (r *Restricted) AvailableSpace(name string) (int64, error) {
	return AvailableSpace(r.fs, name)
}

func denied(op, name string) error {
	return &os.PathError{Op: op, Path: name, Err: os.ErrPermission}
}
