package driver

import (
	"os"
	"path"
	"slices"
	"strings"
	"time"
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

// ReadDir returns what is in a directory, sorted by name. Only symbolic links
// cost a look of their own.
func (f *FS) ReadDir(name string) ([]os.FileInfo, error) {
	dir, err := f.Fs.Open(name)
	if err != nil {
		return nil, err
	}
	entries, err := dir.Readdir(-1)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, inFTP("list", name, err)
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
		return &shown{name: info.Name(), modTime: info.ModTime()}
	}
	return shownAs(info.Name(), target)
}

// shownAs returns info itself where there is nothing to hide, which is nearly
// always.
func shownAs(name string, info os.FileInfo) os.FileInfo {
	if info.Name() == name && info.Mode()&^shownMode == 0 {
		return info
	}
	return &shown{name: name, size: info.Size(), mode: info.Mode() & shownMode, modTime: info.ModTime()}
}

// shown is a file as a listing shows it. A pointer to it is an os.FileInfo.
type shown struct {
	name    string
	size    int64
	mode    os.FileMode
	modTime time.Time
}

func (s *shown) Name() string       { return s.name }
func (s *shown) Size() int64        { return s.size }
func (s *shown) Mode() os.FileMode  { return s.mode }
func (s *shown) ModTime() time.Time { return s.modTime }
func (s *shown) IsDir() bool        { return s.mode.IsDir() }
func (s *shown) Sys() any           { return nil }
