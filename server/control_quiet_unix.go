//go:build unix

package server

import "syscall"

// isQuiet says whether nothing waits to be read, neither bytes nor the end of
// the connection. It reads nothing, and does not wait for who does.
func (c *control) isQuiet() bool {
	conn, ok := c.socket.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false // it is closed
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN
	})
	return err == nil && quiet
}
