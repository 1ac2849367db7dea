//go:build !linux

package server

import "net"

// quickAck does nothing: there is no such socket option here.
func quickAck(net.Conn) {}
