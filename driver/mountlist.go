package driver

import (
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/afero"
)

// openAbove opens a directory that mounts lie below.
func (m *Mounts) openAbove(name string, mount *mount, inside string) (afero.File, error) {
	file, err := mount.fs.Open(inside)
	if err == nil {
		if info, statErr := file.Stat(); statErr != nil || !info.IsDir() {
			err = errors.Join(os.ErrNotExist, statErr, file.Close())
		}
	}
	if errors.Is(err, os.ErrNotExist) {
		if !mount.fs.allow.Has(CanList) {
			return nil, denied("open", ftpPath(name))
		}
		file, err = m.skeleton.Open(ftpPath(name))
	}
	if err != nil {
		return nil, inFTP("open", name, err)
	}
	return &mountDir{File: file, mounts: m.entriesIn(name)}, nil
}

// entriesIn returns the entries of a directory that are mount points or lead to
// them, sorted.
func (m *Mounts) entriesIn(dir string) []os.FileInfo {
	dir = ftpPath(dir)
	found := make(map[string]os.FileInfo)
	for _, mount := range m.mounts {
		if mount.path == dir || !isAtOrBelow(dir, mount.path) {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(mount.path[len(dir):], "/"), "/")
		if _, known := found[name]; !known {
			found[name] = m.entry(path.Join(dir, name))
		}
	}
	entries := make([]os.FileInfo, 0, len(found))
	for _, info := range found {
		entries = append(entries, info)
	}
	slices.SortFunc(entries, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

// entry shows a mount as a directory even if its storage is out of reach.
func (m *Mounts) entry(name string) os.FileInfo {
	info, err := m.Stat(name)
	if err != nil {
		return newShown(path.Base(name), 0, os.ModeDir|0o555, time.Time{})
	}
	return newShown(path.Base(name), 0, os.ModeDir|info.Mode()&os.ModePerm, info.ModTime())
}

// mountDir is a directory in whose listing mounts appear. They cover what has
// their names, and come behind the rest.
type mountDir struct {
	afero.File
	mounts []os.FileInfo
	given  int // of mounts
}

// Readdir implements afero.File.
func (d *mountDir) Readdir(count int) ([]os.FileInfo, error) {
	for d.given == 0 {
		entries, err := d.File.Readdir(count)
		read := len(entries)
		entries = slices.DeleteFunc(entries, d.covered)
		switch {
		case count <= 0:
			d.given = len(d.mounts)
			return append(entries, d.mounts...), err
		case err != nil && !errors.Is(err, io.EOF):
			return entries, err
		case len(entries) > 0:
			return entries, nil
		case read == 0:
			return d.next(count)
		}
	}
	return d.next(count)
}

func (d *mountDir) covered(info os.FileInfo) bool {
	return slices.ContainsFunc(d.mounts, func(mount os.FileInfo) bool { return mount.Name() == info.Name() })
}

func (d *mountDir) next(count int) ([]os.FileInfo, error) {
	rest := d.mounts[d.given:]
	if count <= 0 {
		d.given = len(d.mounts)
		return rest, nil
	}
	if len(rest) == 0 {
		return nil, io.EOF
	}
	rest = rest[:min(count, len(rest))]
	d.given += len(rest)
	return rest, nil
}

// Readdirnames implements afero.File. All names at once take no look at the
// entries.
func (d *mountDir) Readdirnames(count int) ([]string, error) {
	if count > 0 || d.given > 0 {
		entries, err := d.Readdir(count)
		return namesOf(entries), err
	}
	names, err := d.File.Readdirnames(count)
	d.given = len(d.mounts)
	mounts := namesOf(d.mounts)
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(mounts, name) })
	return append(names, mounts...), err
}

func namesOf(entries []os.FileInfo) []string {
	names := make([]string, len(entries))
	for i, info := range entries {
		names[i] = info.Name()
	}
	return names
}
