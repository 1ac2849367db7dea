package firewall

import (
	"net/netip"

	"github.com/portico-ftp/portico/portalloc"
)

// Service is what a firewall has to know of a server.
type Service struct {
	// Listeners are the control addresses. At least one.
	Listeners []Listener
	// Passive are the ports that the server listens on for data connections.
	// Empty: passive mode is off.
	Passive portalloc.PortList
	// Advertised are the ports that clients connect to instead, as many as
	// Passive and in the same order. Empty: the same ports.
	Advertised portalloc.PortList
	// SlicePorts is how many of Passive each of several replicas listens on, the
	// first so many the first replica, and so on. 0: the service is one server.
	SlicePorts int
	// Replica is the ordinal of the service if it is one of several replicas, and
	// Passive its slice alone. Empty: it is not.
	Replica string
	// Active says that the server opens data connections in active mode.
	Active bool
	// SourcePorts are the ports that such connections may come from.
	SourcePorts portalloc.PortList
	// TLSOffered says that clients may encrypt the control connection, and
	// TLSRequired that they must.
	TLSOffered, TLSRequired bool
	// Address is where clients reach the server, a host name or an IP
	// address, where the server's own settings say so. Empty: they do not.
	Address string
}

// Listener is one control address.
type Listener struct {
	// Addr is the address that it is bound to. The zero value and the
	// unspecified address stand for every address of both families.
	Addr netip.Addr
	// Port is the control port.
	Port uint16
	// ImplicitTLS says that no firewall can read the connection from its
	// first byte.
	ImplicitTLS bool
	// Proxies are the load balancers that connections come through, with a
	// PROXY protocol header. Empty: clients connect themselves.
	Proxies []netip.Prefix
}

// advertised are the ports that clients connect to in passive mode.
func (s Service) advertised() portalloc.PortList {
	if len(s.Advertised) > 0 {
		return s.Advertised
	}
	return s.Passive
}

// mapped says whether something must translate advertised ports to those that
// the server listens on.
func (s Service) mapped() bool { return s.advertised().String() != s.Passive.String() }

// controlPorts are those of the listeners that other machines can reach.
func (s Service) controlPorts() portalloc.PortList {
	var ports portalloc.PortList
	for _, l := range s.Listeners {
		if !l.isLocal() {
			ports = append(ports, portalloc.PortRange{First: l.Port, Last: l.Port})
		}
	}
	return normalPorts(ports)
}

// readablePorts are the control ports whose connections begin in clear.
func (s Service) readablePorts() portalloc.PortList {
	var ports portalloc.PortList
	for _, l := range s.Listeners {
		if !l.isLocal() && !l.ImplicitTLS {
			ports = append(ports, portalloc.PortRange{First: l.Port, Last: l.Port})
		}
	}
	return normalPorts(ports)
}

// proxies are the load balancers that all connections come through, nil if
// some do not.
func (s Service) proxies() []netip.Prefix {
	var all []netip.Prefix
	for _, l := range s.Listeners {
		if l.isLocal() {
			continue
		}
		if len(l.Proxies) == 0 {
			return nil
		}
		all = append(all, l.Proxies...)
	}
	return normalNetworks(all)
}

// speaksProxy says whether a load balancer in front must send the PROXY header.
func (s Service) speaksProxy() bool {
	for _, l := range s.Listeners {
		if len(l.Proxies) > 0 {
			return true
		}
	}
	return false
}

// isLocal says that no other machine can reach the listener.
func (l Listener) isLocal() bool { return l.Addr.IsLoopback() }

// networks are the listener's own address, nil for every address.
func (l Listener) networks() []netip.Prefix {
	if !l.Addr.IsValid() || l.Addr.IsUnspecified() {
		return nil
	}
	addr := l.Addr.Unmap().WithZone("")
	return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}
}
