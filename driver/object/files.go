package object

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/afero"
	"gocloud.dev/blob"
)

var (
	_ afero.File = (*dir)(nil)
	_ afero.File = (*download)(nil)
)

// entry is what all open files have in common: it refuses what is not theirs.
type entry struct {
	name string
	fs   *FS
}

// Name implements afero.File.
func (e *entry) Name() string { return e.name }

// Sync implements afero.File. What the store has taken, it keeps.
func (e *entry) Sync() error { return nil }

// Close implements afero.File.
func (e *entry) Close() error { return nil }

// Read implements afero.File.
func (e *entry) Read([]byte) (int, error) { return 0, unsupported("read", e.name) }

// ReadAt implements afero.File.
func (e *entry) ReadAt([]byte, int64) (int, error) { return 0, unsupported("read", e.name) }

// Seek implements afero.File.
func (e *entry) Seek(int64, int) (int64, error) { return 0, unsupported("seek", e.name) }

// Write implements afero.File.
func (e *entry) Write([]byte) (int, error) { return 0, unsupported("write", e.name) }

// WriteAt implements afero.File.
func (e *entry) WriteAt([]byte, int64) (int, error) { return 0, unsupported("write", e.name) }

// WriteString implements afero.File.
func (e *entry) WriteString(string) (int, error) { return 0, unsupported("write", e.name) }

// Truncate implements afero.File.
func (e *entry) Truncate(int64) error { return unsupported("truncate", e.name) }

// Readdir implements afero.File.
func (e *entry) Readdir(int) ([]os.FileInfo, error) {
	return nil, inPath("list", e.name, syscall.ENOTDIR)
}

// Readdirnames implements afero.File.
func (e *entry) Readdirnames(int) ([]string, error) {
	return nil, inPath("list", e.name, syscall.ENOTDIR)
}

// dir is an open directory.
type dir struct {
	entry
	info    os.FileInfo
	started bool
	next    []byte // token of the next page, empty at the end
	waiting []os.FileInfo
}

// Stat implements afero.File.
func (d *dir) Stat() (os.FileInfo, error) { return d.info, nil }

// Read implements afero.File.
func (d *dir) Read([]byte) (int, error) { return 0, inPath("read", d.name, syscall.EISDIR) }

// Readdir implements afero.File. It asks for one page after the other, in the
// order of keys.
func (d *dir) Readdir(count int) ([]os.FileInfo, error) {
	var entries []os.FileInfo
	for count <= 0 || len(entries) < count {
		if len(d.waiting) == 0 {
			more, err := d.fetch()
			if err != nil {
				return entries, inPath("list", d.name, err)
			}
			if !more {
				break
			}
			continue
		}
		take := len(d.waiting)
		if count > 0 {
			take = min(take, count-len(entries))
		}
		entries = append(entries, d.waiting[:take]...)
		d.waiting = d.waiting[take:]
	}
	if count > 0 && len(entries) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}

// fetch gets the next page and reports whether there was one.
func (d *dir) fetch() (bool, error) {
	if d.started && len(d.next) == 0 {
		return false, nil
	}
	token := d.next
	if !d.started {
		token = blob.FirstPageToken
	}
	prefix := d.fs.dirKey(d.name)
	page, next, err := d.fs.page(&blob.ListOptions{Prefix: prefix, Delimiter: "/"}, token)
	if err != nil {
		return false, err
	}
	d.started, d.next = true, next
	for _, found := range page {
		name := strings.TrimSuffix(strings.TrimPrefix(found.Key, prefix), "/")
		switch {
		case name == "" || found.Key == prefix: // the marker, or a key with two slashes
		case !found.IsDir:
			d.waiting = append(d.waiting, info{name: name, size: found.Size, modTime: found.ModTime})
		default:
			d.waiting = append(d.waiting, info{name: name, dir: true, modTime: d.fs.since})
		}
	}
	return true, nil
}

// Readdirnames implements afero.File.
func (d *dir) Readdirnames(count int) ([]string, error) {
	entries, err := d.Readdir(count)
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, err
}

// download is an object open to be read. One goroutine uses it.
type download struct {
	entry
	info   os.FileInfo
	at     int64
	reader *blob.Reader // from at on; nil before the first read
	cancel context.CancelFunc
}

var errChanged = errors.New("the object was replaced while it was read: try again")

// Stat implements afero.File.
func (d *download) Stat() (os.FileInfo, error) { return d.info, nil }

// Seek implements afero.File. It asks for nothing.
func (d *download) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.at
	case io.SeekEnd:
		offset += d.info.Size()
	}
	if offset < 0 {
		return 0, inPath("seek", d.name, syscall.EINVAL)
	}
	if offset != d.at {
		d.drop()
	}
	d.at = offset
	return offset, nil
}

// Read implements afero.File.
func (d *download) Read(p []byte) (int, error) {
	if d.at >= d.info.Size() {
		return 0, io.EOF
	}
	if err := d.open(); err != nil {
		return 0, inPath("read", d.name, err)
	}
	stop := d.fs.unlessStalled(d.cancel)
	n, err := d.reader.Read(p)
	err = stop(err)
	d.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, inPath("read", d.name, fromStore(err))
	}
	if n > 0 || err == nil {
		return n, nil
	}
	if d.at < d.info.Size() {
		return 0, inPath("read", d.name, io.ErrUnexpectedEOF)
	}
	return 0, io.EOF
}

// open asks for the rest of the object, once.
func (d *download) open() error {
	if d.reader != nil {
		return nil
	}
	ctx, cancel := d.fs.transfer()
	stop := d.fs.unlessStalled(cancel)
	reader, err := d.fs.bucket.NewRangeReader(ctx, d.fs.key(d.name), d.at, -1, nil)
	err = stop(err)
	if err != nil {
		cancel()
		return fromStore(err)
	}
	d.reader, d.cancel = reader, cancel
	// Bytes of two versions must not be put together.
	if reader.Size() != d.info.Size() || !sameTime(reader.ModTime(), d.info.ModTime()) {
		d.drop()
		return errChanged
	}
	return nil
}

// ReadAt implements afero.File.
func (d *download) ReadAt(p []byte, offset int64) (int, error) {
	other := &download{entry: d.entry, info: d.info, at: offset}
	defer other.drop()
	n, err := io.ReadFull(other, p)
	if errors.Is(err, io.ErrUnexpectedEOF) && offset+int64(n) >= d.info.Size() {
		err = io.EOF
	}
	return n, err
}

// Close implements afero.File.
func (d *download) Close() error {
	d.drop()
	return nil
}

func (d *download) drop() {
	if d.reader != nil {
		_ = d.reader.Close() // it was read as far as anybody wanted
		d.cancel()
		d.reader = nil
	}
}

// sameTime allows for stores that tell seconds in one place and less in
// another.
func sameTime(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }
