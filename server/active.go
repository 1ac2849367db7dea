package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// activeDialer opens data connections in active mode.
type activeDialer struct {
	sourcePort uint16 // 0: the kernel chooses
	fallback   bool   // to a port that the kernel chooses
}

// ftpDataPort is where active data connections come from (RFC 959 §3.2).
const ftpDataPort = 20

// newActiveDialer finds out whether the source port may be used.
func newActiveDialer(opts Active) (*activeDialer, error) {
	switch {
	case opts.Disabled || opts.SourcePort == SourcePortEphemeral:
		return &activeDialer{}, nil
	case opts.SourcePort == SourcePortAuto:
		if mayBind(ftpDataPort) != nil {
			return &activeDialer{}, nil
		}
		return &activeDialer{sourcePort: ftpDataPort, fallback: true}, nil
	}
	port := uint16(opts.SourcePort)
	if err := mayBind(port); err != nil {
		return nil, fmt.Errorf("server: Options.Active.SourcePort: this process may not use port %d: %w", port, err)
	}
	return &activeDialer{sourcePort: port}, nil
}

// ActiveSourcePort is the local port of data connections in active mode, as
// SourcePortAuto was settled by New. 0: the kernel chooses one for each.
func (s *Server) ActiveSourcePort() uint16 { return s.current().dialer.sourcePort }

// mayBind tries whether the process may use the port. That it is in use is no
// obstacle: connections to different clients share it.
func mayBind(port uint16) error {
	config := net.ListenConfig{Control: reuseAddress}
	config.SetMultipathTCP(false)
	l, err := config.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", port))
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	return err
}

// dial connects to the client from the address that the client knows the
// server by.
func (d *activeDialer) dial(ctx context.Context, local netip.Addr, target netip.AddrPort) (net.Conn, error) {
	conn, err := d.dialFrom(ctx, netip.AddrPortFrom(local, d.sourcePort), target)
	if err == nil || d.sourcePort == 0 || !isAddressTrouble(err) {
		return conn, err
	}
	if d.fallback {
		return d.dialFrom(ctx, netip.AddrPortFrom(local, 0), target)
	}
	// An earlier connection between the same four numbers still lingers.
	for range 5 {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
		if conn, err = d.dialFrom(ctx, netip.AddrPortFrom(local, d.sourcePort), target); err == nil || !isAddressTrouble(err) {
			break
		}
	}
	return conn, err
}

func (d *activeDialer) dialFrom(ctx context.Context, local, target netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(local),
		KeepAlive: -1, // transfers have deadlines of their own
		Control:   reuseAddress,
	}
	dialer.SetMultipathTCP(false)
	return dialer.DialContext(ctx, "tcp", target.String())
}

func isAddressTrouble(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}
