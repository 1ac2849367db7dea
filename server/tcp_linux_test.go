package server

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// farConn is a connection whose ends have other addresses.
type farConn struct {
	*net.TCPConn
	local, remote netip.AddrPort
}

func (c farConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c farConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func TestConnectionsWithinTheMachineAreNotPaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		local, remote string
		before, after string
	}{
		"loopback":           {"127.0.0.1:21", "127.0.0.1:5000", "bbr", "reno"},
		"another loopback":   {"127.0.0.1:21", "127.0.0.2:5000", "bbr", "reno"},
		"loopback, IPv6":     {"[::1]:21", "[::1]:5000", "bbr", "reno"},
		"the machine's own":  {"192.0.2.1:21", "192.0.2.1:5000", "bbr", "reno"},
		"another machine":    {"192.0.2.1:21", "192.0.2.2:5000", "bbr", "bbr"},
		"not paced, locally": {"127.0.0.1:21", "127.0.0.1:5000", "cubic", "cubic"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := farConn{tcpConn(t), netip.MustParseAddrPort(test.local), netip.MustParseAddrPort(test.remote)}
			if err := setCongestionControl(conn, test.before); err != nil {
				t.Skipf("the kernel has no %s, or root alone may use it: %v", test.before, err)
			}
			stopPacing(conn)
			if got := congestionControl(t, conn); got != test.after {
				t.Errorf("%s became %s, want %s", test.before, got, test.after)
			}
		})
	}
}

// A download is what the server sends; of an upload the client does.
func TestDownloadsWithinTheMachineAreNotPaced(t *testing.T) {
	t.Parallel()
	for way, want := range map[direction]string{download: "reno", upload: "bbr"} {
		conn := tcpConn(t)
		if err := setCongestionControl(conn, "bbr"); err != nil {
			t.Skipf("the kernel has no bbr, or root alone may use it: %v", err)
		}
		d := newDataConn(&transfer{session: rated(t, Bandwidth{}), ctx: t.Context()}, conn)
		if _, err := d.open(way); err != nil {
			t.Fatal(err)
		}
		if got := congestionControl(t, conn); got != want {
			t.Errorf("way %d: bbr became %s, want %s", way, got, want)
		}
	}
}

func tcpConn(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, _ := connectedPair(t)
	return conn.(*net.TCPConn)
}

func setCongestionControl(conn syscall.Conn, name string) (err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	}); controlErr != nil {
		return controlErr
	}
	return err
}

func congestionControl(t *testing.T, conn syscall.Conn) (name string) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { name, _ = unix.GetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}
