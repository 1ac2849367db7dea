package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
)

// handedSockets are the listening sockets that a service manager has opened
// for this process (socket activation, sd_listen_fds(3)). A nil pointer is
// none. Its methods may be called concurrently.
type handedSockets struct {
	predecessor *predecessor // from whom they come; nil: a service manager
	pidFile     *os.File     // his; nil: none

	mu      sync.Mutex
	sockets []*handedSocket
	inUse   map[*keptListener]struct{} // handed over or not
}

type handedSocket struct {
	name     string
	addr     netip.AddrPort // not valid: a unix socket
	path     string         // its
	listener net.Listener   // nil: taken
}

// takeSockets makes listeners of files, which it closes. Its error joins all
// files that are no sockets for a server; nothing is taken then.
func takeSockets(files []*os.File) (*handedSockets, error) {
	h := &handedSockets{}
	var faults []error
	for _, file := range files {
		socket, err := takeSocket(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("socket activation: socket %q: %w", file.Name(), err))
			continue
		}
		h.sockets = append(h.sockets, socket)
	}
	if err := errors.Join(faults...); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// acceptedName is what systemd calls the sockets of a unit with Accept=yes.
const acceptedName = "connection"

func takeSocket(file *os.File) (*handedSocket, error) {
	defer file.Close() // the listener has a copy
	if file.Name() == acceptedName {
		return nil, errors.New("it is a connection, not a listener: set Accept=no in the socket unit")
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%w: write ListenStream= with a port, or an address and a port, in the socket unit", err)
	}
	if listener.Addr().Network() == "unix" && file.Name() == listenerName {
		return &handedSocket{name: file.Name(), path: listener.Addr().String(), listener: listener}, nil
	}
	addr, isTCP := listener.Addr().(*net.TCPAddr)
	if !isTCP {
		listener.Close()
		return nil, fmt.Errorf("it is of kind %s, and FTP needs TCP: write ListenStream= with a port in the socket unit", listener.Addr().Network())
	}
	bound := addr.AddrPort()
	return &handedSocket{
		name:     file.Name(),
		addr:     netip.AddrPortFrom(bound.Addr().Unmap().WithZone(""), bound.Port()),
		listener: listener,
	}, nil
}

// listen returns the socket for a control address, or binds the address. It
// serves as server.Options.Listen.
func (h *handedSockets) listen(ctx context.Context, address string) (net.Listener, error) {
	if addr, err := net.ResolveTCPAddr("tcp", address); err == nil {
		if socket := h.take(func(s *handedSocket) bool { return s.isAt(addr.AddrPort()) }); socket != nil {
			return h.keep(socket), nil
		}
	}
	return h.bindTCP(ctx, net.ListenConfig{}, address)
}

// listenPort returns the socket for a passive port, or binds the port on every
// address. It serves as portalloc.Options.Listen.
func (h *handedSockets) listenPort(ctx context.Context, port uint16) (net.Listener, error) {
	if socket := h.take(func(s *handedSocket) bool { return s.addr.Port() == port }); socket != nil {
		return h.keep(socket), nil
	}
	// Transfers have deadlines of their own instead of keep-alive.
	return h.bindTCP(ctx, net.ListenConfig{KeepAlive: -1}, fmt.Sprintf(":%d", port))
}

// bindTCP opens a socket as the packages that use it would by themselves.
func (h *handedSockets) bindTCP(ctx context.Context, config net.ListenConfig, address string) (net.Listener, error) {
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return h.keep(listener), nil
}

// isAt says whether the socket is the one for an address. All addresses that
// stand for every address are one.
func (s *handedSocket) isAt(addr netip.AddrPort) bool {
	if s.addr.Port() != addr.Port() {
		return false
	}
	ip := addr.Addr().Unmap().WithZone("")
	if !ip.IsValid() || ip.IsUnspecified() {
		return s.addr.Addr().IsUnspecified()
	}
	return s.addr.Addr() == ip
}

// take hands out the first socket that fits, once.
func (h *handedSockets) take(fits func(*handedSocket) bool) net.Listener {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sockets {
		if s.listener != nil && fits(s) {
			listener := s.listener
			s.listener = nil
			return listener
		}
	}
	return nil
}

// nameOf says which socket belongs to a control address, "" if none does,
// whether it was taken or not.
func (h *handedSockets) nameOf(address string) string {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if h == nil || err != nil {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sockets {
		if s.isAt(addr.AddrPort()) {
			return s.name
		}
	}
	return ""
}

// count is the number of sockets, taken or not.
func (h *handedSockets) count() int {
	return h.passive(func(uint16) bool { return true })
}

// passive is the number of sockets, taken or not, for ports that belong to a
// list.
func (h *handedSockets) passive(contains func(uint16) bool) int {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.sockets {
		if contains(s.addr.Port()) {
			n++
		}
	}
	return n
}

// unused reports sockets that nothing has taken: clients would connect to them
// and wait for ever. Those of a predecessor are just closed: he serves them to his
// end, and the configuration no longer names them.
func (h *handedSockets) unused() error {
	if h == nil {
		return nil
	}
	if h.predecessor != nil {
		h.close()
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var faults []error
	for _, s := range h.sockets {
		if s.listener != nil {
			faults = append(faults, fmt.Errorf("socket activation: socket %q at %v belongs to none of listeners and passive.ports: "+
				"add it there, or take it out of the socket unit", s.name, s.addr))
		}
	}
	return errors.Join(faults...)
}

// close closes what nothing has taken.
func (h *handedSockets) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sockets {
		if s.listener != nil {
			s.listener.Close()
			s.listener = nil
		}
	}
}
