package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// keptListener is a listener that handedSockets knows of until it is closed, so
// that it can be passed on to a successor.
type keptListener struct {
	net.Listener
	of *handedSockets
}

// keep takes note of a listener that is in use.
func (h *handedSockets) keep(l net.Listener) net.Listener {
	if h == nil {
		return l
	}
	kept := &keptListener{l, h}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inUse == nil {
		h.inUse = make(map[*keptListener]struct{})
	}
	h.inUse[kept] = struct{}{}
	return kept
}

// Close closes this process's copy of the socket.
func (l *keptListener) Close() error {
	l.of.mu.Lock()
	delete(l.of.inUse, l)
	l.of.mu.Unlock()
	return l.Listener.Close()
}

// copies returns copies of all sockets in use, which the caller closes.
func (h *handedSockets) copies() (handedFiles, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var files handedFiles
	for l := range h.inUse {
		socket, ok := l.Listener.(syscall.Conn)
		if !ok {
			return nil, errors.Join(fmt.Errorf("the listener at %v cannot be handed over", l.Addr()), files.close())
		}
		file, err := copyOf(socket, listenerName)
		if err != nil {
			return nil, errors.Join(err, files.close())
		}
		files = append(files, file)
	}
	return files, nil
}

// leaveFiles leaves the files of unix sockets to the successor, who has the same.
func (h *handedSockets) leaveFiles() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.inUse {
		if socket, isUnix := l.Listener.(*net.UnixListener); isUnix {
			socket.SetUnlinkOnClose(false)
		}
	}
}

// listenUnix returns the unix socket at a path that a predecessor has handed over,
// or makes one.
func (h *handedSockets) listenUnix(path string) (net.Listener, error) {
	if socket, isUnix := h.take(func(s *handedSocket) bool { return s.path == path }).(*net.UnixListener); isUnix {
		socket.SetUnlinkOnClose(true)
		return h.keep(socket), nil
	}
	listener, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	return h.keep(listener), nil
}
