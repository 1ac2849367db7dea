//go:build linux || darwin || freebsd

package driver

import (
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
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
	entries, err := f.batches(looks.begin)
	slices.SortFunc(entries, byName)
	if err := errors.Join(err, looks.wait()); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, isGone), nil
}

// Readdirnames implements afero.File.
func (f *localFile) Readdirnames(count int) ([]string, error) {
	if f.begun = f.begun || count > 0; f.begun {
		return f.File.Readdirnames(count)
	}
	var names []string
	err := f.eachBatch(func(batch []shown) {
		for i := range batch {
			names = append(names, batch[i].name)
		}
	})
	return names, err
}

// batches reads the names of a directory, and hands the entries on batch by
// batch to have the rest filled in.
func (f *localFile) batches(hand func([]shown)) ([]os.FileInfo, error) {
	var batches [][]shown
	total := 0
	err := f.eachBatch(func(batch []shown) {
		total += len(batch)
		batches = append(batches, batch)
		hand(batch)
	})
	entries := make([]os.FileInfo, 0, total)
	for _, batch := range batches {
		for i := range batch {
			entries = append(entries, &batch[i])
		}
	}
	return entries, err
}

func isGone(info os.FileInfo) bool { return info.Mode() == modeGone }

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
		seconds, nanoseconds := stat.Mtim.Unix()
		s.size, s.mode, s.seconds, s.nanoseconds = stat.Size, fileMode(uint32(stat.Mode)), seconds, int32(nanoseconds)
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
