package driver

import (
	"encoding/binary"
	"errors"
	"iter"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// direntsSize is how much of a directory is read at a time: some 800 entries,
// which are then looked at in one go. A directory that has no more is read
// without further goroutines.
const direntsSize = 32 << 10

// eachBatch reads the names of a directory. All names of a batch are parts of
// one string: os.File.Readdirnames, which makes one for each, keeps the
// garbage collector busy.
func (f *localFile) eachBatch(hand func([]shown)) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, direntsSize)
	for {
		n, err := getdents(conn, buf)
		if err != nil {
			return &os.PathError{Op: "readdirent", Path: f.name, Err: err}
		}
		if n == 0 {
			return nil
		}
		if batch := parseDirents(string(buf[:n])); len(batch) > 0 {
			hand(batch)
		}
	}
}

func getdents(conn syscall.RawConn, buf []byte) (n int, err error) {
	controlErr := conn.Control(func(fd uintptr) {
		for {
			if n, err = unix.Getdents(int(fd), buf); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return n, errors.Join(controlErr, err)
}

// The layout of struct linux_dirent64, see getdents64(2).
const (
	direntLength = 16 // of the field d_reclen
	direntName   = 19 // of d_name, which ends with NUL
)

// parseDirents returns the entries of a directory without "." and "..".
func parseDirents(dirents string) []shown {
	count := 0
	for range direntNames(dirents) {
		count++
	}
	entries := make([]shown, 0, count)
	for name := range direntNames(dirents) {
		entries = append(entries, shown{name: name})
	}
	return entries
}

func direntNames(dirents string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := dirents; len(rest) > direntName; {
			length := int(binary.NativeEndian.Uint16([]byte(rest[direntLength : direntLength+2])))
			if length <= direntName || length > len(rest) {
				return // the kernel writes no such thing
			}
			name, _, _ := strings.Cut(rest[direntName:length], "\x00")
			if name != "." && name != ".." && !yield(name) {
				return
			}
			rest = rest[length:]
		}
	}
}
