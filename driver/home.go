package driver

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"weak"
)

// home is a user's directory. The sessions of a user share one os.Root, and so
// one file descriptor, for as long as one of them lives; the garbage collector
// closes it after the last.
type home struct {
	dir string

	mu     sync.Mutex
	opened weak.Pointer[os.Root] // guarded by mu
}

// check reports whether the directory can be opened now, and leaves it closed:
// there may be more users than file descriptors.
func (h *home) check() error {
	root, err := h.openAnew()
	if err != nil {
		return err
	}
	return root.Close()
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
	return fmt.Errorf("home %q: %w: it has to be a directory that this process may open", h.dir, withoutPath(err))
}
