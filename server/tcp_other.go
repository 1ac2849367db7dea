//go:build !linux

package server

import "net"

// Other systems have no such socket options, or other ones.

func quickAck(net.Conn) {}

func stopPacing(net.Conn) {}
