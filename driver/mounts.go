package driver

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

var (
	_ afero.Fs        = (*Mounts)(nil)
	_ afero.Lstater   = (*Mounts)(nil)
	_ AvailableSpacer = (*Mounts)(nil)
	_ Uploader        = (*Mounts)(nil)
	_ UploadSizer     = (*Mounts)(nil)
	_ dirRemover      = (*Mounts)(nil)
)

// Mount puts a storage into a tree.
type Mount struct {
	// Path is where: "/" or an absolute path such as "/pub" or "/in/box".
	Path string
	// FS is what is there. Its "/" is seen at Path.
	FS afero.Fs
	// Permissions is what may be done there, and in mounts below it only as
	// far as they say so themselves.
	Permissions Permissions
}

// Mounts is a tree that is made of several storages, each with its permissions.
// A path belongs to the mount whose Path is its longest prefix. Directories on
// the way to a mount that the mount above does not have are shown all the same,
// empty but for what leads on.
//
// A mount point, and a directory above one, cannot be removed or renamed, and
// no file can take its name. A file is moved from one mount to another by a
// copy that takes its place when it is whole, and a removal; that takes
// CanRename, CanRead and CanDelete where it comes from, and what an upload
// takes where it goes. A copy takes as long as it takes, and where the mount
// has no Uploads layer one that fails may be seen. Directories, and symbolic
// links, are not moved between mounts: the error wraps syscall.EXDEV.
//
// A Mounts is as safe for concurrent use as its storages.
type Mounts struct {
	mounts   []*mount // the longest path first
	skeleton afero.Fs // the directories above mounts
}

// mount is a Mount that was found valid.
type mount struct {
	path  string
	fs    *Restricted
	below afero.Fs // what fs restricts
}

var (
	errMountPoint  = fmt.Errorf("other storage is mounted there: %w", syscall.EBUSY)
	errAcrossDirs  = fmt.Errorf("only files can be moved to another storage, one by one: %w", syscall.EXDEV)
	errMayNotLeave = fmt.Errorf("moving a file to another storage takes the permissions rename, read and delete: %w", os.ErrPermission)
)

// NewMounts makes the tree. There must be exactly one mount for "/", and no two
// for one path. The error joins all faults; each names its path.
func NewMounts(mounts []Mount) (*Mounts, error) {
	m := &Mounts{skeleton: afero.NewMemMapFs()}
	var faults []error
	for _, entry := range mounts {
		if err := m.add(entry); err != nil {
			faults = append(faults, fmt.Errorf("driver: mount %q: %w", entry.Path, err))
		}
	}
	slices.SortFunc(m.mounts, func(a, b *mount) int { return len(b.path) - len(a.path) })
	if len(faults) == 0 && (len(m.mounts) == 0 || m.mounts[len(m.mounts)-1].path != "/") {
		faults = append(faults, errors.New(`driver: mount "/" is missing: add one, it is where a session starts`))
	}
	return m, errors.Join(faults...)
}

func (m *Mounts) add(entry Mount) error {
	switch {
	case !path.IsAbs(entry.Path) || path.Clean(entry.Path) != entry.Path || breaksLines(entry.Path):
		return errors.New(`use an absolute path such as "/pub", without "..", double or closing slashes, CR, LF or NUL`)
	case entry.FS == nil:
		return errors.New("the storage is missing: set FS")
	case slices.ContainsFunc(m.mounts, func(other *mount) bool { return other.path == entry.Path }):
		return errors.New("the path is taken by an earlier mount: use each path once")
	}
	m.mounts = append(m.mounts, &mount{path: entry.Path, fs: Restrict(entry.FS, entry.Permissions), below: entry.FS})
	return m.skeleton.MkdirAll(entry.Path, 0o755)
}

// find returns the mount that name belongs to, and its path there.
func (m *Mounts) find(name string) (*mount, string) {
	name = ftpPath(name)
	for _, mount := range m.mounts {
		if isAtOrBelow(mount.path, name) {
			return mount, ftpPath(name[len(mount.path):])
		}
	}
	return m.mounts[len(m.mounts)-1], name // "/" has matched
}

// isAtOrBelow reports whether name is dir or something in it.
func isAtOrBelow(dir, name string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(name, dir+"/")
}

// leadsToMount reports whether name is a directory above a mount point.
func (m *Mounts) leadsToMount(name string) bool {
	name = ftpPath(name)
	return slices.ContainsFunc(m.mounts, func(mount *mount) bool {
		return mount.path != name && isAtOrBelow(name, mount.path)
	})
}

// keep refuses what would remove, rename or cover a mount point.
func (m *Mounts) keep(op, name string) error {
	mount, _ := m.find(name)
	if mount.path == ftpPath(name) || m.leadsToMount(name) {
		return &os.PathError{Op: op, Path: ftpPath(name), Err: errMountPoint}
	}
	return nil
}

// Name implements afero.Fs.
func (m *Mounts) Name() string { return fmt.Sprintf("%d mounts", len(m.mounts)) }

// Open implements afero.Fs.
func (m *Mounts) Open(name string) (afero.File, error) { return m.OpenFile(name, os.O_RDONLY, 0) }

// Create implements afero.Fs.
func (m *Mounts) Create(name string) (afero.File, error) {
	return m.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile implements afero.Fs.
func (m *Mounts) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	mount, inside := m.find(name)
	if !m.leadsToMount(name) {
		file, err := mount.fs.OpenFile(inside, flag, perm)
		return file, inFTP("open", name, err)
	}
	if changes(flag) {
		return nil, &os.PathError{Op: "open", Path: ftpPath(name), Err: syscall.EISDIR}
	}
	return m.openAbove(name, mount, inside)
}

// OpenUpload implements Uploader.
func (m *Mounts) OpenUpload(name string, flag int, offset int64) (afero.File, error) {
	if err := m.keep("open", name); err != nil {
		return nil, err
	}
	mount, inside := m.find(name)
	file, err := OpenUpload(mount.fs, inside, flag, offset)
	return file, inFTP("open", name, err)
}

// Stat implements afero.Fs.
func (m *Mounts) Stat(name string) (os.FileInfo, error) {
	mount, inside := m.find(name)
	info, err := mount.fs.Stat(inside)
	return m.orAbove("stat", name, info, err)
}

// LstatIfPossible implements afero.Lstater.
func (m *Mounts) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	mount, inside := m.find(name)
	info, err := Lstat(mount.fs, inside)
	info, err = m.orAbove("lstat", name, info, err)
	return info, true, err
}

// orAbove tells of a directory where the way to a mount leads through nothing,
// or through a file.
func (m *Mounts) orAbove(op, name string, info os.FileInfo, err error) (os.FileInfo, error) {
	if m.leadsToMount(name) && (err != nil || !info.IsDir()) {
		return m.skeleton.Stat(ftpPath(name))
	}
	return info, inFTP(op, name, err)
}

// UploadSize implements UploadSizer.
func (m *Mounts) UploadSize(name string) (int64, error) {
	if m.leadsToMount(name) {
		return 0, nil
	}
	mount, inside := m.find(name)
	size, err := UploadSize(mount.fs, inside)
	return size, inFTP("stat", name, err)
}

// Mkdir implements afero.Fs.
func (m *Mounts) Mkdir(name string, perm os.FileMode) error {
	if m.keep("mkdir", name) != nil {
		return &os.PathError{Op: "mkdir", Path: ftpPath(name), Err: os.ErrExist}
	}
	mount, inside := m.find(name)
	return inFTP("mkdir", name, mount.fs.Mkdir(inside, perm))
}

// MkdirAll implements afero.Fs.
func (m *Mounts) MkdirAll(name string, perm os.FileMode) error {
	if m.keep("mkdir", name) != nil {
		return nil // it is there
	}
	mount, inside := m.find(name)
	return inFTP("mkdir", name, mount.fs.MkdirAll(inside, perm))
}

// Remove implements afero.Fs.
func (m *Mounts) Remove(name string) error {
	return m.remove(name, (*Restricted).Remove)
}

// RemoveDir removes an empty directory.
func (m *Mounts) RemoveDir(name string) error {
	return m.remove(name, (*Restricted).RemoveDir)
}

// RemoveAll implements afero.Fs.
func (m *Mounts) RemoveAll(name string) error {
	return m.remove(name, (*Restricted).RemoveAll)
}

func (m *Mounts) remove(name string, remove func(*Restricted, string) error) error {
	if err := m.keep("remove", name); err != nil {
		return err
	}
	mount, inside := m.find(name)
	return inFTP("remove", name, remove(mount.fs, inside))
}

// Rename implements afero.Fs.
func (m *Mounts) Rename(oldname, newname string) error {
	if err := errors.Join(m.keep("rename", oldname), m.keep("rename", newname)); err != nil {
		return err
	}
	from, oldInside := m.find(oldname)
	to, newInside := m.find(newname)
	if from != to {
		return inFTP("rename", oldname, moveAcross(from, oldInside, to, newInside))
	}
	return inFTP("rename", oldname, from.fs.Rename(oldInside, newInside))
}

// Chmod implements afero.Fs.
func (m *Mounts) Chmod(name string, mode os.FileMode) error {
	mount, inside := m.find(name)
	return inFTP("chmod", name, mount.fs.Chmod(inside, mode))
}

// Chown implements afero.Fs.
func (m *Mounts) Chown(name string, uid, gid int) error {
	mount, inside := m.find(name)
	return inFTP("chown", name, mount.fs.Chown(inside, uid, gid))
}

// Chtimes implements afero.Fs.
func (m *Mounts) Chtimes(name string, atime, mtime time.Time) error {
	mount, inside := m.find(name)
	return inFTP("chtimes", name, mount.fs.Chtimes(inside, atime, mtime))
}

// AvailableSpace implements AvailableSpacer with that of the mount.
func (m *Mounts) AvailableSpace(name string) (int64, error) {
	mount, inside := m.find(name)
	return AvailableSpace(mount.fs, inside)
}
