package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// portState is what became of an attempt to connect. Text form: the name, which
// is part of the JSON format.
type portState string

const (
	portOpen      portState = "open"
	portClosed    portState = "closed at once" // it opened, and the other side ended it
	portForeign   portState = "something else" // it opened, and talked
	portRefused   portState = "refused"
	portFiltered  portState = "filtered" // nothing came back in time
	portRejected  portState = "rejected" // a router said that it may not be reached
	portForbidden portState = "forbidden here"
	portNoRoute   portState = "no route"
)

// knocked is an attempt to connect.
type knocked struct {
	state portState
	to    netip.AddrPort
	conn  net.Conn // if the state is portOpen; the caller closes it
	said  string   // if the state is portForeign
	took  time.Duration
	err   error
}

// defaultBannerWait is how long a data port is listened to before it is used.
// The server has nothing to say there before a transfer is asked for, so one
// that talks is no FTP server's.
const defaultBannerWait = 200 * time.Millisecond

// knock connects to a data port.
func (d *doctor) knock(ctx context.Context, to netip.AddrPort) knocked {
	k := d.connect(ctx, to)
	if k.state != portOpen {
		return k
	}
	early := make([]byte, 64)
	k.conn.SetReadDeadline(time.Now().Add(d.bannerWait))
	n, err := k.conn.Read(early)
	k.conn.SetReadDeadline(time.Time{})
	switch {
	case n > 0:
		k.state, k.said = portForeign, printable(string(early[:n]))
	case errors.Is(err, io.EOF), err != nil && !isTimeout(err):
		k.state, k.err = portClosed, err
	}
	if k.state != portOpen {
		k.conn.Close()
		k.conn = nil
	}
	return k
}

// connect opens a connection and says what became of it.
func (d *doctor) connect(ctx context.Context, to netip.AddrPort) knocked {
	limited, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	started := time.Now()
	conn, err := d.Dial(limited, "tcp", to.String())
	k := knocked{state: portOpen, to: to, conn: conn, took: time.Since(started), err: err}
	if err != nil {
		k.state = classify(err, to.Addr())
	}
	return k
}

func classify(err error, to netip.Addr) portState {
	switch {
	case isRefused(err):
		return portRefused
	case errors.Is(err, syscall.EACCES) && to.Is6():
		return portRejected // how Linux tells "administratively prohibited" of ICMPv6
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return portForbidden
	case isNoRoute(err):
		return portNoRoute
	case isUnreachable(err):
		return portRejected
	case isTimeout(err):
		return portFiltered
	default:
		return portRejected
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// phrase describes the attempt to people.
func (k knocked) phrase(timeout time.Duration) string {
	switch k.state {
	case portOpen:
		return fmt.Sprintf("%v opens", k.to)
	case portClosed:
		return fmt.Sprintf("%v opens and is closed at once", k.to)
	case portForeign:
		return fmt.Sprintf("%v is answered by something else than the server, which says %q", k.to, k.said)
	case portRefused:
		return fmt.Sprintf("%v is refused", k.to)
	case portFiltered:
		return fmt.Sprintf("%v does not answer within %v (filtered)", k.to, timeout)
	case portForbidden:
		return fmt.Sprintf("this machine forbids the connection to %v", k.to)
	case portNoRoute:
		return fmt.Sprintf("this machine has no route to %v", k.to.Addr())
	default:
		return fmt.Sprintf("%v is rejected on the way (%s)", k.to, reason(k.err))
	}
}

// reason is the innermost text of a network error, without addresses.
func reason(err error) string {
	var number syscall.Errno
	switch {
	case err == nil:
		return "no reason given"
	case errors.As(err, &number):
		return number.Error()
	case isTimeout(err):
		return "timed out"
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	default:
		return printable(err.Error())
	}
}
