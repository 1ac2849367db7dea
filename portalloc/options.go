package portalloc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Options configures an Allocator. New copies it.
type Options struct {
	// Ports are the listen ports. Required.
	Ports PortList

	// AdvertisedPorts are the ports that clients are told instead, one for
	// each port of Ports in the same order, where a NAT or a published port
	// stands between. Empty: the listen ports themselves.
	AdvertisedPorts PortList

	// Suspended are those of the ports on which another process, which has the
	// same sockets, accepts for the time being. They are bound, but not used
	// before Resume.
	Suspended PortList

	// Sharing says whether leases of different clients may stand on one port.
	Sharing Sharing

	// Peer says from where a data connection may come. The zero value is the
	// address of the control connection's client alone.
	Peer PeerPolicy

	// Wait is how long Acquire waits for a port when none is free. Zero: 5 s.
	// Negative: not at all.
	Wait time.Duration

	// AcceptTimeout is how long a lease waits for its connection. Zero: 30 s.
	AcceptTimeout time.Duration

	// ReclaimAfter is how long an unconnected lease is safe from being
	// reclaimed while others wait for a port. Zero: 2 s.
	ReclaimAfter time.Duration

	// Identify reads from a new connection's first bytes whose it is, and
	// returns a connection that replays them. It is called, on a goroutine of
	// its own and with a read deadline set, only for connections that claims
	// with an identity compete for. An error closes the connection. An identity
	// of 0 is "cannot tell". Such a connection, or one of an identity that no
	// lease here has, goes to the only lease there is, for the layer above to
	// judge; it is closed if there are several. It serves the claims that have
	// no Identifier of their own. Nil: those have no identity.
	Identify func(net.Conn) (Identity, net.Conn, error)

	// Proxies are the networks of load balancers in front of the ports. Every
	// connection from them goes through Unproxy first; others never do.
	Proxies []netip.Prefix

	// Unproxy reads the PROXY protocol header and returns a connection whose
	// RemoteAddr is the client's. It is called on a goroutine of its own with
	// a read deadline set; an error closes the connection. Required with
	// Proxies.
	Unproxy func(net.Conn) (net.Conn, error)

	// MaxPerAddress is how many leases one client address may have at one time
	// that wait for their connection, or for a port. IPv6 addresses count by
	// their /64 network. A client behind NAT may be many people. Zero: any
	// number.
	MaxPerAddress int

	// Observer is told of every lease when it ends, in one call per lease, by
	// the goroutine that ended it and with no lock held. It must return soon.
	// Nil: nobody is told.
	Observer func(Event)

	// OnRefused is told of every connection that was closed because no lease
	// expects one from there, by the goroutine that accepted it and with no lock
	// held. It must return soon. Nil: nobody is told.
	OnRefused func(Refusal)

	// Listen binds one listen port. Nil: TCP on every address of both
	// families, without MPTCP and without keep-alive (transfers have deadlines
	// of their own).
	Listen func(ctx context.Context, port uint16) (net.Listener, error)

	// Logger receives the allocator's log. Nil: nothing is logged.
	Logger *zap.Logger
}

// Sharing says whether leases of different clients may stand on one port at
// the same time. Text form: "auto" or "exclusive".
type Sharing int

const (
	// SharingAuto lets leases share a port while no connection could belong to
	// two of them.
	SharingAuto Sharing = iota
	// SharingExclusive gives each lease a port of its own.
	SharingExclusive
)

// String returns the text form.
func (s Sharing) String() string {
	switch s {
	case SharingAuto:
		return "auto"
	case SharingExclusive:
		return "exclusive"
	default:
		return fmt.Sprintf("unknown (%d)", int(s))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (s Sharing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sharing) UnmarshalText(text []byte) error {
	switch string(text) {
	case "", "auto":
		*s = SharingAuto
	case "exclusive":
		*s = SharingExclusive
	default:
		return fmt.Errorf("%q is unknown: use auto, exclusive", text)
	}
	return nil
}

// PeerPolicy says from where the data connection of a client may come. The
// zero value is "exact": the client's own address. Text form: "exact", "any",
// or networks separated by commas.
type PeerPolicy struct {
	// Any accepts a data connection from every address of the client's family.
	// Every lease then needs a port of its own.
	Any bool
	// Networks are those inside which the two addresses may differ (carrier
	// NAT pools, SNAT networks): a client of one of them may connect from all
	// of it. Clients of none are held to their own address.
	Networks []netip.Prefix
}

// Peers is the set of addresses from which the data connection of client may
// come.
func (p PeerPolicy) Peers(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	if p.Any {
		return netip.PrefixFrom(client, 0).Masked()
	}
	for _, network := range p.Networks {
		if network.Contains(client) {
			return network.Masked()
		}
	}
	return netip.PrefixFrom(client, client.BitLen())
}

// String returns the text form.
func (p PeerPolicy) String() string {
	switch {
	case p.Any:
		return "any"
	case len(p.Networks) == 0:
		return "exact"
	}
	parts := make([]string, len(p.Networks))
	for i, n := range p.Networks {
		parts[i] = n.String()
	}
	return strings.Join(parts, ",")
}

// MarshalText implements encoding.TextMarshaler.
func (p PeerPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *PeerPolicy) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "", "exact":
		*p = PeerPolicy{}
	case "any":
		*p = PeerPolicy{Any: true}
	default:
		var networks []netip.Prefix
		for part := range strings.SplitSeq(s, ",") {
			network, err := netip.ParsePrefix(strings.TrimSpace(part))
			if err != nil {
				return fmt.Errorf("%q is not a network: use exact, any, or networks as 10.0.0.0/8", strings.TrimSpace(part))
			}
			networks = append(networks, unmapPrefix(network))
		}
		*p = PeerPolicy{Networks: networks}
	}
	return nil
}

const (
	defaultWait          = 5 * time.Second
	defaultAcceptTimeout = 30 * time.Second
	defaultReclaimAfter  = 2 * time.Second
)

func (o Options) withDefaults() Options {
	o.Ports = slices.Clone(o.Ports)
	o.AdvertisedPorts = slices.Clone(o.AdvertisedPorts)
	o.Peer.Networks = unmapPrefixes(o.Peer.Networks)
	o.Proxies = unmapPrefixes(o.Proxies)
	if len(o.AdvertisedPorts) == 0 {
		o.AdvertisedPorts = o.Ports
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	if o.AcceptTimeout <= 0 {
		o.AcceptTimeout = defaultAcceptTimeout
	}
	if o.ReclaimAfter <= 0 {
		o.ReclaimAfter = defaultReclaimAfter
	}
	if o.Listen == nil {
		o.Listen = listenEverywhere
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if o.Ports.Len() == 0 {
		faults = append(faults, errors.New("portalloc: Options.Ports is empty: name at least one port"))
	}
	if len(o.Proxies) > 0 && o.Unproxy == nil {
		faults = append(faults, errors.New("portalloc: Options.Proxies is set, but Options.Unproxy is nil: set it to a reader of the PROXY header"))
	}
	faults = append(faults, o.Ports.check("Options.Ports"))
	if o.AdvertisedPorts.Len() != o.Ports.Len() {
		faults = append(faults, fmt.Errorf("portalloc: %d advertised ports for %d listen ports: name one for each",
			o.AdvertisedPorts.Len(), o.Ports.Len()))
	}
	faults = append(faults, o.AdvertisedPorts.check("Options.AdvertisedPorts"))
	return errors.Join(faults...)
}

// check finds what ParsePorts would refuse in a list made by other means.
func (l PortList) check(setting string) error {
	for _, r := range l {
		if r.First == 0 || r.Last < r.First {
			return fmt.Errorf("portalloc: %s: %v is no range of ports: name the lower port first, from 1 to 65535", setting, r)
		}
	}
	if a, b, found := l.overlap(); found {
		return fmt.Errorf("portalloc: %s: %v and %v overlap: name each port once", setting, a, b)
	}
	return nil
}

func unmapPrefixes(networks []netip.Prefix) []netip.Prefix {
	networks = slices.Clone(networks)
	for i, network := range networks {
		networks[i] = unmapPrefix(network)
	}
	return networks
}

func listenEverywhere(ctx context.Context, port uint16) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false)
	return config.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
}
