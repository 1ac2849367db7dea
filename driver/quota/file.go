package quota

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
)

var (
	_ driver.Replacer = (*file)(nil)
	_ driver.Wrapper  = (*file)(nil)
)

const changing = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_TRUNC

// OpenFile implements afero.Fs.
func (f *FS) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	if flag&changing == 0 {
		return f.fs.OpenFile(name, flag, perm)
	}
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		flag |= os.O_RDWR // it is emptied or made: that is writing
	}
	if err := f.account.begin(); err != nil { // the file's Close ends it
		return nil, err
	}
	opened, err := f.open(name, flag, perm)
	if err != nil {
		f.account.end()
		return nil, err
	}
	return opened, nil
}

func (f *FS) open(name string, flag int, perm os.FileMode) (*file, error) {
	f.account.changes.RLock()
	defer f.account.changes.RUnlock()
	f.account.names.Lock()
	defer f.account.names.Unlock()
	if flag&os.O_CREATE != 0 {
		created, err := f.create(name, flag, perm)
		if !errors.Is(err, os.ErrExist) || flag&os.O_EXCL != 0 {
			return created, err
		}
	}
	below, err := f.fs.OpenFile(name, flag&^(os.O_CREATE|os.O_EXCL|os.O_TRUNC), perm)
	if err != nil {
		return nil, err
	}
	opened, err := f.opened(below, flag)
	if err == nil && flag&os.O_TRUNC != 0 {
		err = opened.truncate(0)
	}
	if err != nil {
		return nil, errors.Join(err, below.Close())
	}
	return opened, nil
}

// create makes a file. That one exists is told even where there could be no
// more.
func (f *FS) create(name string, flag int, perm os.FileMode) (*file, error) {
	if err := f.account.take(0, 1, f.limits, 0); err != nil {
		if _, found := driver.Lstat(f.fs, name); found == nil {
			return nil, os.ErrExist
		}
		return nil, err
	}
	below, err := f.fs.OpenFile(name, flag&^os.O_TRUNC|os.O_EXCL, perm)
	if err != nil {
		f.account.give(0, 1)
		return nil, err
	}
	return f.opened(below, flag)
}

func (f *FS) opened(below afero.File, flag int) (*file, error) {
	info, err := below.Stat()
	if err != nil {
		return nil, err
	}
	return &file{File: below, fs: f, size: info.Size(), appends: flag&os.O_APPEND != 0}, nil
}

// file is a file open for writing. One goroutine uses it. It has no OSFile: all
// writing goes through here.
type file struct {
	afero.File
	fs      *FS
	size    int64 // as far as this file has seen
	at      int64 // where Write writes
	appends bool
	credit  int64 // see Replaces
	closed  bool
}

// Underlying implements driver.Wrapper.
func (f *file) Underlying() afero.File { return f.File }

// Replaces implements driver.Replacer: what this file will replace is free
// then, so that the limit may be passed by as much until then.
func (f *file) Replaces(size int64) { f.credit = size }

// Read implements afero.File.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.at += int64(n)
	return n, err
}

// Seek implements afero.File.
func (f *file) Seek(offset int64, whence int) (int64, error) {
	at, err := f.File.Seek(offset, whence)
	if err == nil {
		f.at = at
	}
	return at, err
}

// Write implements afero.File.
func (f *file) Write(p []byte) (int, error) {
	if f.appends {
		f.at = f.size
	}
	n, err := f.grow(f.at, p, func() (int, error) { return f.File.Write(p) })
	f.at += int64(n)
	return n, err
}

// WriteString implements afero.File.
func (f *file) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// WriteAt implements afero.File.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	return f.grow(offset, p, func() (int, error) { return f.File.WriteAt(p, offset) })
}

// ReadFrom copies what r gives, through Write.
func (f *file) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{f}, r)
}

// grow counts what writing p at a place adds, before it is written, and counts
// back what was not.
func (f *file) grow(at int64, p []byte, write func() (int, error)) (int, error) {
	f.fs.account.changes.RLock()
	defer f.fs.account.changes.RUnlock()
	wanted := max(at+int64(len(p))-f.size, 0)
	if err := f.fs.account.take(wanted, 0, f.fs.limits, f.credit); err != nil {
		return 0, err
	}
	n, err := write()
	added := max(at+int64(n)-f.size, 0)
	if n == 0 {
		added = 0 // whatever lies between the end and the place
	}
	f.fs.account.give(wanted-added, 0)
	f.size += added
	return n, err
}

// Truncate implements afero.File.
func (f *file) Truncate(size int64) error {
	f.fs.account.changes.RLock()
	defer f.fs.account.changes.RUnlock()
	return f.truncate(size)
}

func (f *file) truncate(size int64) error {
	more := max(size-f.size, 0)
	if err := f.fs.account.take(more, 0, f.fs.limits, f.credit); err != nil {
		return err
	}
	if err := f.File.Truncate(size); err != nil {
		f.fs.account.give(more, 0)
		return err
	}
	f.fs.account.give(max(f.size-size, 0), 0)
	f.size = size
	return nil
}

// Close implements afero.File.
func (f *file) Close() error {
	if !f.closed {
		f.closed = true
		defer f.fs.account.end()
	}
	return f.File.Close()
}
