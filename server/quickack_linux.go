package server

import (
	"net"
	"syscall"
)

// quickAck has the kernel acknowledge what comes next at once. Some TLS
// libraries (GnuTLS) end a handshake with two small writes, and their system
// holds the second back until the first is acknowledged: 40 ms at each
// handshake, which delayed acknowledgements would cost.
func quickAck(conn net.Conn) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) })
	}
}
