package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// pidFile holds the process id of a server, and is locked while one runs. So
// nobody takes another process for it, and no two servers have the same file. The
// lock goes over to a successor with the open file. What ends empties the file:
// to remove it, a confined process has no right.
type pidFile struct{ file *os.File }

// lockPIDFile opens and locks the file, or takes the one that was handed over, if
// it is the same. Handed may be nil.
func lockPIDFile(path string, handed *os.File) (*pidFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("%w: name a file that the user whom Portico runs as can write", err)
	}
	if handed != nil {
		if isSameFile(file, handed) {
			file.Close()
			return &pidFile{handed}, nil
		}
		handed.Close()
	}
	if err := lockFile(file); err != nil {
		pid, _ := readPID(file)
		file.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("another server, with process id %d, has the file %s: stop it, or name another file", pid, path)
		}
		return nil, err
	}
	return &pidFile{file}, nil
}

func isSameFile(a, b *os.File) bool {
	infoA, errA := a.Stat()
	infoB, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

func readPID(file io.ReaderAt) (int, error) {
	text := make([]byte, 32)
	n, err := file.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text[:n])))
}

// write puts this process's id into the file.
func (p *pidFile) write() error {
	text := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := p.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("pid_file: %w", err)
	}
	return p.file.Truncate(int64(len(text)))
}

// copy returns the open file to hand over.
func (p *pidFile) copy() (*os.File, error) { return copyOf(p.file, pidFileName) }

// close empties the file, unless a successor has written his own id.
func (p *pidFile) close() {
	if pid, err := readPID(p.file); err == nil && pid == os.Getpid() {
		p.file.Truncate(0)
	}
	p.file.Close()
}
