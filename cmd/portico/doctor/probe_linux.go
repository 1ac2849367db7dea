package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sendProbe is a prober that needs no rights: it makes an ordinary connection
// with a small hop limit, and reads from the socket's error queue which router
// complained.
func sendProbe(to netip.AddrPort, hops int, wait time.Duration) (hop, error) {
	family, level, limit, queue := unix.AF_INET, unix.IPPROTO_IP, unix.IP_TTL, unix.IP_RECVERR
	if to.Addr().Is6() {
		family, level, limit, queue = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_RECVERR
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return hop{}, fmt.Errorf("doctor: socket: %w", err)
	}
	defer unix.Close(fd)
	if err := errors.Join(
		unix.SetsockoptInt(fd, level, limit, hops),
		unix.SetsockoptInt(fd, level, queue, 1),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), // leaves with a reset
	); err != nil {
		return hop{}, fmt.Errorf("doctor: socket options: %w", err)
	}
	failure := unix.Connect(fd, socketAddress(to))
	if errors.Is(failure, unix.EINPROGRESS) {
		failure, err = awaitConnection(fd, wait)
		if err != nil {
			return hop{}, err
		}
		if errors.Is(failure, unix.EINPROGRESS) {
			return hop{answer: silent}, nil
		}
	}
	if complaint, ok := readComplaint(fd); ok {
		return complaint, nil
	}
	var number syscall.Errno
	if failure != nil && !errors.As(failure, &number) {
		return hop{}, failure
	}
	return hop{answer: answerOf(number)}, nil
}

func socketAddress(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if i, err := net.InterfaceByName(to.Addr().Zone()); err == nil {
		sa.ZoneId = uint32(i.Index)
	}
	return sa
}

// awaitConnection returns the outcome of a connection attempt: nil, its error,
// or EINPROGRESS if there is none within the time.
func awaitConnection(fd int, wait time.Duration) (outcome, err error) {
	until := time.Now().Add(wait)
	for {
		left := time.Until(until)
		if left <= 0 {
			return unix.EINPROGRESS, nil
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(left.Milliseconds())+1)
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && n == 0:
			continue
		case err != nil:
			return nil, fmt.Errorf("doctor: poll: %w", err)
		}
		number, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return nil, fmt.Errorf("doctor: socket error: %w", err)
		}
		if number != 0 {
			return syscall.Errno(number), nil
		}
		return nil, nil
	}
}

// readComplaint reads which router sent an ICMP error.
func readComplaint(fd int) (hop, bool) {
	control := make([]byte, 512)
	_, n, _, _, err := unix.Recvmsg(fd, make([]byte, 512), control, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return hop{}, false
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return hop{}, false
	}
	for _, m := range messages {
		if h, ok := parseComplaint(m.Data); ok {
			return h, true
		}
	}
	return hop{}, false
}

// ICMP types, in RFC 792 and RFC 4443.
const (
	icmpUnreachable   = 3
	icmpTimeExceeded  = 11
	icmp6Unreachable  = 1
	icmp6TimeExceeded = 3
)

// parseComplaint reads struct sock_extended_err and the address of the router
// behind it.
func parseComplaint(data []byte) (hop, bool) {
	const extendedErr = 16 // its size
	if len(data) < extendedErr {
		return hop{}, false
	}
	origin, kind := data[4], data[5]
	from := routerAddress(data[extendedErr:])
	switch {
	case origin == unix.SO_EE_ORIGIN_ICMP && kind == icmpTimeExceeded,
		origin == unix.SO_EE_ORIGIN_ICMP6 && kind == icmp6TimeExceeded:
		return hop{expired, from}, true
	case origin == unix.SO_EE_ORIGIN_ICMP && kind == icmpUnreachable,
		origin == unix.SO_EE_ORIGIN_ICMP6 && kind == icmp6Unreachable:
		return hop{rejected, from}, true
	default:
		return hop{}, false
	}
}

func routerAddress(sockaddr []byte) netip.Addr {
	if len(sockaddr) < 8 {
		return netip.Addr{}
	}
	switch binary.NativeEndian.Uint16(sockaddr) {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(sockaddr[4:8]))
	case unix.AF_INET6:
		if len(sockaddr) >= 24 {
			return netip.AddrFrom16([16]byte(sockaddr[8:24]))
		}
	}
	return netip.Addr{}
}
