package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
)

func (v *validation) checkListeners() {
	if len(v.Listeners) == 0 {
		v.add("listeners", "is empty: name at least one address, such as \":2121\"")
	}
	bound := map[int]endpoint{}
	for i, l := range v.Listeners {
		key := fmt.Sprintf("listeners[%d].address", i)
		e, err := parseEndpoint(l.Address)
		if err != nil {
			v.add(key, "%v", err)
			continue
		}
		for j := range i {
			if other, ok := bound[j]; ok && e.collides(other) {
				v.add(key, "%s takes the same port as listeners[%d].address %s: use another port", l.Address, j, v.Listeners[j].Address)
				break
			}
		}
		bound[i] = e
		if v.Passive.Ports.Contains(e.port) {
			v.add(key, "port %d is also one of passive.ports (%v): take it out of one of them", e.port, v.Passive.Ports)
		}
	}
}

// endpoint is a control address taken apart.
type endpoint struct {
	host string
	port uint16
}

func parseEndpoint(address string) (endpoint, error) {
	if address == "" {
		return endpoint{}, fmt.Errorf("is missing: write host:port, such as \":2121\"")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return endpoint{}, fmt.Errorf("%q is not an address: write host:port, such as \":2121\" or \"[::1]:2121\"", address)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return endpoint{}, fmt.Errorf("%q: %q is not a port from 1 to 65535", address, port)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "" // Go listens on both families for any of "", 0.0.0.0 and ::
	} else if err == nil {
		host = ip.Unmap().String()
	} else if host != "" && !isHostName(host) {
		return endpoint{}, fmt.Errorf("%q: %q is neither an IP address nor a host name", address, host)
	}
	return endpoint{host, uint16(n)}, nil
}

// collides says whether the system could not bind both.
func (e endpoint) collides(other endpoint) bool {
	return e.port == other.port && (e.host == other.host || e.host == "" || other.host == "")
}

func (v *validation) checkPassive() {
	p := v.Passive
	for _, r := range p.Ports {
		if r.First == 0 || r.Last < r.First {
			v.add("passive.ports", "%v is not a range of ports: write it as 21100-21199", r)
		}
	}
	if n, advertised := p.Ports.Len(), p.AdvertisedPorts.Len(); advertised != 0 && advertised != n {
		v.add("passive.advertised_ports", "names %d ports (%v) for the %d of passive.ports (%v): name one for each", advertised, p.AdvertisedPorts, n, p.Ports)
	}
	if p.Ports.Len() == 0 && !v.Active.Enabled {
		v.add("passive.ports", "is empty and active.enabled is false: no data connection would be possible, so set one of them")
	}
	v.notNegative("passive.wait", p.Wait, "no waiting")
	if p.AcceptTimeout <= 0 {
		v.add("passive.accept_timeout", "%v leaves no time to connect: write a longer one, such as 30s", p.AcceptTimeout)
	}
	if p.ReclaimAfter <= 0 {
		v.add("passive.reclaim_after", "%v leaves no time to connect: write a longer one, such as 2s", p.ReclaimAfter)
	}
}

func (v *validation) checkPublicAddress() {
	rules := v.Passive.PublicAddress
	for i, rule := range rules {
		key := fmt.Sprintf("passive.public_address[%d]", i)
		if problem := checkPublic(rule.Address); problem != "" {
			v.add(key+".address", "%s", problem)
		}
		if j := slices.IndexFunc(rules[:i], rule.isHiddenBy); j >= 0 {
			v.add(key, "never applies, because passive.public_address[%d] has no clients and so comes first for everybody: put it last", j)
		}
	}
}

// isHiddenBy says whether an earlier rule leaves no client for this one. A rule
// with an IP address is for clients of its family only, so that one of each
// family can stand side by side.
func (r AddressRule) isHiddenBy(earlier AddressRule) bool {
	if len(earlier.Clients) > 0 || checkPublic(earlier.Address) != "" {
		return false
	}
	other, err := netip.ParseAddr(earlier.Address)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(r.Address)
	return err == nil && ip.Unmap().Is4() == other.Unmap().Is4()
}

func checkPublic(address string) (problem string) {
	ip, err := netip.ParseAddr(address)
	switch {
	case address == "":
		return "is missing: write an IP address, a host name, or local"
	case err == nil && ip.IsUnspecified():
		return fmt.Sprintf("%s is no address to connect to: write the one that clients reach, or local", address)
	case err == nil || isHostName(address):
		return ""
	default:
		return fmt.Sprintf("%q is neither an IP address nor a host name nor local (write it without a port)", address)
	}
}

// isHostName accepts what DNS and hosts files have for names, "local" too.
func isHostName(s string) bool {
	const label = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`
	hasLetter := regexp.MustCompile(`[A-Za-z]`).MatchString(s)
	return len(s) <= 253 && hasLetter && regexp.MustCompile(`^`+label+`(\.`+label+`)*\.?$`).MatchString(s)
}

func (v *validation) checkActive() {
	if err := v.Active.SourcePort.check(); err != nil {
		v.add("active.source_port", "%v", err)
	}
	if port, ok := v.Active.SourcePort.Number(); ok && v.Active.Enabled && v.Passive.Ports.Contains(port) {
		v.add("active.source_port", "port %d is also one of passive.ports (%v): take it out of one of them", port, v.Passive.Ports)
	}
}
