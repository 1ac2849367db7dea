package object

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/spf13/afero"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

var _ afero.File = (*upload)(nil)

var (
	errAppend = fmt.Errorf("an object store cannot add to a file: send it whole: %w", errors.ErrUnsupported)
	errResume = fmt.Errorf("an object store cannot go on with an upload: send the file from its start: %w", errors.ErrUnsupported)
)

// OpenUpload implements driver.Uploader.
func (f *FS) OpenUpload(name string, flag int, offset int64) (afero.File, error) {
	name = clean(name)
	if err := f.mayUpload(name, flag, offset); err != nil {
		return nil, inPath("open", name, err)
	}
	ctx, cancel := f.transfer()
	from, to := io.Pipe()
	started := &upload{entry: entry{name: name, fs: f}, to: to, cancel: cancel, done: make(chan error, 1), exclude: flag&os.O_EXCL != 0}
	go started.send(ctx, from)
	return started, nil
}

func (f *FS) mayUpload(name string, flag int, offset int64) error {
	if err := checkKey(f.key(name)); err != nil {
		return err
	}
	if offset > 0 {
		return errResume
	}
	found, err := f.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if flag&os.O_CREATE == 0 {
			return os.ErrNotExist
		}
		return f.notBelowAFile(name)
	case err != nil:
		return err
	case found.IsDir():
		return syscall.EISDIR
	case flag&os.O_EXCL != 0:
		return os.ErrExist
	case flag&os.O_APPEND != 0:
		return errAppend
	case flag&os.O_TRUNC == 0:
		return errResume
	}
	return nil
}

// notBelowAFile refuses a file whose directory is a file. That it does not
// exist is no fault: it will.
func (f *FS) notBelowAFile(name string) error {
	above := path.Dir(name)
	if above == "/" {
		return nil
	}
	_, err := f.object(above)
	switch {
	case err == nil:
		return syscall.ENOTDIR
	case errors.Is(err, os.ErrNotExist):
		return nil
	default:
		return err
	}
}

// upload is an object on its way to the store. One goroutine uses it; another
// one, which Close waits for, sends.
type upload struct {
	entry
	to      *io.PipeWriter
	cancel  context.CancelFunc
	done    chan error // what the store says at the end
	exclude bool       // nothing may be replaced
	size    int64
	failed  error
	closed  bool
}

// send has the store read the upload. That ends with an error when the upload
// is cut, and then the store is told to forget it.
func (u *upload) send(ctx context.Context, from *io.PipeReader) {
	err := u.fs.bucket.Upload(ctx, u.fs.key(u.name), from, &blob.WriterOptions{
		BufferSize:     u.fs.opts.PartSize,
		MaxConcurrency: u.fs.opts.Concurrency,
		ContentType:    contentType(u.name),
		IfNotExist:     u.exclude,
		BeforeWrite:    u.fs.opts.BeforeWrite,
	})
	if u.exclude && gcerrors.Code(err) == gcerrors.FailedPrecondition {
		err = fmt.Errorf("%w: %w", os.ErrExist, err)
	}
	from.CloseWithError(errors.Join(err, io.ErrClosedPipe))
	u.done <- err
}

func contentType(name string) string {
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}

// Stat implements afero.File.
func (u *upload) Stat() (os.FileInfo, error) {
	return info{name: path.Base(u.name), size: u.size, modTime: u.fs.opts.Now()}, nil
}

// Seek implements afero.File. It can only stay where it is.
func (u *upload) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart && offset == u.size || whence != io.SeekStart && offset == 0 {
		return u.size, nil
	}
	return u.size, unsupported("seek", u.name)
}

// Write implements afero.File.
func (u *upload) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	stop := u.fs.unlessStalled(u.cancel)
	n, err := u.to.Write(p)
	err = stop(err)
	u.size += int64(n)
	if err != nil {
		u.TransferError(err)
		return n, inPath("write", u.name, fromStore(err))
	}
	return n, nil
}

// WriteString implements afero.File.
func (u *upload) WriteString(s string) (int, error) { return u.Write([]byte(s)) }

// TransferError says that the upload is not complete, and why.
func (u *upload) TransferError(err error) {
	if err == nil {
		err = errors.New("the transfer has failed")
	}
	if u.failed == nil {
		u.failed = err
	}
}

// Discard gives the upload up. Nothing is ever kept here.
func (u *upload) Discard() { u.TransferError(errors.New("the upload was given up")) }

// Close completes the upload, and returns when the store has it; or, if the
// upload has failed, has the store forget it.
func (u *upload) Close() error {
	if u.closed {
		return inPath("close", u.name, os.ErrClosed)
	}
	u.closed = true
	defer u.cancel()
	if u.failed == nil {
		stop := u.fs.unlessStalled(u.cancel)
		_ = u.to.Close() // never fails
		err := <-u.done
		if stalled := stop(err); err != nil { // otherwise it was complete before
			err = stalled
		}
		return inPath("close", u.name, fromStore(err))
	}
	// In this order: of a reader that fails, some drivers publish what it gave.
	u.cancel()
	_ = u.to.CloseWithError(u.failed) // never fails
	if err := <-u.done; err == nil {
		// The store had it all before it was called off: it must not stay.
		return inPath("close", u.name, u.fs.delete(u.fs.key(u.name)))
	}
	return nil
}

// transfer is the context of what moves a file's bytes.
func (f *FS) transfer() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

// unlessStalled cancels what moves bytes if it waits for the store for too
// long: a store that has fallen silent would hold up the session, and the end
// of the server. Stop ends that, and says so in the error that came of it, or is
// to come.
func (f *FS) unlessStalled(cancel context.CancelFunc) (stop func(error) error) {
	if f.opts.Stall < 0 {
		return func(err error) error { return err }
	}
	timer := time.AfterFunc(f.opts.Stall, cancel)
	return func(err error) error {
		if timer.Stop() {
			return err
		}
		return fmt.Errorf("the store has not answered for %v: %w", f.opts.Stall, cmp.Or(err, context.Canceled))
	}
}
