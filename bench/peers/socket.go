//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// localHost is where clients connect from if it does not matter.
const localHost = "127.0.0.1"

// ioLimit bounds each system call on a socket: a server that hangs is an error.
const ioLimit = 30 * time.Second

// socket is a connection whose calls block in the kernel, as a C program's do:
// with one thread for each there is no poller, and a transfer costs the client
// little more than its system calls. It is a net.Conn for the sake of crypto/tls.
type socket struct{ fd int }

// connect opens a connection from a local address.
func connect(local, address string) (*socket, error) {
	from, err := netip.ParseAddr(local)
	if err != nil {
		return nil, err
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return connectPort(from, to)
}

func connectPort(from netip.Addr, to netip.AddrPort) (*socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s := &socket{fd}
	err = s.limit(ioLimit)
	if err == nil && from != to.Addr() {
		// The port is chosen when the other end is known.
		err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1), unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	}
	if err == nil {
		err = retry(func() error {
			return unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %v: %w", to, err), s.Close())
	}
	return s, nil
}

// limit bounds each system call that waits.
func (s *socket) limit(d time.Duration) error {
	limit := unix.NsecToTimeval(int64(d))
	return errors.Join(unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit), unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit))
}

// retry repeats a call that a signal has interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (s *socket) Write(p []byte) (int, error) {
	total := 0
	for total < len(p) {
		n, err := unix.Write(s.fd, p[total:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return total, os.NewSyscallError("write", err)
		}
		total += n
	}
	return total, nil
}

func (s *socket) Close() error { return unix.Close(s.fd) }

// abort closes with a reset, so that no port waits.
func (s *socket) abort() error {
	return errors.Join(unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), s.Close())
}

func (s *socket) closeWrite() error { return unix.Shutdown(s.fd, unix.SHUT_WR) }

// discard reads to the end without copying: TCP drops what MSG_TRUNC asks for.
func (s *socket) discard() (total int64, err error) {
	const most = 4 << 20
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(s.fd), 0, most, unix.MSG_TRUNC, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return total, os.NewSyscallError("recv", errno)
		case n == 0:
			return total, nil
		default:
			total += int64(n)
		}
	}
}

// sendFile sends n bytes of a file.
func (s *socket) sendFile(f *os.File, n int64) (total int64, err error) {
	var offset int64
	for total < n {
		sent, err := unix.Sendfile(s.fd, int(f.Fd()), &offset, int(min(n-total, 1<<30)))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return total, os.NewSyscallError("sendfile", err)
		}
		if sent == 0 {
			return total, io.ErrUnexpectedEOF
		}
		total += int64(sent)
	}
	return total, nil
}

func (s *socket) LocalAddr() net.Addr              { return nil }
func (s *socket) RemoteAddr() net.Addr             { return nil }
func (s *socket) SetDeadline(time.Time) error      { return nil }
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }
