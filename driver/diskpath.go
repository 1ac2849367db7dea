package driver

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/afero"
)

// DiskPather is what a layer may have to tell where its files are on this
// machine. Layers that move no files elsewhere should pass it on.
type DiskPather interface {
	// DiskPath returns the absolute path, on this machine, of what the layer
	// shows as name, whether it exists or not. Symbolic links in it are as they
	// are. An error that wraps errors.ErrUnsupported means that there is none.
	DiskPath(name string) (string, error)
}

// DiskPath asks a layer where a file is on this machine. Memory, overlays and
// object storage have no answer: the error wraps errors.ErrUnsupported.
func DiskPath(fs afero.Fs, name string) (string, error) {
	if pather, ok := fs.(DiskPather); ok {
		return pather.DiskPath(name)
	}
	return "", fmt.Errorf("path on the disk of %s: %w", fs.Name(), errors.ErrUnsupported)
}

var (
	_ DiskPather = (*FS)(nil)
	_ DiskPather = (*Mounts)(nil)
	_ DiskPather = (*Restricted)(nil)
	_ DiskPather = (*Uploads)(nil)
	_ DiskPather = (*Local)(nil)
)

// DiskPath implements DiskPather by asking the layer below.
func (f *FS) DiskPath(name string) (string, error) { return DiskPath(f.Fs, name) }

// DiskPath implements DiskPather with that of the mount.
func (m *Mounts) DiskPath(name string) (string, error) {
	mount, inside := m.find(name)
	return mount.fs.DiskPath(inside)
}

// DiskPath implements DiskPather by asking the layer below.
func (r *Restricted) DiskPath(name string) (string, error) { return DiskPath(r.fs, name) }

// DiskPath implements DiskPather by asking the layer below.
func (u *Uploads) DiskPath(name string) (string, error) { return DiskPath(u.fs, name) }

// DiskPath implements DiskPather.
func (l *Local) DiskPath(name string) (string, error) {
	inside := filepath.FromSlash(inRoot(name))
	if !filepath.IsLocal(inside) { // a device on Windows
		return "", inFTP("path", name, errSpecialFile)
	}
	return filepath.Abs(filepath.Join(l.dir, inside))
}
