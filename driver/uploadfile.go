package driver

import (
	"errors"
	"os"
	"path"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

var (
	_ transferFailer = (*uploadFile)(nil)
	_ discarder      = (*uploadFile)(nil)
	_ osFiler        = (*uploadFile)(nil)
	_ osFiler        = (*syncedFile)(nil)
)

// uploadFile is an upload under way, in a hidden file. One goroutine uses it.
type uploadFile struct {
	afero.File
	uploads *Uploads
	target  target
	hidden  string
	exclude bool // nothing may be replaced

	keep   bool  // keep what there is if the upload is interrupted
	failed error // why it is not complete
	closed bool
}

func (u *Uploads) uploadTo(target target, file afero.File, hidden string, flag int) *uploadFile {
	return &uploadFile{
		File: file, uploads: u, target: target, hidden: hidden, exclude: flag&os.O_EXCL != 0, keep: true,
	}
}

// Name returns the path of the file that this will be.
func (f *uploadFile) Name() string { return f.target.name }

// OSFile implements osFiler.
func (f *uploadFile) OSFile() *os.File { return OSFile(f.File) }

// Write implements afero.File.
func (f *uploadFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.note(err)
	return n, err
}

// WriteAt implements afero.File.
func (f *uploadFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(p, offset)
	f.note(err)
	return n, err
}

// WriteString implements afero.File.
func (f *uploadFile) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// TransferError says that the upload is not complete, and why.
func (f *uploadFile) TransferError(err error) {
	if err == nil {
		err = errors.New("the transfer has failed")
	}
	f.note(err)
}

// Discard implements discarder.
func (f *uploadFile) Discard() {
	f.keep = false
	f.note(errors.New("the upload was given up"))
}

// note remembers the first failure. One for want of space drops the upload, or
// a user could neither see nor use what fills the disk.
func (f *uploadFile) note(err error) {
	if err == nil {
		return
	}
	if errors.Is(storageError(err), ftpserver.ErrStorageExceeded) {
		f.keep = false
	}
	if f.failed == nil {
		f.failed = err
	}
}

// Close publishes the upload if it is complete, and keeps it aside or drops it
// if not. A second Close is an error and does nothing.
func (f *uploadFile) Close() error {
	if f.closed {
		return &os.PathError{Op: "close", Path: f.target.name, Err: os.ErrClosed}
	}
	f.closed = true
	if f.failed != nil {
		return f.interrupt()
	}
	if err := f.publish(); err != nil {
		return inFTP("close", f.target.name, err)
	}
	f.uploads.forget(f.target.name)
	return nil
}

// forget removes what was kept of an earlier attempt: its owner wants no more of
// it. Mostly there is none, and looking is half the work of removing in vain.
func (u *Uploads) forget(name string) {
	partial := u.partialName(name)
	if _, err := Lstat(u.fs, partial); err == nil {
		_ = u.fs.Remove(partial)
	}
}

func (f *uploadFile) publish() error {
	fs := f.uploads.fs
	if err := f.flush(); err != nil {
		// What the file holds is not certain: there is nothing to go on from.
		return errors.Join(err, fs.Remove(f.hidden))
	}
	if err := f.rename(); err != nil {
		if errors.Is(err, os.ErrExist) && f.exclude {
			return errors.Join(err, fs.Remove(f.hidden))
		}
		return errors.Join(err, fs.Rename(f.hidden, f.uploads.partialName(f.target.name)))
	}
	if f.uploads.opts.Durable {
		return f.uploads.syncDir(f.target.name)
	}
	return nil
}

func (f *uploadFile) flush() error {
	var err error
	if f.uploads.opts.Durable {
		err = f.Sync()
	}
	return errors.Join(err, f.File.Close()) // network file systems report a full disk here
}

func (f *uploadFile) rename() error {
	if f.exclude {
		return RenameNoReplace(f.uploads.fs, f.hidden, f.target.name)
	}
	return f.uploads.fs.Rename(f.hidden, f.target.name)
}

// interrupt keeps the upload aside if there is something to go on from.
func (f *uploadFile) interrupt() error {
	fs := f.uploads.fs
	info, err := f.Stat()
	worth := err == nil && info.Size() > 0 && f.keep && f.targetStands()
	if err := f.File.Close(); err != nil {
		worth = false
	}
	if worth {
		return inFTP("keep", f.target.name, fs.Rename(f.hidden, f.uploads.partialName(f.target.name)))
	}
	return inFTP("drop", f.target.name, fs.Remove(f.hidden))
}

// targetStands reports whether the target is still what it was when the upload
// began. If not, somebody has published a newer file, and the interrupted
// upload has nothing to replace any more.
func (f *uploadFile) targetStands() bool {
	now, err := f.uploads.fs.Stat(f.target.name)
	if !f.target.exists {
		return errors.Is(err, os.ErrNotExist)
	}
	return err == nil && now.Size() == f.target.size && now.ModTime().Equal(f.target.modTime)
}

// syncDir writes the directory of name to the disk.
func (u *Uploads) syncDir(name string) error {
	dir, err := u.fs.Open(path.Dir(ftpPath(name)))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// syncedFile is a file written in place that is on the disk when it is closed.
type syncedFile struct {
	afero.File
	sync func() error // of the directory
}

// OSFile implements osFiler.
func (f *syncedFile) OSFile() *os.File { return OSFile(f.File) }

// Close implements afero.File.
func (f *syncedFile) Close() error { return errors.Join(f.Sync(), f.File.Close(), f.sync()) }
