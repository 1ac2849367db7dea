//go:build linux || darwin || freebsd

package driver

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const openNonblock = unix.O_NONBLOCK

// spaceBehind returns how many bytes an unprivileged process can still write
// to the file system of file.
func spaceBehind(file *os.File) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &stat); err != nil {
		return 0, err
	}
	// The types differ between systems, and FreeBSD's count is negative while
	// only root's reserve is left.
	return max(int64(stat.Bavail)*int64(stat.Bsize), 0), nil
}

// lockWhole locks a file against others that do so, until it is closed, here
// or in another process. A file system that has no locks is no reason to fail.
func lockWhole(file *os.File) error {
	if file == nil {
		return nil
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return ErrAddedTo
	}
	return nil
}
