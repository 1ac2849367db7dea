package driver

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/afero"
)

var (
	_ afero.Fs        = (*Observed)(nil)
	_ afero.Lstater   = (*Observed)(nil)
	_ AvailableSpacer = (*Observed)(nil)
	_ Quoter          = (*Observed)(nil)
	_ Uploader        = (*Observed)(nil)
	_ UploadSizer     = (*Observed)(nil)
	_ downloader      = (*Observed)(nil)
	_ dirRemover      = (*Observed)(nil)
	_ noReplacer      = (*Observed)(nil)
	_ osFiler         = (*observedFile)(nil)
	_ transferFailer  = (*observedFile)(nil)
)

// Observed is a layer that tells an EventHandler what is done. It belongs on
// top, below FS alone: paths are those that the client sees, and what is
// refused below is not told. Listings, and opening files in other ways than for
// a transfer, are no events.
type Observed struct {
	fs      afero.Fs
	actor   Actor
	handler EventHandler
	now     func() time.Time
}

// Observe puts the layer over fs. Now is the clock, nil for time.Now. The
// result is as safe for concurrent use as fs and the handler are.
func Observe(fs afero.Fs, actor Actor, handler EventHandler, now func() time.Time) *Observed {
	if now == nil {
		now = time.Now
	}
	return &Observed{fs: fs, actor: actor, handler: handler, now: now}
}

// downloader is what a layer may have to tell a download from a look at a file.
type downloader interface {
	// OpenDownload opens a file that will be sent to the client.
	OpenDownload(name string) (afero.File, error)
}

// OpenDownload opens a file and tells when it is closed. A directory can be
// opened too, and nothing is told.
func (o *Observed) OpenDownload(name string) (afero.File, error) {
	file, err := o.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		return file, nil // the next to ask for this finds it out
	}
	return o.observe(file, name, EventDownload, EventDownloadInterrupted), nil
}

// OpenUpload implements Uploader.
func (o *Observed) OpenUpload(name string, flag int, offset int64) (afero.File, error) {
	file, err := OpenUpload(o.fs, name, flag, offset)
	if err != nil {
		return nil, err
	}
	observed := o.observe(file, name, EventUpload, EventUploadInterrupted)
	if flag&os.O_APPEND != 0 {
		if info, err := file.Stat(); err == nil {
			observed.start = info.Size()
		}
	}
	return observed, nil
}

func (o *Observed) observe(file afero.File, name string, complete, interrupted EventKind) *observedFile {
	return &observedFile{
		File: file, observed: o, began: o.now(),
		event: Event{Kind: complete, Path: ftpPath(name)}, interrupted: interrupted,
	}
}

// observedFile is a file during one transfer. One goroutine uses it.
type observedFile struct {
	afero.File
	observed    *Observed
	event       Event     // if it is complete
	interrupted EventKind // if not
	began       time.Time
	start       int64 // where it began
	failed      error
	closed      bool
}

// OSFile implements osFiler.
func (f *observedFile) OSFile() *os.File { return OSFile(f.File) }

// Seek implements afero.File.
func (f *observedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := f.File.Seek(offset, whence)
	if err == nil {
		f.start = at
	}
	return at, err
}

// TransferError implements transferFailer.
func (f *observedFile) TransferError(err error) {
	if f.failed = err; err == nil {
		f.failed = errors.New("the transfer has failed")
	}
	if below, ok := f.File.(transferFailer); ok {
		below.TransferError(err)
	}
}

// Close closes the file and tells what became of the transfer.
func (f *observedFile) Close() error {
	// Bytes that the kernel has moved are counted by the file's position alone.
	at, seekErr := f.File.Seek(0, io.SeekCurrent)
	err := f.File.Close()
	if f.closed {
		return err
	}
	f.closed = true
	event := f.event
	if seekErr == nil {
		event.Bytes = max(at-f.start, 0)
	}
	event.Duration = f.observed.now().Sub(f.began)
	if event.Err = errors.Join(f.failed, err); event.Err != nil {
		event.Kind = f.interrupted
	}
	f.observed.tell(event)
	return err
}

func (o *Observed) tell(event Event) {
	event.Actor, event.Time = o.actor, o.now()
	o.handler.HandleEvent(event)
}

// done tells what has been done unless it has failed.
func (o *Observed) done(event Event, err error) error {
	if err == nil {
		o.tell(event)
	}
	return err
}

// Mkdir implements afero.Fs.
func (o *Observed) Mkdir(name string, perm os.FileMode) error {
	return o.done(Event{Kind: EventMkdir, Path: ftpPath(name)}, o.fs.Mkdir(name, perm))
}

// MkdirAll implements afero.Fs. It is told once, whatever had to be made.
func (o *Observed) MkdirAll(name string, perm os.FileMode) error {
	return o.done(Event{Kind: EventMkdir, Path: ftpPath(name)}, o.fs.MkdirAll(name, perm))
}

// Remove implements afero.Fs.
func (o *Observed) Remove(name string) error {
	return o.done(Event{Kind: EventDelete, Path: ftpPath(name)}, o.fs.Remove(name))
}

// RemoveDir removes an empty directory.
func (o *Observed) RemoveDir(name string) error {
	return o.done(Event{Kind: EventDelete, Path: ftpPath(name)}, RemoveDir(o.fs, name))
}

// RemoveAll implements afero.Fs. It is told once, for all.
func (o *Observed) RemoveAll(name string) error {
	return o.done(Event{Kind: EventDelete, Path: ftpPath(name)}, o.fs.RemoveAll(name))
}

// Rename implements afero.Fs.
func (o *Observed) Rename(oldname, newname string) error {
	return o.done(Event{Kind: EventRename, Path: ftpPath(oldname), NewPath: ftpPath(newname)}, o.fs.Rename(oldname, newname))
}

// RenameNoReplace renames, unless the new name is taken.
func (o *Observed) RenameNoReplace(oldname, newname string) error {
	return o.done(Event{Kind: EventRename, Path: ftpPath(oldname), NewPath: ftpPath(newname)}, RenameNoReplace(o.fs, oldname, newname))
}

// Name implements afero.Fs.
func (o *Observed) Name() string { return o.fs.Name() }

// Create implements afero.Fs.
func (o *Observed) Create(name string) (afero.File, error) { return o.fs.Create(name) }

// Open implements afero.Fs.
func (o *Observed) Open(name string) (afero.File, error) { return o.fs.Open(name) }

// OpenFile implements afero.Fs.
func (o *Observed) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	return o.fs.OpenFile(name, flag, perm)
}

// Stat implements afero.Fs.
func (o *Observed) Stat(name string) (os.FileInfo, error) { return o.fs.Stat(name) }

// LstatIfPossible implements afero.Lstater.
func (o *Observed) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	info, err := Lstat(o.fs, name)
	return info, true, err
}

// Chmod implements afero.Fs.
func (o *Observed) Chmod(name string, mode os.FileMode) error { return o.fs.Chmod(name, mode) }

// Chown implements afero.Fs.
func (o *Observed) Chown(name string, uid, gid int) error { return o.fs.Chown(name, uid, gid) }

// Chtimes implements afero.Fs.
func (o *Observed) Chtimes(name string, atime, mtime time.Time) error {
	return o.fs.Chtimes(name, atime, mtime)
}

// AvailableSpace implements AvailableSpacer by asking the layer below.
func (o *Observed) AvailableSpace(name string) (int64, error) { return AvailableSpace(o.fs, name) }

// Quota implements Quoter by asking the layer below.
func (o *Observed) Quota(name string) (Quota, error) { return QuotaOf(o.fs, name) }

// UploadSize implements UploadSizer by asking the layer below.
func (o *Observed) UploadSize(name string) (int64, error) { return UploadSize(o.fs, name) }
