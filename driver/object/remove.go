package object

import (
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"syscall"

	"gocloud.dev/blob"
)

// pageSize is how many objects are asked for together. Stores give no more.
const pageSize = 1000

// Remove implements afero.Fs: it removes a file or an empty directory.
func (f *FS) Remove(name string) error {
	found, err := f.Stat(name)
	if err != nil {
		return inPath("remove", name, err)
	}
	if found.IsDir() {
		return f.RemoveDir(name)
	}
	if err := f.keepAbove(name); err != nil {
		return inPath("remove", name, err)
	}
	return inPath("remove", name, f.delete(f.key(name)))
}

// RemoveDir removes an empty directory.
func (f *FS) RemoveDir(name string) error {
	if clean(name) == "/" {
		return inPath("rmdir", name, errRoot)
	}
	found, err := f.below(name, 2)
	switch {
	case err != nil:
		return inPath("rmdir", name, err)
	case len(found) == 0:
		if _, err := f.object(name); err == nil {
			return inPath("rmdir", name, syscall.ENOTDIR)
		}
		return inPath("rmdir", name, os.ErrNotExist)
	case len(found) > 1 || found[0].Key != f.dirKey(name):
		return inPath("rmdir", name, syscall.ENOTEMPTY)
	}
	if err := f.keepAbove(name); err != nil {
		return inPath("rmdir", name, err)
	}
	return inPath("rmdir", name, f.delete(f.dirKey(name)))
}

var errRoot = errors.New("the start directory cannot be removed or renamed")

// RemoveAll implements afero.Fs.
func (f *FS) RemoveAll(name string) error {
	if clean(name) == "/" {
		return inPath("remove", name, errRoot)
	}
	if err := f.keepAbove(name); err != nil {
		return inPath("remove", name, err)
	}
	found, err := f.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err == nil && !found.IsDir():
		err = f.delete(f.key(name))
	case err == nil:
		err = f.removeTree(name)
	}
	return inPath("remove", name, err)
}

func (f *FS) removeTree(name string) error {
	if err := f.each(name, f.delete); err != nil {
		return err
	}
	// Some stores do not list a marker that stands alone.
	if err := f.delete(f.dirKey(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// each calls do with every key below a directory, its marker included. Do may
// delete it.
func (f *FS) each(name string, do func(key string) error) error {
	token := blob.FirstPageToken
	for {
		page, next, err := f.page(&blob.ListOptions{Prefix: f.dirKey(name)}, token)
		if err != nil {
			return err
		}
		for _, found := range page {
			if err := do(found.Key); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if len(next) == 0 {
			return nil
		}
		token = next
	}
}

func (f *FS) page(opts *blob.ListOptions, token []byte) ([]*blob.ListObject, []byte, error) {
	ctx, cancel := f.request()
	defer cancel()
	page, next, err := f.bucket.ListPage(ctx, token, pageSize, opts)
	if errors.Is(err, io.EOF) {
		return nil, nil, nil
	}
	return page, next, fromStore(err)
}

func (f *FS) delete(key string) error {
	ctx, cancel := f.request()
	defer cancel()
	return fromStore(f.bucket.Delete(ctx, key))
}

// keepAbove marks the directory that something is taken from, so that it is
// still there if that was the last.
func (f *FS) keepAbove(name string) error {
	above := path.Dir(clean(name))
	if above == "/" {
		return nil
	}
	ctx, cancel := f.request()
	defer cancel()
	marked, err := f.bucket.Exists(ctx, f.dirKey(above))
	if err != nil || marked {
		return fromStore(err)
	}
	return f.mark(above)
}

// Rename implements afero.Fs by copies within the store. A file is replaced, a
// directory is not.
func (f *FS) Rename(oldname, newname string) error {
	return inPath("rename", oldname, f.rename(oldname, newname, true))
}

// RenameNoReplace renames, unless the new name is taken. Somebody who uploads a
// file of that name at the same moment may lose it.
func (f *FS) RenameNoReplace(oldname, newname string) error {
	return inPath("rename", oldname, f.rename(oldname, newname, false))
}

func (f *FS) rename(oldname, newname string, replace bool) error {
	oldname, newname = clean(oldname), clean(newname)
	if oldname == "/" || newname == "/" {
		return errRoot
	}
	if err := checkKey(f.key(newname)); err != nil {
		return err
	}
	source, err := f.Stat(oldname)
	if err != nil || oldname == newname {
		return err
	}
	target, err := f.Stat(newname)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case target.IsDir() || source.IsDir() || !replace:
		return os.ErrExist
	}
	if err := f.keepAbove(oldname); err != nil {
		return err
	}
	if source.IsDir() {
		return f.renameDir(oldname, newname)
	}
	if err := f.copy(f.key(oldname), f.key(newname)); err != nil {
		return err
	}
	return f.delete(f.key(oldname))
}

// renameDir copies all and deletes then, so that nothing is lost whatever
// fails.
func (f *FS) renameDir(oldname, newname string) error {
	if strings.HasPrefix(newname, oldname+"/") {
		return syscall.EINVAL
	}
	moved := func(key string) string { return f.dirKey(newname) + strings.TrimPrefix(key, f.dirKey(oldname)) }
	tooLong := func(key string) error { return checkKey(moved(key)) }
	if err := f.each(oldname, tooLong); err != nil {
		return err
	}
	if err := f.mark(newname); err != nil {
		return err
	}
	copyOne := func(key string) error {
		if strings.HasSuffix(key, "/") { // a marker, which not all stores copy
			return f.markKey(moved(key))
		}
		return f.copy(key, moved(key))
	}
	if err := f.each(oldname, copyOne); err != nil {
		return err
	}
	return f.removeTree(oldname)
}

// copy takes as long as the store needs.
func (f *FS) copy(from, to string) error {
	ctx, cancel := f.transfer()
	defer cancel()
	return fromStore(f.bucket.Copy(ctx, to, from, nil))
}
