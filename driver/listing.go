package driver

import (
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"
)

// shownMode is what of a mode a listing shows. The engine prints Go's mode
// string, in which every other bit takes a place of its own.
const shownMode = os.ModeDir | os.ModePerm

// Stat returns what a path shows as. It follows symbolic links.
func (f *FS) Stat(name string) (os.FileInfo, error) {
	info, err := f.Fs.Stat(name)
	if err != nil {
		return nil, err
	}
	return shownAs(path.Base(ftpPath(name)), info), nil
}

// ReadNames returns what ReadDir does, but knows nothing but the names: no entry
// is looked at.
func (f *FS) ReadNames(name string) ([]os.FileInfo, error) {
	names, err := readAll(f.Fs, name, afero.File.Readdirnames)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	entries := make([]shown, len(names))
	listed := make([]os.FileInfo, 0, len(names))
	for i, name := range names {
		if !breaksLines(name) {
			entries[i].name = name
			listed = append(listed, &entries[i])
		}
	}
	return listed, nil
}

func readAll[E any](fs afero.Fs, name string, read func(afero.File, int) ([]E, error)) ([]E, error) {
	dir, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	entries, err := read(dir, -1)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return entries, inFTP("list", name, err)
}

// ReadDir returns what is in a directory, sorted by name. Only symbolic links
// cost a look of their own.
func (f *FS) ReadDir(name string) ([]os.FileInfo, error) {
	entries, err := readAll(f.Fs, name, afero.File.Readdir)
	if err != nil {
		return nil, err
	}
	listed := entries[:0]
	for _, info := range entries {
		if !breaksLines(info.Name()) {
			listed = append(listed, f.entry(name, info))
		}
	}
	entries = listed
	if !slices.IsSortedFunc(entries, byName) { // a Local's are
		slices.SortFunc(entries, byName)
	}
	return entries, nil
}

func byName(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) }

func (f *FS) entry(dir string, info os.FileInfo) os.FileInfo {
	if info.Mode()&os.ModeSymlink == 0 {
		return shownAs(info.Name(), info)
	}
	target, err := f.Fs.Stat(path.Join(dir, info.Name()))
	if err != nil {
		return newShown(info.Name(), 0, 0, info.ModTime())
	}
	return shownAs(info.Name(), target)
}

// shownAs returns info itself where there is nothing to hide, which is nearly
// always.
func shownAs(name string, info os.FileInfo) os.FileInfo {
	if info.Name() == name && info.Mode()&^shownMode == 0 {
		return info
	}
	return newShown(name, info.Size(), info.Mode()&shownMode, info.ModTime())
}

// shown is a file as a listing shows it. A pointer to it is an os.FileInfo. It is
// small and holds one pointer, for there may be very many.
type shown struct {
	name        string
	size        int64
	seconds     int64 // of the time, since 1970
	nanoseconds int32
	mode        os.FileMode
}

func newShown(name string, size int64, mode os.FileMode, modTime time.Time) *shown {
	return &shown{name: name, size: size, mode: mode, seconds: modTime.Unix(), nanoseconds: int32(modTime.Nanosecond())}
}

func (s *shown) Name() string       { return s.name }
func (s *shown) Size() int64        { return s.size }
func (s *shown) Mode() os.FileMode  { return s.mode }
func (s *shown) ModTime() time.Time { return time.Unix(s.seconds, int64(s.nanoseconds)) }
func (s *shown) IsDir() bool        { return s.mode.IsDir() }
func (s *shown) Sys() any           { return nil }
