// Package timing measures how long a storage takes for what is asked of it. It
// looks at operations on names (open, stat, rename and the like), not at the
// bytes of files: those keep the shortest way there is.
//
//	opts.Layer = func(at driver.Place, storage afero.Fs) (afero.Fs, error) {
//		return timing.Layer(storage, func(op timing.Operation, took time.Duration, err error) {
//			log.Print(at.User, " waited ", took, " for ", op, ": ", err)
//		}), nil
//	}
package timing

import (
	"os"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

// Operation is something that is asked of a storage. Text form: "open",
// "create", "stat", "remove", "rename", "mkdir" or "change".
type Operation uint8

// The operations. Listing a directory opens it.
const (
	// Open is opening a file to read it, or a directory.
	Open Operation = iota
	// Create is opening a file to write to it.
	Create
	// Stat asks what a name is.
	Stat
	// Remove removes a file or a directory.
	Remove
	// Rename renames a file or a directory. Uploads end with one.
	Rename
	// Mkdir makes a directory.
	Mkdir
	// Change changes a mode, an owner or a time.
	Change
	operations
)

// String returns the text form.
func (o Operation) String() string {
	if o >= operations {
		return "unknown"
	}
	return [...]string{"open", "create", "stat", "remove", "rename", "mkdir", "change"}[o]
}

// Operations are all there are.
func Operations() []Operation { return []Operation{Open, Create, Stat, Remove, Rename, Mkdir, Change} }

// Layer returns storage with each operation told to observe when it has ended,
// by the goroutine that asked for it. Everything that the storage can do passes
// through. It is as safe for concurrent use as the storage and observe are.
func Layer(storage afero.Fs, observe func(Operation, time.Duration, error)) afero.Fs {
	layer := &timed{Fs: storage, observe: observe}
	if uploader, ok := storage.(driver.Uploader); ok {
		return &timedUploader{timed: layer, uploader: uploader}
	}
	return layer
}

type timed struct {
	afero.Fs
	observe func(Operation, time.Duration, error)
}

var (
	_ afero.Lstater          = (*timed)(nil)
	_ afero.LinkReader       = (*timed)(nil)
	_ driver.AvailableSpacer = (*timed)(nil)
	_ driver.WriteChecker    = (*timed)(nil)
	_ driver.UploadSizer     = (*timed)(nil)
	_ driver.DiskPather      = (*timed)(nil)
	_ driver.Uploader        = (*timedUploader)(nil)
)

func (t *timed) time(op Operation, do func() error) error {
	began := time.Now()
	err := do()
	t.observe(op, time.Since(began), err)
	return err
}

func (t *timed) Open(name string) (file afero.File, err error) {
	err = t.time(Open, func() (err error) { file, err = t.Fs.Open(name); return err })
	return file, err
}

func (t *timed) Create(name string) (file afero.File, err error) {
	err = t.time(Create, func() (err error) { file, err = t.Fs.Create(name); return err })
	return file, err
}

func (t *timed) OpenFile(name string, flag int, perm os.FileMode) (file afero.File, err error) {
	op := Create
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE) == 0 {
		op = Open
	}
	err = t.time(op, func() (err error) { file, err = t.Fs.OpenFile(name, flag, perm); return err })
	return file, err
}

func (t *timed) Stat(name string) (info os.FileInfo, err error) {
	err = t.time(Stat, func() (err error) { info, err = t.Fs.Stat(name); return err })
	return info, err
}

func (t *timed) LstatIfPossible(name string) (info os.FileInfo, itself bool, err error) {
	lstater, ok := t.Fs.(afero.Lstater)
	if !ok {
		info, err = t.Stat(name)
		return info, false, err
	}
	err = t.time(Stat, func() (err error) { info, itself, err = lstater.LstatIfPossible(name); return err })
	return info, itself, err
}

func (t *timed) ReadlinkIfPossible(name string) (string, error) {
	if reader, ok := t.Fs.(afero.LinkReader); ok {
		return reader.ReadlinkIfPossible(name)
	}
	return "", &os.PathError{Op: "readlink", Path: name, Err: afero.ErrNoReadlink}
}

func (t *timed) Mkdir(name string, perm os.FileMode) error {
	return t.time(Mkdir, func() error { return t.Fs.Mkdir(name, perm) })
}

func (t *timed) MkdirAll(name string, perm os.FileMode) error {
	return t.time(Mkdir, func() error { return t.Fs.MkdirAll(name, perm) })
}

func (t *timed) Remove(name string) error {
	return t.time(Remove, func() error { return t.Fs.Remove(name) })
}

func (t *timed) RemoveAll(name string) error {
	return t.time(Remove, func() error { return t.Fs.RemoveAll(name) })
}

// RemoveDir removes an empty directory.
func (t *timed) RemoveDir(name string) error {
	return t.time(Remove, func() error { return driver.RemoveDir(t.Fs, name) })
}

func (t *timed) Rename(oldname, newname string) error {
	return t.time(Rename, func() error { return t.Fs.Rename(oldname, newname) })
}

// RenameNoReplace renames, unless the new name is taken.
func (t *timed) RenameNoReplace(oldname, newname string) error {
	return t.time(Rename, func() error { return driver.RenameNoReplace(t.Fs, oldname, newname) })
}

func (t *timed) Chmod(name string, mode os.FileMode) error {
	return t.time(Change, func() error { return t.Fs.Chmod(name, mode) })
}

func (t *timed) Chown(name string, uid, gid int) error {
	return t.time(Change, func() error { return t.Fs.Chown(name, uid, gid) })
}

func (t *timed) Chtimes(name string, atime, mtime time.Time) error {
	return t.time(Change, func() error { return t.Fs.Chtimes(name, atime, mtime) })
}

func (t *timed) AvailableSpace(name string) (int64, error) { return driver.AvailableSpace(t.Fs, name) }

func (t *timed) CheckWrite(name string) error { return driver.CheckWrite(t.Fs, name) }

func (t *timed) UploadSize(name string) (size int64, err error) {
	err = t.time(Stat, func() (err error) { size, err = driver.UploadSize(t.Fs, name); return err })
	return size, err
}

func (t *timed) DiskPath(name string) (string, error) { return driver.DiskPath(t.Fs, name) }

// timedUploader is for storages that take uploads in a way of their own. It is
// another type because others are recognized by not having this method.
type timedUploader struct {
	*timed
	uploader driver.Uploader
}

func (t *timedUploader) OpenUpload(name string, flag int, offset int64) (file afero.File, err error) {
	err = t.time(Create, func() (err error) { file, err = t.uploader.OpenUpload(name, flag, offset); return err })
	return file, err
}
