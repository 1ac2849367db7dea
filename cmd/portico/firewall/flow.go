package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// Flow is one kind of TCP connection that a firewall must let through. "Local"
// is the site that the firewall protects, "remote" everybody else.
type Flow struct {
	// Kind says what the connections are for.
	Kind Kind
	// ID is unique among the flows of a plan: the kind, and a number where
	// there are several of it.
	ID string
	// Inbound says that remote programs open the connections.
	Inbound bool
	// LocalPorts and RemotePorts are the ports at both ends, sorted and
	// without neighbours. Empty: every port.
	LocalPorts, RemotePorts portalloc.PortList
	// Local and Remote are the addresses at both ends. Empty: every address.
	Local, Remote []netip.Prefix
	// V4 and V6 are the families that are needed.
	V4, V6 bool
}

// Kind says what connections are for. Its text is fit for identifiers.
type Kind string

const (
	// Control is for control connections that begin in clear.
	Control Kind = "control"
	// ControlTLS is for those with implicit TLS.
	ControlTLS Kind = "control-tls"
	// PassiveData is for data connections that clients open.
	PassiveData Kind = "passive"
	// ActiveData is for data connections that the server opens.
	ActiveData Kind = "active"
)

// Name says what the connections are for in words.
func (k Kind) Name() string {
	switch k {
	case Control:
		return "FTP control"
	case ControlTLS:
		return "FTP control, implicit TLS"
	case PassiveData:
		return "FTP data, passive mode"
	case ActiveData:
		return "FTP data, active mode"
	default:
		return string(k)
	}
}

// Name says what the connections are for in words.
func (f Flow) Name() string { return f.Kind.Name() }

// Family is an address family of a rule.
type Family int

const (
	// BothFamilies is for rules that name no address and hold for IPv4 and IPv6.
	BothFamilies Family = iota
	// IPv4 is for rules of IPv4 alone.
	IPv4
	// IPv6 is for rules of IPv6 alone.
	IPv6
)

// from are the ports that the connections come from, to are those they go to.
func (f Flow) from() portalloc.PortList {
	if f.Inbound {
		return f.RemotePorts
	}
	return f.LocalPorts
}

func (f Flow) to() portalloc.PortList {
	if f.Inbound {
		return f.LocalPorts
	}
	return f.RemotePorts
}

// source are the addresses that the connections come from, destination are
// those they go to.
func (f Flow) source() []netip.Prefix {
	if f.Inbound {
		return f.Remote
	}
	return f.Local
}

func (f Flow) destination() []netip.Prefix {
	if f.Inbound {
		return f.Local
	}
	return f.Remote
}

// families are those that the flow needs separate rules for: one for both
// where it names no address.
func (f Flow) families() []Family {
	if f.V4 && f.V6 && len(f.Local) == 0 && len(f.Remote) == 0 {
		return []Family{BothFamilies}
	}
	return f.single()
}

// single are the families of the flow, one by one.
func (f Flow) single() []Family {
	var families []Family
	for _, family := range []Family{IPv4, IPv6} {
		if _, exists := f.only(family); exists {
			families = append(families, family)
		}
	}
	return families
}

// only returns the part of the flow that is of one family, and whether there
// is any.
func (f Flow) only(family Family) (Flow, bool) {
	if family == BothFamilies {
		return f, true
	}
	part := f
	part.V4, part.V6 = f.V4 && family == IPv4, f.V6 && family == IPv6
	part.Local, part.Remote = family.among(f.Local), family.among(f.Remote)
	// No address of this family is left where some were named: nothing to allow.
	lost := len(f.Local) > 0 && len(part.Local) == 0 || len(f.Remote) > 0 && len(part.Remote) == 0
	return part, (part.V4 || part.V6) && !lost
}

// byFamily calls write for each part of the flow that needs a rule of its own.
func (f Flow) byFamily(write func(Family, Flow)) {
	for _, family := range f.families() {
		part, _ := f.only(family)
		write(family, part)
	}
}

func (family Family) among(networks []netip.Prefix) []netip.Prefix {
	var selected []netip.Prefix
	for _, n := range networks {
		if n.Addr().Is4() == (family == IPv4) {
			selected = append(selected, n)
		}
	}
	return selected
}

// everywhere are the networks themselves, or that of all addresses of the
// family where there are none.
func (family Family) everywhere(networks []netip.Prefix) []netip.Prefix {
	switch {
	case len(networks) > 0:
		return networks
	case family == IPv6:
		return []netip.Prefix{netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	default:
		return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	}
}

// describe is the flow in one line for people.
func (f Flow) describe() string {
	direction := "out"
	if f.Inbound {
		direction = "in"
	}
	text := fmt.Sprintf("%-3s  %s: TCP from %s to %s", direction, f.Name(),
		place(f.source(), f.from()), place(f.destination(), f.to()))
	switch {
	case f.V4 && f.V6:
		return text
	case f.V4:
		return text + " (IPv4)"
	default:
		return text + " (IPv6)"
	}
}

// place is one end of a connection in words.
func place(networks []netip.Prefix, ports portalloc.PortList) string {
	where := "any address"
	if len(networks) > 0 {
		where = strings.Join(addresses(networks), ", ")
	}
	if len(ports) > 0 {
		where += " port " + spaced(ports)
	}
	return where
}

// addresses writes networks of a single address without their length.
func addresses(networks []netip.Prefix) []string {
	all := make([]string, len(networks))
	for i, n := range networks {
		all[i] = address(n)
	}
	return all
}

func address(n netip.Prefix) string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

func spaced(ports portalloc.PortList) string { return strings.ReplaceAll(ports.String(), ",", ", ") }

// rangeWith writes a port range with another dash.
func rangeWith(r portalloc.PortRange, dash string) string {
	return strings.Replace(r.String(), "-", dash, 1)
}

// rangesWith writes each port range with another dash.
func rangesWith(ports portalloc.PortList, dash string) []string {
	all := make([]string, len(ports))
	for i, r := range ports {
		all[i] = rangeWith(r, dash)
	}
	return all
}

// normalPorts sorts ports and joins those that touch: firewalls print them so.
func normalPorts(ports portalloc.PortList) portalloc.PortList {
	sorted := slices.Clone(ports)
	slices.SortFunc(sorted, func(a, b portalloc.PortRange) int { return int(a.First) - int(b.First) })
	var joined portalloc.PortList
	for _, r := range sorted {
		if n := len(joined); n > 0 && int(r.First) <= int(joined[n-1].Last)+1 {
			joined[n-1].Last = max(joined[n-1].Last, r.Last)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// normalNetworks masks and sorts networks and drops doubles.
func normalNetworks(networks []netip.Prefix) []netip.Prefix {
	var sorted []netip.Prefix
	for _, n := range networks {
		addr, bits := n.Addr().WithZone(""), n.Bits()
		if addr.Is4In6() && bits >= 96 {
			addr, bits = addr.Unmap(), bits-96
		}
		sorted = append(sorted, netip.PrefixFrom(addr, bits).Masked())
	}
	slices.SortFunc(sorted, netip.Prefix.Compare)
	return slices.Compact(sorted)
}
