package object

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
	"gocloud.dev/blob"

	"github.com/portico-ftp/portico/driver"
)

var (
	_ afero.Fs        = (*FS)(nil)
	_ driver.Uploader = (*FS)(nil)
)

// Options configures an FS. The zero value is right for most.
type Options struct {
	// Prefix is put before each key, such as "ftp/". What lies outside is not
	// seen. A slash at its end is added if it is missing. Empty: the whole
	// bucket.
	Prefix string
	// PartSize is the size in bytes of the parts in which an upload is sent,
	// where the store has parts. An upload holds up to Concurrency+1 of them in
	// memory. Zero: 8 MiB, with which S3, which takes 10,000 parts, takes files
	// up to 78 GiB. S3 wants 5 MiB at least.
	PartSize int
	// Concurrency is how many parts of one upload are sent at the same time.
	// Zero: 2.
	Concurrency int
	// BeforeWrite is called before each upload with what blob.WriterOptions
	// gives it, to reach the client of the store. Nil: nothing is called.
	// Package cloud uses it to have S3 forget the parts of uploads that are cut
	// off, which s3blob alone leaves there.
	BeforeWrite func(asFunc func(any) bool) error
	// Timeout limits each request but those that move a file's bytes. Zero:
	// 30 s. Negative: nothing limits them.
	Timeout time.Duration
	// Stall is how long a transfer may wait for the store to take or give a
	// byte, or to confirm the upload, before it fails. Zero: 5 min, in which a
	// slow line moves a part. Negative: it waits for ever.
	Stall time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// What Options are where they are zero.
const (
	DefaultPartSize    = 8 << 20
	DefaultConcurrency = 2
	DefaultTimeout     = 30 * time.Second
	DefaultStall       = 5 * time.Minute
)

// FS is a bucket, or what lies behind a prefix in it, as an afero.Fs. It is
// safe for concurrent use.
type FS struct {
	bucket *blob.Bucket
	opts   Options
	since  time.Time // of directories that have no time
}

// New returns the file system in a bucket. The bucket stays the caller's, who
// closes it after the last use.
func New(bucket *blob.Bucket, opts Options) *FS {
	if opts.Prefix = strings.Trim(opts.Prefix, "/"); opts.Prefix != "" {
		opts.Prefix += "/"
	}
	if opts.PartSize <= 0 {
		opts.PartSize = DefaultPartSize
	}
	if opts.Concurrency <= 0 {
		opts.Concurrency = DefaultConcurrency
	}
	if opts.Timeout == 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Stall == 0 {
		opts.Stall = DefaultStall
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &FS{bucket: bucket, opts: opts, since: opts.Now()}
}

// Name implements afero.Fs.
func (f *FS) Name() string { return "object store" }

// Open implements afero.Fs.
func (f *FS) Open(name string) (afero.File, error) { return f.OpenFile(name, os.O_RDONLY, 0) }

// Create implements afero.Fs. The file can be written and not read.
func (f *FS) Create(name string) (afero.File, error) {
	return f.OpenUpload(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0)
}

const changing = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_TRUNC

// OpenFile implements afero.Fs. A file opened for writing is written whole.
func (f *FS) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	if flag&changing != 0 {
		return f.OpenUpload(name, flag, 0)
	}
	info, err := f.Stat(name)
	if err != nil {
		return nil, inPath("open", name, err)
	}
	if info.IsDir() {
		return &dir{entry: entry{name: clean(name), fs: f}, info: info}, nil
	}
	return &download{entry: entry{name: clean(name), fs: f}, info: info}, nil
}

// Stat implements afero.Fs.
func (f *FS) Stat(name string) (os.FileInfo, error) {
	name = clean(name)
	if name == "/" {
		return info{name: "/", dir: true, modTime: f.since}, nil
	}
	if err := checkKey(f.key(name)); err != nil {
		return nil, inPath("stat", name, os.ErrNotExist)
	}
	found, err := f.object(name)
	if errors.Is(err, os.ErrNotExist) {
		found, err = f.directory(name)
	}
	if err != nil {
		return nil, inPath("stat", name, err)
	}
	return found, nil
}

// object looks for a file.
func (f *FS) object(name string) (info, error) {
	ctx, cancel := f.request()
	defer cancel()
	attributes, err := f.bucket.Attributes(ctx, f.key(name))
	if err != nil {
		return info{}, fromStore(err)
	}
	return info{name: path.Base(name), size: attributes.Size, modTime: attributes.ModTime}, nil
}

// directory looks for anything below a name.
func (f *FS) directory(name string) (info, error) {
	found, err := f.below(name, 1)
	if err != nil {
		return info{}, err
	}
	if len(found) == 0 {
		return info{}, os.ErrNotExist
	}
	modTime := f.since
	if found[0].Key == f.dirKey(name) && !found[0].ModTime.IsZero() {
		modTime = found[0].ModTime
	}
	return info{name: path.Base(name), dir: true, modTime: modTime}, nil
}

// below returns the first objects below a directory, its marker included.
func (f *FS) below(name string, count int) ([]*blob.ListObject, error) {
	ctx, cancel := f.request()
	defer cancel()
	found, _, err := f.bucket.ListPage(ctx, blob.FirstPageToken, count, &blob.ListOptions{Prefix: f.dirKey(name)})
	if err != nil || len(found) > 0 {
		return found, fromStore(err)
	}
	// Some stores do not list a marker that stands alone.
	marked, err := f.bucket.Exists(ctx, f.dirKey(name))
	if err != nil || !marked {
		return nil, fromStore(err)
	}
	return []*blob.ListObject{{Key: f.dirKey(name)}}, nil
}

// key returns the key of a file.
func (f *FS) key(name string) string { return f.opts.Prefix + strings.TrimPrefix(clean(name), "/") }

// dirKey returns the key of a directory's marker, which is what all keys in it
// begin with. For the root of a whole bucket that is nothing.
func (f *FS) dirKey(name string) string {
	if clean(name) == "/" {
		return f.opts.Prefix
	}
	return f.key(name) + "/"
}

func clean(name string) string { return path.Clean("/" + name) }

// checkKey refuses what stores do not take.
func checkKey(key string) error {
	const longest = 1024 // bytes, everywhere
	switch {
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: object stores take UTF-8 alone", ftpserver.ErrFileNameNotAllowed)
	case len(key) >= longest: // a marker has one more
		return fmt.Errorf("%w: object stores take paths of %d bytes", ftpserver.ErrFileNameNotAllowed, longest-1)
	}
	return nil
}

// request limits one request.
func (f *FS) request() (context.Context, context.CancelFunc) {
	if f.opts.Timeout < 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), f.opts.Timeout)
}

// Mkdir implements afero.Fs. What is above must exist.
func (f *FS) Mkdir(name string, _ os.FileMode) error {
	if err := checkKey(f.key(name)); err != nil {
		return inPath("mkdir", name, err)
	}
	if _, err := f.Stat(name); !errors.Is(err, os.ErrNotExist) {
		return inPath("mkdir", name, orExists(err))
	}
	above, err := f.Stat(path.Dir(clean(name)))
	if err == nil && !above.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return inPath("mkdir", name, err)
	}
	return inPath("mkdir", name, f.mark(name))
}

func orExists(err error) error {
	if err == nil {
		return os.ErrExist
	}
	return err
}

// MkdirAll implements afero.Fs.
func (f *FS) MkdirAll(name string, perm os.FileMode) error {
	at := "/"
	for part := range strings.SplitSeq(clean(name), "/") {
		at = path.Join(at, part)
		found, err := f.Stat(at)
		switch {
		case errors.Is(err, os.ErrNotExist):
			err = f.Mkdir(at, perm)
		case err == nil && !found.IsDir():
			err = inPath("mkdir", at, syscall.ENOTDIR)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mark makes a directory's marker.
func (f *FS) mark(name string) error { return f.markKey(f.dirKey(name)) }

func (f *FS) markKey(key string) error {
	ctx, cancel := f.request()
	defer cancel()
	return fromStore(f.bucket.WriteAll(ctx, key, nil, &blob.WriterOptions{ContentType: "application/x-directory"}))
}

// Chmod implements afero.Fs and always refuses.
func (f *FS) Chmod(name string, _ os.FileMode) error { return unsupported("chmod", name) }

// Chown implements afero.Fs and always refuses.
func (f *FS) Chown(name string, _, _ int) error { return unsupported("chown", name) }

// Chtimes implements afero.Fs and always refuses: the time of an object is that
// of its upload.
func (f *FS) Chtimes(name string, _, _ time.Time) error { return unsupported("chtimes", name) }
