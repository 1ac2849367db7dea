package driver

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

var (
	// ErrBeyondEnd says that an upload cannot go on where it was asked to,
	// because there is less than that.
	ErrBeyondEnd = errors.New("driver: beyond the end")
	// ErrAddedTo says that another upload is adding to the file.
	ErrAddedTo = errors.New("driver: another upload is adding to this file: try again when it has ended")
)

// OpenUpload implements Uploader.
func (u *Uploads) OpenUpload(name string, flag int, offset int64) (afero.File, error) {
	if err := refuseReserved("open", name, flag|os.O_CREATE); err != nil {
		return nil, err
	}
	if uploader, ok := u.fs.(Uploader); ok {
		return uploader.OpenUpload(name, flag, offset)
	}
	if !u.collect {
		return u.openInPlace(name, flag)
	}
	target, err := u.target(name)
	if err != nil {
		return nil, err
	}
	if err := target.check(flag); err != nil {
		return nil, inFTP("open", name, err)
	}
	var file afero.File
	switch {
	case flag&os.O_APPEND != 0:
		file, err = u.add(target, flag)
	case offset > 0:
		file, err = u.resume(target, flag, offset)
	default:
		file, err = u.start(target, flag)
	}
	if err != nil {
		return nil, inFTP("open", name, err) // err may name a hidden file
	}
	return file, nil
}

// target is the file that an upload will be, as it was found.
type target struct {
	name    string // where symbolic links lead
	exists  bool
	size    int64
	mode    os.FileMode
	modTime time.Time
}

// check holds what an upload may not do whatever its kind.
func (t target) check(flag int) error {
	switch {
	case t.exists && t.mode.IsDir():
		return syscall.EISDIR
	case t.exists && flag&os.O_EXCL != 0:
		return os.ErrExist
	case !t.exists && flag&os.O_CREATE == 0:
		return os.ErrNotExist
	}
	return nil
}

// target looks at what is there. Who may not change a file may not replace it,
// even where the directory would let them.
func (u *Uploads) target(name string) (target, error) {
	found := target{name: ftpPath(name)}
	info, err := u.fs.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, err
	}
	found.exists, found.size, found.mode, found.modTime = true, info.Size(), info.Mode(), info.ModTime()
	if !info.IsDir() {
		err := CheckWrite(u.fs, name)
		if errors.Is(err, os.ErrNotExist) { // removed since
			return target{name: ftpPath(name)}, nil
		}
		if err != nil {
			return found, err
		}
	}
	found.name = u.behindLinks(found.name)
	return found, nil
}

// behindLinks returns the path of the file that name leads to by symbolic
// links. Where that cannot be told for certain it is name itself, and the link
// will be replaced.
func (u *Uploads) behindLinks(name string) string {
	const maxLinks = 40
	reader, ok := u.fs.(afero.LinkReader)
	if !ok {
		return name
	}
	at := name
	for range maxLinks {
		info, err := Lstat(u.fs, at)
		if err != nil {
			return name
		}
		if info.Mode()&os.ModeSymlink == 0 {
			break
		}
		to, err := reader.ReadlinkIfPossible(at)
		if err != nil || path.IsAbs(to) {
			return name
		}
		at = path.Join(path.Dir(at), to)
	}
	if at == name {
		return name
	}
	// ".." after a link to a directory leads elsewhere than its text says.
	meant, err := u.fs.Stat(name)
	if err != nil {
		return name
	}
	if reached, err := u.fs.Stat(at); err != nil || !os.SameFile(meant, reached) {
		return name
	}
	return at
}

// start begins a file.
func (u *Uploads) start(target target, flag int) (afero.File, error) {
	file, hidden, err := u.createHidden(target, flag)
	if err != nil {
		return nil, err
	}
	return u.uploadTo(target, file, hidden, flag), nil
}

func (u *Uploads) createHidden(target target, flag int) (afero.File, string, error) {
	hidden := workingName(target.name, rand.Text())
	file, err := u.fs.OpenFile(hidden, flag&^(os.O_APPEND|os.O_TRUNC)|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil || !target.exists {
		return file, hidden, err
	}
	if replacer, ok := file.(Replacer); ok {
		replacer.Replaces(target.size)
	}
	if err := u.chmod(file, hidden, target.mode&os.ModePerm); err != nil {
		return nil, "", errors.Join(err, file.Close(), u.fs.Remove(hidden))
	}
	return file, hidden, nil
}

// chmod saves the look for the name where there is an open file of the operating
// system.
func (u *Uploads) chmod(file afero.File, name string, mode os.FileMode) error {
	if bare := lowest(file); bare != nil && runtime.GOOS != "windows" {
		return bare.Chmod(mode)
	}
	return u.fs.Chmod(name, mode)
}

// add appends: to the file, or to what was kept of its upload.
func (u *Uploads) add(target target, flag int) (afero.File, error) {
	partial, found := u.partialOf(target)
	switch {
	case found && target.exists:
		return nil, partial.ambiguous(target.name)
	case found:
		return u.goOn(target, partial, flag, partial.size)
	case target.exists:
		return u.addInPlace(target, flag)
	default:
		return u.start(target, flag)
	}
}

// resume goes on at offset: with what was kept of an interrupted upload, or
// with the file.
func (u *Uploads) resume(target target, flag int, offset int64) (afero.File, error) {
	partial, found := u.partialOf(target)
	switch {
	case found && offset <= partial.size:
		return u.goOn(target, partial, flag, offset)
	case found && target.exists:
		return nil, partial.ambiguous(target.name)
	case found:
		return nil, beyondEnd(offset, partial.size)
	case !target.exists:
		return nil, fmt.Errorf("%w: there is nothing to go on with: send the file from its start", ErrBeyondEnd)
	case offset > target.size:
		return nil, beyondEnd(offset, target.size)
	case offset == target.size:
		return u.addInPlace(target, flag)
	default:
		return u.changeCopy(target, flag)
	}
}

func beyondEnd(offset, size int64) error {
	return fmt.Errorf("%w: an upload cannot go on at %d: there are %d bytes", ErrBeyondEnd, offset, size)
}

// goOn takes what was kept of an interrupted upload. Two cannot: the second
// finds nothing to rename.
func (u *Uploads) goOn(target target, partial partial, flag int, offset int64) (afero.File, error) {
	now := u.opts.Now()
	if err := u.fs.Chtimes(partial.name, now, now); err != nil { // Sweep must not take it for old
		return nil, err
	}
	hidden := workingName(target.name, rand.Text())
	if err := u.fs.Rename(partial.name, hidden); err != nil {
		return nil, err
	}
	file, err := u.fs.OpenFile(hidden, flag&^(os.O_CREATE|os.O_EXCL|os.O_TRUNC), 0o666)
	if err != nil {
		return nil, errors.Join(err, u.fs.Rename(hidden, partial.name))
	}
	if replacer, ok := file.(Replacer); ok && target.exists {
		replacer.Replaces(target.size)
	}
	// What stands beyond the point will be sent again.
	if err := file.Truncate(offset); err != nil {
		return nil, errors.Join(err, file.Close(), u.fs.Rename(hidden, partial.name))
	}
	return u.uploadTo(target, file, hidden, flag), nil
}

// changeCopy overwrites the middle of a file in a copy of it.
func (u *Uploads) changeCopy(target target, flag int) (afero.File, error) {
	file, hidden, err := u.createHidden(target, flag)
	if err != nil {
		return nil, err
	}
	if err := u.copyInto(file, target.name); err != nil {
		return nil, errors.Join(err, file.Close(), u.fs.Remove(hidden))
	}
	upload := u.uploadTo(target, file, hidden, flag)
	upload.keep = false // SIZE would tell no point to go on from
	return upload, nil
}

func (u *Uploads) copyInto(file afero.File, name string) error {
	old, err := u.fs.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }() // opened to be read: nothing can be lost
	return copyFile(file, old)
}

// addInPlace appends to a complete file.
func (u *Uploads) addInPlace(target target, flag int) (afero.File, error) {
	file, err := u.openInPlace(target.name, flag&^(os.O_CREATE|os.O_TRUNC)|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	if err := addable(file, target); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func addable(file afero.File, target target) error {
	if err := lockWhole(lowest(file)); err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != target.size {
		err = ErrAddedTo // and ended, or died, since the size was asked
	}
	return err
}

func (u *Uploads) openInPlace(name string, flag int) (afero.File, error) {
	file, err := u.fs.OpenFile(name, flag, 0o666)
	if err != nil || !u.opts.Durable {
		return file, err
	}
	return &syncedFile{File: file, sync: func() error { return u.syncDir(name) }}, nil
}
