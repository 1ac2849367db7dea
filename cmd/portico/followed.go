package main

import (
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// followed is what stands in some files, and is read again when they have
// changed. It looks when it is asked, so it needs no goroutine and no signal.
// Content that is wrong, perhaps because not all of it has been written so far,
// leaves the old one in use.
type followed[T any] struct {
	what     string // for the log: "certificate"
	files    []string
	read     func() (*T, error)
	tell     func(old, new *T) // logs that the content is another now
	interval time.Duration     // the least time between two looks
	now      func() time.Time
	log      *zap.Logger

	current atomic.Pointer[T]

	// looking guards the fields below. Whoever has it reads files, so nobody
	// waits for it.
	looking sync.Mutex
	lookAt  time.Time
	seen    []fs.FileInfo // nil before the first look
	failure string        // of the last reading, empty: none
}

// get returns what counts now.
func (f *followed[T]) get() *T {
	if f.looking.TryLock() {
		f.look()
		f.looking.Unlock()
	}
	return f.current.Load()
}

// look looks at the files if its time has come. The first time it always reads
// them: they may have changed since the start read them.
func (f *followed[T]) look() {
	now := f.now()
	if now.Before(f.lookAt) {
		return
	}
	f.lookAt = now.Add(f.interval)
	// Before the files are read, so that a change meanwhile is seen next time.
	infos := statAll(f.files)
	if f.failure == "" && sameFiles(infos, f.seen) {
		return
	}
	f.seen = infos
	f.take()
}

// take puts new content into use. A failure is tried again at each look, since
// it may have another cause than the files, but is logged once.
func (f *followed[T]) take() {
	content, err := f.read()
	if err != nil {
		if err.Error() != f.failure {
			f.log.Error("changed "+f.what+" cannot be used, the old one stays in use", zap.Error(err))
		}
		f.failure = err.Error()
		return
	}
	f.failure = ""
	f.tell(f.current.Swap(content), content)
}

// statAll returns nil for each file that cannot be looked at.
func statAll(files []string) []fs.FileInfo {
	infos := make([]fs.FileInfo, len(files))
	for i, file := range files {
		if info, err := os.Stat(file); err == nil {
			infos[i] = info
		}
	}
	return infos
}

// sameFiles says whether nothing has changed. Kubernetes replaces files by
// turning a symbolic link to others, which may be of the same size and time.
func sameFiles(a, b []fs.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		switch {
		case a[i] == nil && b[i] == nil:
		case a[i] == nil || b[i] == nil:
			return false
		case !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}
