//go:build !linux

package server

import "net"

// engineSocket is the listener that the engine opens for each passive data
// connection and that nobody may connect to.
type engineSocket struct {
	listener net.Listener
	addr     net.Addr
}

// silence keeps the socket until the engine is done with it: here there is no
// way to stop it from listening and keep it open. Nothing ever accepts from
// it.
func silence(listener net.Listener) *engineSocket {
	return &engineSocket{listener: listener, addr: listener.Addr()}
}

func (e *engineSocket) close() { e.listener.Close() }
