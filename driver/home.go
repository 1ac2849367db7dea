package driver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"weak"
)

// home is a user's directory. The sessions of a user share one os.Root, and so
// one file descriptor, for as long as one of them lives; the garbage collector
// closes it after the last.
type home struct {
	dir    string
	create bool // if it is missing

	mu     sync.Mutex
	opened weak.Pointer[os.Root] // guarded by mu
}

// check reports whether the directory can be opened now, or made when it is
// needed. It leaves it closed: there may be more users than file descriptors.
func (h *home) check() error {
	if _, err := os.Stat(h.dir); h.create && errors.Is(err, os.ErrNotExist) {
		return h.checkAbove()
	}
	root, err := h.openAnew()
	if err != nil {
		return err
	}
	return root.Close()
}

// checkAbove looks for the nearest directory above that exists.
func (h *home) checkAbove() error {
	for dir := filepath.Dir(filepath.Clean(h.dir)); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return nil
		case err == nil:
			return h.explain(&os.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR})
		case !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir):
			return h.explain(err)
		}
	}
}

// make makes the directory if it is missing and wanted.
func (h *home) make() error {
	if !h.create {
		return nil
	}
	return h.explain(os.MkdirAll(h.dir, 0o750))
}

// open returns the directory's root, which the caller must not close. It opens
// it anew if the directory is another one than before: a volume that was
// mounted meanwhile, or a home that was removed and made again.
func (h *home) open() (*os.Root, error) {
	now, err := os.Stat(h.dir)
	if err != nil {
		return nil, h.explain(err)
	}
	if root := h.last(); root != nil {
		if then, err := root.Stat("."); err == nil && os.SameFile(now, then) {
			return root, nil
		}
	}
	root, err := h.openAnew()
	if err != nil {
		return nil, err
	}
	h.remember(root)
	return root, nil
}

func (h *home) last() *os.Root {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opened.Value()
}

// remember replaces the last root. A session that still holds the old one
// keeps it open.
func (h *home) remember(root *os.Root) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened = weak.Make(root)
}

func (h *home) openAnew() (*os.Root, error) {
	info, err := os.Stat(h.dir)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, h.explain(err)
	}
	root, err := os.OpenRoot(h.dir)
	return root, h.explain(err)
}

func (h *home) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("directory %q: %w: it has to be a directory that this process may open", h.dir, withoutPath(err))
}
