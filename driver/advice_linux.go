package driver

import (
	"os"

	"golang.org/x/sys/unix"
)

// advisedSize is what the kernel usually reads ahead on its own: advice on smaller
// files would be a system call for nothing.
const advisedSize = 128 << 10

// adviseSequential tells the kernel that a file will be read from one end to the
// other: it then reads further ahead. It is advice, so that its failure
// means nothing.
func adviseSequential(file *os.File, size int64) {
	if file == nil || size < advisedSize {
		return
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _ = unix.Fadvise(int(fd), 0, 0, unix.FADV_SEQUENTIAL) })
}
