package server

import (
	"net"
	"syscall"
)

// engineSocket is the listener that the engine opens for each passive data
// connection and that nobody may connect to.
type engineSocket struct {
	listener net.Listener
	addr     net.Addr
}

// silence stops the socket from listening. It must stay open until the
// engine is done with it, because the engine sets deadlines on it; on Linux a
// socket that is shut down no longer listens.
func silence(listener net.Listener) *engineSocket {
	e := &engineSocket{listener: listener, addr: listener.Addr()}
	if conn, ok := listener.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RD) })
		}
	}
	return e
}

func (e *engineSocket) close() { e.listener.Close() }
