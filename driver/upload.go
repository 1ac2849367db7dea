package driver

import (
	"errors"
	"os"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

var (
	_ afero.Fs        = (*Uploads)(nil)
	_ afero.Lstater   = (*Uploads)(nil)
	_ AvailableSpacer = (*Uploads)(nil)
	_ Uploader        = (*Uploads)(nil)
	_ UploadSizer     = (*Uploads)(nil)
	_ dirRemover      = (*Uploads)(nil)
	_ noReplacer      = (*Uploads)(nil)
)

// Uploads is a layer that publishes uploads when they are complete and not
// before (see UploadAtomic). It guarantees, in that mode:
//
//   - STOR leaves the file of that name as it was until the last byte has
//     arrived and been written; then the new one takes its place in one step,
//     with the permission bits of the old. Of several uploads to one name the
//     one that ends last stays, whole. Other hard links to the old file, and
//     downloads that run, keep the old content.
//   - An upload that is interrupted is kept aside, for its owner only. SIZE
//     then tells how much there is, and REST with STOR at that point or before
//     it goes on, as does APPE; the file appears when that is complete. Only
//     the last interrupted upload of a name is kept, and only while the file of
//     that name is older. One for which there was no space is dropped, to make
//     room.
//   - Where a complete file stands beside an interrupted upload, SIZE and
//     listings show the complete one (but see UploadSize), and going on beyond
//     the end of the interrupted one, or APPE, is refused with
//     ErrInterruptedUpload: nobody could tell which of the two is meant.
//   - APPE, and REST with STOR at the very end of a file, add to the file in
//     place: what is there already is never touched, what arrives is seen at
//     once, and what has arrived stays. Two that add to one file at the same
//     time are not possible where the operating system has locks for files
//     (Unix): the second is refused.
//   - REST with STOR into the middle of a complete file works on a copy, which
//     takes the file's place at the end. If it is interrupted, the file stays
//     as it was. REST beyond the end is refused.
//
// A process that is killed leaves hidden files and nothing else behind; Sweep
// removes them. Their names begin with ".portico-upload-"; nobody can see, open
// or create such names through this layer, in direct mode neither.
//
// A target that is a symbolic link is replaced where the link leads to; a link
// that is absolute, leads out or leads nowhere is replaced itself. The directory
// has to be writable to the process.
//
// Writing by other means than OpenUpload follows the same rules, if it empties
// the file, appends, or creates it. A file opened for writing in any other way
// is changed in place.
//
// A storage that is an Uploader itself, as object storage is, takes uploads in
// its own way; the layer then only keeps hidden names hidden.
//
// Uploads is as safe for concurrent use as the layer below.
type Uploads struct {
	fs      afero.Fs
	owner   string
	opts    UploadOptions
	collect bool // uploads in hidden files
}

// NewUploads puts the layer over fs. Interrupted uploads are continued by those
// of the same owner, usually the user's name.
func NewUploads(fs afero.Fs, owner string, opts UploadOptions) *Uploads {
	_, itself := fs.(Uploader)
	return &Uploads{fs: fs, owner: owner, opts: opts.withDefaults(), collect: opts.Mode == UploadAtomic && !itself}
}

// Name implements afero.Fs.
func (u *Uploads) Name() string { return u.opts.Mode.String() + " uploads to " + u.fs.Name() }

// Open implements afero.Fs.
func (u *Uploads) Open(name string) (afero.File, error) {
	return u.OpenFile(name, os.O_RDONLY, 0)
}

// Create implements afero.Fs.
func (u *Uploads) Create(name string) (afero.File, error) {
	return u.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// OpenFile implements afero.Fs.
func (u *Uploads) OpenFile(name string, flag int, perm os.FileMode) (afero.File, error) {
	switch {
	case flag&os.O_APPEND != 0 && changes(flag), changes(flag) && flag&(os.O_TRUNC|os.O_EXCL) != 0:
		return u.OpenUpload(name, flag, 0)
	case changes(flag):
		if err := refuseReserved("open", name, flag); err != nil {
			return nil, err
		}
		return u.fs.OpenFile(name, flag, perm)
	}
	if err := refuseReserved("open", name, flag); err != nil {
		return nil, err
	}
	file, err := u.fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &openedFile{File: file}, nil
}

// Stat implements afero.Fs. An interrupted upload of the owner's shows as a
// file, unless a complete one stands in its place.
func (u *Uploads) Stat(name string) (os.FileInfo, error) {
	if err := refuseReserved("stat", name, 0); err != nil {
		return nil, err
	}
	info, err := u.fs.Stat(name)
	return u.orPartial(name, info, err)
}

// LstatIfPossible implements afero.Lstater.
func (u *Uploads) LstatIfPossible(name string) (os.FileInfo, bool, error) {
	if err := refuseReserved("lstat", name, 0); err != nil {
		return nil, true, err
	}
	info, err := Lstat(u.fs, name)
	info, err = u.orPartial(name, info, err)
	return info, true, err
}

func (u *Uploads) orPartial(name string, info os.FileInfo, err error) (os.FileInfo, error) {
	if !errors.Is(err, os.ErrNotExist) || !u.collect {
		return info, err
	}
	if partial, found := u.partial(name); found {
		return partialInfo{newShown(path.Base(ftpPath(name)), partial.size, 0o600, partial.modTime)}, nil
	}
	return nil, err
}

// partialInfo marks what is told about an upload that its owner may continue.
type partialInfo struct{ *shown }

// UploadSize returns the size that SIZE should tell: that of the file, or of
// the owner's interrupted upload where there is no file. Where there are both,
// the error wraps ErrInterruptedUpload: a client that is about to download
// wants one size, a client that is about to go on the other.
func (u *Uploads) UploadSize(name string) (int64, error) {
	info, err := u.Stat(name)
	if err != nil {
		return 0, err
	}
	if _, partial := info.(partialInfo); partial || info.IsDir() || !u.collect {
		return info.Size(), nil
	}
	if partial, found := u.partial(name); found && !partial.modTime.Before(info.ModTime()) {
		return 0, partial.ambiguous(name)
	}
	return info.Size(), nil
}

// Mkdir implements afero.Fs.
func (u *Uploads) Mkdir(name string, perm os.FileMode) error {
	if err := refuseReserved("mkdir", name, os.O_CREATE); err != nil {
		return err
	}
	return u.fs.Mkdir(name, perm)
}

// MkdirAll implements afero.Fs.
func (u *Uploads) MkdirAll(name string, perm os.FileMode) error {
	if err := refuseReserved("mkdir", name, os.O_CREATE); err != nil {
		return err
	}
	return u.fs.MkdirAll(name, perm)
}

// Remove implements afero.Fs. With a file goes what is kept of the owner's
// interrupted upload of it; that alone can be removed too.
func (u *Uploads) Remove(name string) error {
	if err := refuseReserved("remove", name, 0); err != nil {
		return err
	}
	err := u.fs.Remove(name)
	if !u.collect || err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if dropped := u.fs.Remove(u.partialName(name)); dropped == nil {
		return nil
	}
	return err
}

// RemoveDir removes a directory that is empty but for interrupted uploads.
// While one runs there, it is not empty.
func (u *Uploads) RemoveDir(name string) error {
	if err := refuseReserved("rmdir", name, 0); err != nil {
		return err
	}
	err := RemoveDir(u.fs, name)
	if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	if !u.dropHidden(name) {
		return err
	}
	return RemoveDir(u.fs, name)
}

// RemoveAll implements afero.Fs.
func (u *Uploads) RemoveAll(name string) error {
	if err := refuseReserved("remove", name, 0); err != nil {
		return err
	}
	return u.fs.RemoveAll(name)
}

// Rename implements afero.Fs.
func (u *Uploads) Rename(oldname, newname string) error {
	if err := refuseRename(oldname, newname); err != nil {
		return err
	}
	return u.fs.Rename(oldname, newname)
}

// RenameNoReplace renames, unless the new name is taken.
func (u *Uploads) RenameNoReplace(oldname, newname string) error {
	if err := refuseRename(oldname, newname); err != nil {
		return err
	}
	return RenameNoReplace(u.fs, oldname, newname)
}

func refuseRename(oldname, newname string) error {
	if err := refuseReserved("rename", oldname, 0); err != nil {
		return err
	}
	return refuseReserved("rename", newname, os.O_CREATE)
}

// Chmod implements afero.Fs.
func (u *Uploads) Chmod(name string, mode os.FileMode) error {
	if err := refuseReserved("chmod", name, 0); err != nil {
		return err
	}
	return u.fs.Chmod(name, mode)
}

// Chown implements afero.Fs.
func (u *Uploads) Chown(name string, uid, gid int) error {
	if err := refuseReserved("chown", name, 0); err != nil {
		return err
	}
	return u.fs.Chown(name, uid, gid)
}

// Chtimes implements afero.Fs.
func (u *Uploads) Chtimes(name string, atime, mtime time.Time) error {
	if err := refuseReserved("chtimes", name, 0); err != nil {
		return err
	}
	return u.fs.Chtimes(name, atime, mtime)
}

// AvailableSpace implements AvailableSpacer by asking the layer below.
func (u *Uploads) AvailableSpace(name string) (int64, error) { return AvailableSpace(u.fs, name) }

// openedFile is a file or directory opened to be read.
type openedFile struct {
	afero.File
}

// OSFile implements osFiler.
func (f *openedFile) OSFile() *os.File { return OSFile(f.File) }

// Readdir implements afero.File and leaves hidden files out.
func (f *openedFile) Readdir(count int) ([]os.FileInfo, error) {
	for {
		entries, err := f.File.Readdir(count)
		read := len(entries)
		entries = slices.DeleteFunc(entries, func(info os.FileInfo) bool { return isReserved(info.Name()) })
		// With a count, no entries would mean the end.
		if count <= 0 || len(entries) > 0 || read == 0 || err != nil {
			return entries, err
		}
	}
}

// Readdirnames implements afero.File and leaves hidden files out.
func (f *openedFile) Readdirnames(count int) ([]string, error) {
	for {
		names, err := f.File.Readdirnames(count)
		read := len(names)
		names = slices.DeleteFunc(names, isReserved)
		if count <= 0 || len(names) > 0 || read == 0 || err != nil {
			return names, err
		}
	}
}
