package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

func ufw(p *Plan) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(p.header(
		"Apply as root: sh FILE. ufw skips what is there already.",
		"Rules of direction out matter only where outgoing connections are denied (ufw default deny outgoing). ufw lets replies pass by itself.",
	))
	if p.Helper.On() {
		p.writeUfwHelper(&text)
	}
	text.WriteString("set -eu\n\n")
	for _, f := range p.Flows {
		f.byFamily(func(family Family, f Flow) {
			for _, rule := range ufwRules(family, f) {
				fmt.Fprintln(&text, rule)
			}
		})
	}
	return text.String()
}

// ufwRules are one rule for each pair of addresses and, at the far end, of
// ranges: ufw takes lists of ports at one end, and no lists of addresses.
func ufwRules(family Family, f Flow) []string {
	direction := "out"
	if f.Inbound {
		direction = "in"
	}
	var rules []string
	for _, source := range ufwNetworks(family, f.source()) {
		for _, from := range ufwPorts(f.from()) {
			for _, destination := range ufwNetworks(family, f.destination()) {
				for _, to := range ufwPorts(f.to()) {
					rules = append(rules, fmt.Sprintf("ufw allow %s proto tcp from %s%s to %s%s comment '%s'",
						direction, source, from, destination, to, f.Name()))
				}
			}
		}
	}
	return rules
}

func ufwNetworks(family Family, networks []netip.Prefix) []string {
	if family == BothFamilies {
		return []string{"any"}
	}
	return addresses(family.everywhere(networks))
}

func ufwPorts(ports portalloc.PortList) []string {
	if len(ports) == 0 {
		return []string{""}
	}
	var all []string
	for _, r := range rangesWith(ports, ":") {
		all = append(all, " port "+r)
	}
	return all
}

// writeUfwHelper prints what ufw has no command for.
func (p *Plan) writeUfwHelper(text *strings.Builder) {
	comment(text, "ufw has no command for the helper. In /etc/default/ufw: IPT_MODULES=\"nf_conntrack_ftp\". At the end of /etc/ufw/before.rules, and of /etc/ufw/before6.rules:")
	text.WriteString("#   *raw\n")
	chain := strings.ToUpper(p.helperHook())
	for _, r := range rangesWith(p.Helper.Ports, ":") {
		fmt.Fprintf(text, "#   -A %s -p tcp --dport %s -j CT --helper ftp\n", chain, r)
	}
	text.WriteString("#   COMMIT\n# Then: ufw reload\n")
}
