//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyOf returns a copy of a socket under a name. The method File would do, but
// who passes its result on makes the original blocking, which it shares.
func copyOf(socket syscall.Conn, name string) (*os.File, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	descriptor, dupErr := -1, error(nil)
	err = raw.Control(func(fd uintptr) { descriptor, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return nil, fmt.Errorf("copy a socket: %w", err)
	}
	return os.NewFile(uintptr(descriptor), name), nil
}

// socketPair is two connected sockets: one to use, and one to hand over under a
// name.
func socketPair(name string) (*net.UnixConn, *os.File, error) {
	syscall.ForkLock.RLock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), name), os.NewFile(uintptr(pair[1]), name)
	conn, err := unixConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

// unixConn makes a connection of a file, which it closes.
func unixConn(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	socket, isUnix := conn.(*net.UnixConn)
	if !isUnix {
		conn.Close()
		return nil, fmt.Errorf("%s is no unix socket", file.Name())
	}
	return socket, nil
}
