package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

func pf(p *Plan) string {
	var text strings.Builder
	exact := p.exact()
	text.WriteString(exact.header(
		`Save as /etc/pf.portico.conf, add the line  anchor "portico"  to /etc/pf.conf before the rules that block, and run as root:`,
		"pfctl -f /etc/pf.conf && pfctl -a portico -f /etc/pf.portico.conf. Loading it again renews the rules.",
		"pf lets replies pass by itself.",
	))
	if p.Helper.On() {
		comment(&text, "pf does not read FTP by itself, so the exact ports are allowed. ftp-proxy(8) does: it takes the server's place before the clients.")
	}
	text.WriteString("\n")
	for _, f := range exact.Flows {
		f.byFamily(func(family Family, f Flow) {
			fmt.Fprintln(&text, pfRule(family, f))
		})
	}
	return text.String()
}

func pfRule(family Family, f Flow) string {
	rule := "pass out quick"
	if f.Inbound {
		rule = "pass in quick"
	}
	switch family {
	case IPv4:
		rule += " inet"
	case IPv6:
		rule += " inet6"
	}
	// "self" is every address of the machine that pf runs on.
	ours, theirs := "self", "any"
	from, to := pfEnd(f.source(), theirs, f.from()), pfEnd(f.destination(), ours, f.to())
	if !f.Inbound {
		from, to = pfEnd(f.source(), ours, f.from()), pfEnd(f.destination(), theirs, f.to())
	}
	return fmt.Sprintf("%s proto tcp from %s to %s flags S/SA keep state label %q", rule, from, to, f.Name())
}

func pfEnd(networks []netip.Prefix, otherwise string, ports portalloc.PortList) string {
	end := otherwise
	if len(networks) > 0 {
		end = pfList(addresses(networks))
	}
	if len(ports) > 0 {
		end += " port " + pfList(rangesWith(ports, ":"))
	}
	return end
}

func pfList(elements []string) string {
	if len(elements) == 1 {
		return elements[0]
	}
	return "{ " + strings.Join(elements, ", ") + " }"
}
