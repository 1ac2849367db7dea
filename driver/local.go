package driver

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

var (
	_ afero.Fs         = (*Local)(nil)
	_ afero.Lstater    = (*Local)(nil)
	_ AvailableSpacer  = (*Local)(nil)
	_ afero.LinkReader = (*Local)(nil)
	_ dirRemover       = (*Local)(nil)
	_ noReplacer       = (*Local)(nil)
	_ afero.File       = (*localFile)(nil)
	_ osFiler          = (*localFile)(nil)
)

// Local is a directory of this machine as an afero.Fs. Its paths are FTP's:
// separated by slashes, "/" being the directory itself, and ".." never leads
// above it. Neither does a symbolic link, wherever it stands in a path and
// whoever exchanges it meanwhile, unless LinksAnywhere says otherwise: os.Root
// resolves every step.
//
// Files are created with mode 0666 and directories with 0777, less the umask;
// the modes that callers pass are ignored, because they are the FTP engine's
// and no client chose them. Only regular files and directories can be opened: a
// named pipe would hold up a session for good.
//
// Errors name the FTP path and not where the directory lies. A Local is safe
// for concurrent use.
type Local struct {
	root tree
	dir  string // that of root on this machine
}

// LocalOptions configures a Local. The zero value follows symbolic links inside
// the directory and creates files with the process's umask.
type LocalOptions struct {
	// Links says which symbolic links are followed. Zero: LinksInside.
	Links LinkPolicy
	// Umask is taken from the modes of new files and directories, such as
	// 0o027. Nil: the process's umask.
	Umask *os.FileMode
}

func (o LocalOptions) check() error {
	switch {
	case o.Links > LinksAnywhere:
		return fmt.Errorf("%v is not a policy for symbolic links: use inside, never or anywhere", o.Links)
	case o.Umask != nil && *o.Umask&^os.ModePerm != 0:
		return fmt.Errorf("%#o is not a umask: use 0 to 0777", uint32(*o.Umask))
	}
	return nil
}

// NewLocal returns the file system under root. Several may share one root,
// which stays the caller's and must be open as long as they are used.
func NewLocal(root *os.Root) *Local { return &Local{root: root, dir: root.Name()} }

// NewLocalWith is NewLocal with options. With LinksAnywhere, the directory is
// the one that root.Name() names.
func NewLocalWith(root *os.Root, opts LocalOptions) (*Local, error) {
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	var dir tree = root
	switch opts.Links {
	case LinksNever:
		dir = linklessTree{root}
	case LinksAnywhere:
		dir = openTree{root.Name()}
	}
	if opts.Umask != nil {
		dir = maskedTree{tree: dir, umask: *opts.Umask}
	}
	return &Local{root: dir, dir: root.Name()}, nil
}

// Name implements afero.Fs.
func (l *Local) Name() string { return "local" }

// Open implements afero.Fs.
func (l *Local) Open(name string) (afero.File, error) {
	return l.OpenFile(name, os.O_RDONLY, 0)
}

// Create implements afero.Fs.
func (l *Local) Create(name string) (afero.File, error) {
	return l.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
}

// OpenFile implements afero.Fs.
func (l *Local) OpenFile(name string, flag int, _ os.FileMode) (afero.File, error) {
	file, err := l.openWithoutWaiting(inRoot(name), flag)
	if err != nil {
		return nil, inFTP("open", name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = errSpecialFile
	}
	if err != nil {
		return nil, errors.Join(inFTP("open", name, err), file.Close())
	}
	return &localFile{File: file, name: ftpPath(name)}, nil
}

var errSpecialFile = errors.New("neither a regular file nor a directory")

// openWithoutWaiting opens a named pipe without waiting for its other end, so
// that it can be refused. On a regular file the flag means nothing, but that
// opening fails while another program holds a lease on it (Samba's oplocks);
// the second attempt waits for that program as any other would.
func (l *Local) openWithoutWaiting(name string, flag int) (*os.File, error) {
	file, err := l.root.OpenFile(name, flag|openNonblock, 0o666)
	if errors.Is(err, syscall.EAGAIN) {
		return l.root.OpenFile(name, flag, 0o666)
	}
	return file, err
}

// CheckWrite implements WriteChecker by opening the file.
func (l *Local) CheckWrite(name string) error {
	file, err := l.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// Stat implements afero.Fs. A symbolic link that leads out of the root is an
// error.
func (l *Local) Stat(name string) (os.FileInfo, error) {
	info, err := l.root.Stat(inRoot(name))
	return info, inFTP("stat", name, err)
}

// LstatIfPossible implements afero.Lstater. The boolean is always true.
func (l *Local) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	info, err := l.root.Lstat(inRoot(name))
	return info, true, inFTP("lstat", name, err)
}

// ReadlinkIfPossible implements afero.LinkReader.
func (l *Local) ReadlinkIfPossible(name string) (string, error) {
	target, err := l.root.Readlink(inRoot(name))
	return filepath.ToSlash(target), inFTP("readlink", name, err)
}

// Mkdir implements afero.Fs.
func (l *Local) Mkdir(name string, _ os.FileMode) error {
	return inFTP("mkdir", name, l.root.Mkdir(inRoot(name), 0o777))
}

// MkdirAll implements afero.Fs.
func (l *Local) MkdirAll(name string, _ os.FileMode) error {
	return inFTP("mkdir", name, l.root.MkdirAll(inRoot(name), 0o777))
}

// Remove implements afero.Fs: it removes a file, a symbolic link or an empty
// directory, but never the root.
func (l *Local) Remove(name string) error {
	if isRoot(name) {
		return rootKept("remove")
	}
	return inFTP("remove", name, l.root.Remove(inRoot(name)))
}

// RemoveDir removes an empty directory, but never the root. That it is empty
// is for the kernel to say, so no file that appears meanwhile is lost.
func (l *Local) RemoveDir(name string) error {
	info, _, err := l.LstatIfPossible(name)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return &os.PathError{Op: "rmdir", Path: ftpPath(name), Err: syscall.ENOTDIR}
	}
	return l.Remove(name)
}

// RemoveAll implements afero.Fs. Symbolic links are removed and not followed.
// The root is refused.
func (l *Local) RemoveAll(name string) error {
	if isRoot(name) {
		return rootKept("remove")
	}
	return inFTP("remove", name, l.root.RemoveAll(inRoot(name)))
}

// Rename implements afero.Fs. A file of the new name is replaced.
func (l *Local) Rename(oldname, newname string) error {
	if isRoot(oldname) || isRoot(newname) {
		return rootKept("rename")
	}
	return inFTP("rename", oldname, l.root.Rename(inRoot(oldname), inRoot(newname)))
}

// Chmod implements afero.Fs. It sets permission bits only. The setgid and
// sticky bits of a directory stay, as they do with chmod(1): shared
// directories depend on them.
func (l *Local) Chmod(name string, mode os.FileMode) error {
	info, err := l.Stat(name)
	if err != nil {
		return err
	}
	mode &= os.ModePerm
	if info.IsDir() {
		mode |= info.Mode() & (os.ModeSetuid | os.ModeSetgid | os.ModeSticky)
	}
	return inFTP("chmod", name, l.root.Chmod(inRoot(name), mode))
}

// Chown implements afero.Fs.
func (l *Local) Chown(name string, uid, gid int) error {
	return inFTP("chown", name, l.root.Chown(inRoot(name), uid, gid))
}

// Chtimes implements afero.Fs.
func (l *Local) Chtimes(name string, atime, mtime time.Time) error {
	return inFTP("chtimes", name, l.root.Chtimes(inRoot(name), atime, mtime))
}

// AvailableSpace implements AvailableSpacer.
func (l *Local) AvailableSpace(name string) (int64, error) {
	dir, err := l.openWithoutWaiting(inRoot(name), os.O_RDONLY)
	if err != nil {
		return 0, inFTP("statfs", name, err)
	}
	defer func() { _ = dir.Close() }() // opened to be read: nothing can be lost
	available, err := spaceBehind(dir)
	return available, inFTP("statfs", name, err)
}

// localFile is an open file of a Local. It goes by its FTP path.
type localFile struct {
	*os.File
	name  string
	begun bool // reading the directory bit by bit
}

// Name returns the FTP path.
func (f *localFile) Name() string { return f.name }

// OSFile returns the operating system's file.
func (f *localFile) OSFile() *os.File { return f.File }

// ftpPath returns the absolute path that name stands for. Clean drops a ".."
// that would lead above "/".
func ftpPath(name string) string { return path.Clean("/" + name) }

// inRoot returns the path that os.Root knows an FTP path by.
func inRoot(name string) string {
	if inside := strings.TrimPrefix(ftpPath(name), "/"); inside != "" {
		return inside
	}
	return "."
}

func isRoot(name string) bool { return ftpPath(name) == "/" }

func rootKept(op string) error {
	return &os.PathError{Op: op, Path: "/", Err: errStartDirectory}
}

var errStartDirectory = errors.New("the start directory cannot be removed or renamed")

// inFTP puts the FTP path in place of whatever path err names.
func inFTP(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: ftpPath(name), Err: withoutPath(err)}
}

// withoutPath returns what went wrong without where. It looks at err itself
// alone, so that what a layer has wrapped around a path error is kept.
func withoutPath(err error) error {
	switch at := err.(type) { //nolint:errorlint // see above
	case *os.PathError:
		return withoutPath(at.Err)
	case *os.LinkError:
		return withoutPath(at.Err)
	default:
		return err
	}
}
