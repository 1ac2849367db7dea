package server

import (
	"net"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// quickAck has the kernel acknowledge what comes next at once. Some TLS
// libraries (GnuTLS) end a handshake with two small writes, and their system
// holds the second back until the first is acknowledged: 40 ms at each
// handshake, which delayed acknowledgements would cost.
func quickAck(conn net.Conn) {
	withSocket(conn, func(fd int) { unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
}

// pacedBy is how the names of the congestion controls start that space out what
// they send, by a timer: BBR in its versions.
const pacedBy = "bbr"

// stopPacing is for a connection within this machine, from a proxy or a sidecar
// for instance: there is no queue between its ends that pacing could keep short,
// and its timers and wake-ups cost many times what the transfer does. Reno is
// always there, and open to every user.
func stopPacing(conn net.Conn) {
	local, remote := addrPortOf(conn.LocalAddr()).Addr(), addrPortOf(conn.RemoteAddr()).Addr()
	if local != remote && !remote.IsLoopback() {
		return
	}
	withSocket(conn, func(fd int) {
		name, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		if err == nil && strings.HasPrefix(name, pacedBy) {
			unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
		}
	})
}

// withSocket calls set with the connection's file descriptor, if it has one.
func withSocket(conn net.Conn, set func(fd int)) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { set(int(fd)) })
	}
}
