//go:build linux || darwin || freebsd

package driver

import (
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
