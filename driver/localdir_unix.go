//go:build linux || darwin || freebsd

package driver

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// statBatch is how many entries of a directory are looked at in one go. A
	// directory that has no more is read without further goroutines.
	statBatch = 256
	// statWorkers look at batches at the same time. On a local disk they keep
	// the processors busy; on a network file system each waits for the other end.
	statWorkers = 8
	// statQueue is how many batches the names may be read ahead.
	statQueue = 1024
)

// Readdir implements afero.File. The whole of a directory comes sorted by name.
// A look at each entry is nearly all that it costs, so these are made by several
// goroutines, while the names are read and sorted. Sys is nil.
func (f *localFile) Readdir(count int) ([]os.FileInfo, error) {
	if f.begun = f.begun || count > 0; f.begun {
		return f.File.Readdir(count)
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	looks := &dirLooks{dir: conn}
	entries, err := f.readNames(looks.begin)
	slices.SortFunc(entries, byName)
	if err := errors.Join(err, looks.wait()); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, isGone), nil
}

func isGone(info os.FileInfo) bool { return info.Mode() == modeGone }

// readNames reads the names of a directory and hands the entries on batch by
// batch, to have the rest filled in.
func (f *localFile) readNames(hand func([]shown)) ([]os.FileInfo, error) {
	var entries []os.FileInfo
	for {
		names, err := f.Readdirnames(statBatch)
		batch := make([]shown, len(names))
		for i, name := range names {
			batch[i].name = name
			entries = append(entries, &batch[i])
		}
		switch {
		case len(batch) > 0:
			hand(batch)
		case err == io.EOF:
			return entries, nil
		}
		if err != nil && err != io.EOF {
			return entries, err
		}
	}
}

// dirLooks is the work of looking at the entries of a directory. The first batch
// waits for the second: only then are there others to share it with.
type dirLooks struct {
	dir   syscall.RawConn
	first []shown
	queue chan []shown // nil while there is one batch at the most
	work  sync.WaitGroup

	mu     sync.Mutex // guards failed
	failed error
}

// begin has a batch looked at.
func (l *dirLooks) begin(batch []shown) {
	if l.queue == nil && l.first == nil {
		l.first = batch
		return
	}
	if l.queue == nil {
		l.queue = make(chan []shown, statQueue)
		for range statWorkers {
			l.work.Go(l.look)
		}
		l.queue <- l.first
	}
	l.queue <- batch
}

func (l *dirLooks) look() {
	for batch := range l.queue {
		if err := lookAt(l.dir, batch); err != nil {
			l.mu.Lock()
			l.failed = err
			l.mu.Unlock()
		}
	}
}

// wait returns when all is done. It returns one of the errors.
func (l *dirLooks) wait() error {
	if l.queue == nil {
		return lookAt(l.dir, l.first)
	}
	close(l.queue)
	l.work.Wait()
	return l.failed
}

// modeGone marks an entry that was removed before it was looked at.
const modeGone = ^os.FileMode(0)

// lookAt fills in what is known about the entries of a directory. Links are not
// followed.
func lookAt(dir syscall.RawConn, entries []shown) error {
	var failed error
	err := dir.Control(func(fd uintptr) {
		for i := range entries {
			if failed = entries[i].lookIn(int(fd)); failed != nil {
				return
			}
		}
	})
	return errors.Join(err, failed)
}

func (s *shown) lookIn(dir int) error {
	var stat unix.Stat_t
	err := unix.Fstatat(dir, s.name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	for errors.Is(err, unix.EINTR) {
		err = unix.Fstatat(dir, s.name, &stat, unix.AT_SYMLINK_NOFOLLOW)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.mode = modeGone
	case err != nil:
		return &os.PathError{Op: "lstat", Path: s.name, Err: err}
	default:
		s.size, s.mode, s.modTime = stat.Size, fileMode(uint32(stat.Mode)), time.Unix(stat.Mtim.Unix())
	}
	return nil
}

// fileMode translates a mode of the system as far as FTP can tell what a file
// is.
func fileMode(mode uint32) os.FileMode {
	perm := os.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return perm
	case unix.S_IFDIR:
		return perm | os.ModeDir
	case unix.S_IFLNK:
		return perm | os.ModeSymlink
	default:
		return perm | os.ModeIrregular
	}
}
