package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// logFile is a file to which whole lines are added. Several processes may add to
// it at one time, and it may be truncated or moved away while it is in use. It
// is safe for concurrent use.
type logFile struct {
	key       string    // of the configuration that names the file
	otherwise io.Writer // takes the lines while there is no file
	// header, if there is one, returns what stands above the lines: at the
	// beginning of the file, and of each run of the server.
	header func() []byte
	// report is told when lines cannot be written, once until they can be again,
	// and then with nil and the number of those that are lost.
	report func(err error, lost int)

	mu   sync.Mutex
	path string
	file *os.File // nil: none
	new  bool     // since it was opened nothing has been written to it
	torn bool     // its last line is not whole
	lost int      // lines since the last that was written
}

// newLogFile returns one that has no file yet.
func newLogFile(key string, otherwise io.Writer) *logFile {
	return &logFile{key: key, otherwise: otherwise, report: func(error, int) {}}
}

// openLogFile opens a file to go on in, or makes it. Nil: no path, no file.
func openLogFile(path string) (*os.File, error) {
	if path == "" {
		return nil, nil
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// goOn lets lines go to another file from now on, which is the logFile's then.
func (l *logFile) goOn(path string, file *os.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !sameFile(l.file, file) {
		l.new, l.torn = true, false
	}
	if l.file != nil {
		l.file.Close()
	}
	l.path, l.file = path, file
}

func sameFile(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// reopen goes on in the file that has the name now, after the old one was moved
// away. After an error it goes on in the old one.
func (l *logFile) reopen() error {
	path := l.now()
	file, err := openLogFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", l.key, err)
	}
	l.goOn(path, file)
	return nil
}

// now is the file's name, empty if there is none.
func (l *logFile) now() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path
}

// close closes the file. Later lines go where they go without one.
func (l *logFile) close() { l.goOn("", nil) }

// Write adds a line, which ends with a line feed, in one call of the system: so
// lines stay whole beside those of others.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return l.otherwise.Write(line)
	}
	n, err := l.file.Write(l.precededLocked(line))
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
