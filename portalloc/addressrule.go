package portalloc

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// readRules checks the rules and makes them ready. Rules that name one host
// share its answers.
func (a *Advertiser) readRules(rules []AddressRule) error {
	hosts := make(map[string]*resolvedHost)
	var faults []error
	for i, rule := range rules {
		r, err := readRule(rule, hosts)
		if err != nil {
			faults = append(faults, fmt.Errorf("portalloc: address rule %d: %w", i+1, err))
		}
		a.rules = append(a.rules, r)
		if r.host != nil && !slices.Contains(a.hosts, r.host) {
			a.hosts = append(a.hosts, r.host)
		}
	}
	return errors.Join(faults...)
}

func readRule(rule AddressRule, hosts map[string]*resolvedHost) (addressRule, error) {
	r := addressRule{AddressRule: AddressRule{Address: strings.TrimSpace(rule.Address)}}
	for _, network := range rule.Clients {
		if !network.IsValid() {
			return r, errors.New("a client network is not valid: write networks as 10.0.0.0/8")
		}
		r.Clients = append(r.Clients, unmapPrefix(network))
	}
	if r.Address == AddressLocal {
		return r, nil
	}
	if literal, err := netip.ParseAddr(r.Address); err == nil {
		r.literal = literal.Unmap()
		return r, checkLiteral(r)
	}
	if err := checkHost(r.Address); err != nil {
		return r, err
	}
	name := strings.ToLower(strings.TrimSuffix(r.Address, "."))
	if hosts[name] == nil {
		hosts[name] = &resolvedHost{name: r.Address}
	}
	r.host = hosts[name]
	return r, nil
}

// unmapPrefix turns a network of IPv4-mapped addresses (RFC 4291 §2.5.5.2) into
// the IPv4 network that it stands for, because clients are compared unmapped.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

func checkLiteral(r addressRule) error {
	switch addr := r.literal; {
	case addr.IsUnspecified():
		return fmt.Errorf("%v is no address that a client can connect to: write the public address, or %q for the control connection's own",
			addr, AddressLocal)
	case addr.IsMulticast(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%v is no address of one machine: write the public address", addr)
	case addr.Zone() != "":
		return fmt.Errorf("%v has a zone, which means nothing to a client: write the address without it", addr)
	}
	sameFamily := func(network netip.Prefix) bool { return network.Addr().Is4() == r.literal.Is4() }
	if len(r.Clients) > 0 && !slices.ContainsFunc(r.Clients, sameFamily) {
		return fmt.Errorf("no client of the networks named can connect to %v, which is of the other address family: write an address of theirs",
			r.literal)
	}
	return nil
}

// checkHost finds what is most likely a slip of the pen: what remains is for
// the resolver to judge.
func checkHost(name string) error {
	const remedy = "write an IP address, a host name, or " + `"` + AddressLocal + `"`
	if name == "" {
		return errors.New("the address is empty: " + remedy)
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, hostNameLetters) != "" {
			return fmt.Errorf("%q is neither an IP address nor a host name: %s (no port, no scheme, names in their ASCII form)", name, remedy)
		}
	}
	if len(name) > 253 {
		return fmt.Errorf("the host name %.20q… is longer than 253 characters: %s", name, remedy)
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return fmt.Errorf("%q looks like an IP address but is none: write four numbers from 0 to 255, as 203.0.113.5", name)
	}
	return nil
}

// hostNameLetters are those of host names, and the underscore, which some
// internal names have.
const hostNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
