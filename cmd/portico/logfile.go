package main

import (
	"fmt"
	"os"
	"slices"
	"sync"
)

// logFile is a file to which whole lines are added. Several processes may add to
// it at one time, and it may be truncated or moved away while it is in use. It
// is safe for concurrent use.
type logFile struct {
	key  string // of the configuration that names it
	path string
	// header, if there is one, returns what stands above the lines: at the
	// beginning of the file, and of each run of the server.
	header func() []byte
	// report is told when lines cannot be written, once until they can be again,
	// and then with nil and the number of those that are lost.
	report func(err error, lost int)

	mu   sync.Mutex
	file *os.File
	new  bool // since it was opened nothing has been written to it
	torn bool // its last line is not whole
	lost int  // lines since the last that was written
}

// openLogFile opens the file, or makes it. The caller closes it.
func openLogFile(key, path string) (*logFile, error) {
	file, err := appendTo(path)
	if err != nil {
		return nil, err
	}
	return &logFile{key: key, path: path, report: func(error, int) {}, file: file, new: true}, nil
}

func appendTo(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// Write adds a line, which ends with a line feed, in one call of the system: so
// lines stay whole beside those of others.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.precededLocked(line)
	n, err := l.file.Write(text)
	if err != nil {
		l.torn = l.torn || n > 0
		if l.lost++; l.lost == 1 {
			l.report(err, 0)
		}
		return 0, fmt.Errorf("%s: %w", l.key, err)
	}
	if l.lost > 0 {
		l.report(nil, l.lost)
	}
	l.new, l.torn, l.lost = false, false, 0
	return len(line), nil
}

// precededLocked returns the line behind what has to stand before it.
func (l *logFile) precededLocked(line []byte) []byte {
	if l.torn {
		line = slices.Concat([]byte("\n"), line)
	}
	if l.header != nil && (l.new || l.isEmptyLocked()) {
		line = slices.Concat(l.header(), line)
	}
	return line
}

// isEmptyLocked says whether somebody has truncated the file.
func (l *logFile) isEmptyLocked() bool {
	info, err := l.file.Stat()
	return err == nil && info.Size() == 0
}

// reopen goes on in the file that has the name now, after the old one was moved
// away. After an error it goes on in the old one.
func (l *logFile) reopen() error {
	file, err := appendTo(l.path)
	if err != nil {
		return fmt.Errorf("%s: %w", l.key, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	same := sameFile(l.file, file)
	l.file.Close()
	l.file = file
	if !same {
		l.new, l.torn = true, false
	}
	return nil
}

func sameFile(a, b *os.File) bool {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
