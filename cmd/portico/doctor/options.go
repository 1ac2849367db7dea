package doctor

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Options configures Run. The zero value of each field but Target is right for
// most.
type Options struct {
	// Target is the server. Required; see ParseTarget.
	Target Target
	// Family restricts the examination to one address family. Empty: both.
	Family Family
	// Timeout bounds each step: a connection, a reply, a pause in a transfer.
	// What does not answer within it counts as filtered. Zero: 8 s.
	Timeout time.Duration
	// Deadline bounds the whole examination without the time of Long; what is
	// left then is reported as skipped. Zero: 10 min.
	Deadline time.Duration
	// Leases is how many passive ports are tried on a server that does not
	// list its range. Zero: 8.
	Leases int
	// Size is how many bytes the large transfer has. Zero: 2 MiB.
	Size int64
	// ActivePort is where this side listens in active mode. Zero: the system
	// chooses.
	ActivePort uint16
	// ActiveAddress is what PORT and EPRT tell, for a client behind a NAT that
	// forwards ActivePort. The zero value: the control connection's own
	// address.
	ActiveAddress netip.Addr
	// ReadOnly keeps the examination from writing on the server.
	ReadOnly bool
	// Long is for how long the control connection is left without traffic in
	// the last check. Zero: the check is not made.
	Long time.Duration
	// OnCheck is told of each check when it is made, one at a time. Nil: nobody
	// is told.
	OnCheck func(Check)
	// Dial opens connections to the server. Nil: the system's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Family is an address family. Text form: "IPv4" or "IPv6".
type Family string

// The two families.
const (
	IPv4 Family = "IPv4"
	IPv6 Family = "IPv6"
)

func familyOf(addr netip.Addr) Family {
	if addr.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

const (
	defaultTimeout  = 8 * time.Second
	defaultDeadline = 10 * time.Minute
	defaultLeases   = 8
	defaultSize     = 2 << 20
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Deadline <= 0 {
		o.Deadline = defaultDeadline
	}
	if o.Leases <= 0 {
		o.Leases = defaultLeases
	}
	if o.Size <= 0 {
		o.Size = defaultSize
	}
	if o.OnCheck == nil {
		o.OnCheck = func(Check) {}
	}
	if o.Dial == nil {
		// Without keep-alive: an idle connection must look idle to a firewall.
		dialer := &net.Dialer{KeepAlive: -1}
		dialer.SetMultipathTCP(false)
		o.Dial = dialer.DialContext
	}
	return o
}
