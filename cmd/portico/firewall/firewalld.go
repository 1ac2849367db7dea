package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// firewalldHelper is the name of a helper of our own: that of firewalld reads
// port 21 alone.
const firewalldHelper = "portico-ftp"

func firewalld(p *Plan) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(p.header(
		"Apply as root: sh FILE. Once more, and it complains of what is there already and goes on.",
		"The rules go into the default zone; for another one add --zone=ZONE to the lines with add-service and add-rich-rule.",
		"firewalld lets replies pass by itself, and outgoing connections unless a policy of yours stops them.",
	))
	text.WriteString("\n")
	p.writeFirewalldService(&text)
	p.writeFirewalldRules(&text)
	p.writeFirewalldPolicy(&text)
	text.WriteString("firewall-cmd --reload\n")
	return text.String()
}

// writeFirewalldService puts what holds for every address into a service.
func (p *Plan) writeFirewalldService(text *strings.Builder) {
	var ports portalloc.PortList
	for _, f := range p.inbound() {
		if isPlain(f) {
			ports = append(ports, f.to()...)
		}
	}
	if len(ports) == 0 && !p.Helper.On() {
		return
	}
	text.WriteString("firewall-cmd --permanent --new-service=portico\n")
	text.WriteString("firewall-cmd --permanent --service=portico --set-description='FTP, as portico firewall found it'\n")
	for _, r := range rangesWith(normalPorts(ports), "-") {
		fmt.Fprintf(text, "firewall-cmd --permanent --service=portico --add-port=%s/tcp\n", r)
	}
	p.writeFirewalldHelper(text)
	text.WriteString("firewall-cmd --permanent --add-service=portico\n")
}

func (p *Plan) writeFirewalldHelper(text *strings.Builder) {
	if !p.Helper.On() {
		return
	}
	fmt.Fprintf(text, "firewall-cmd --permanent --new-helper=%s --module=nf_conntrack_ftp\n", firewalldHelper)
	for _, r := range rangesWith(p.Helper.Ports, "-") {
		fmt.Fprintf(text, "firewall-cmd --permanent --helper=%s --add-port=%s/tcp\n", firewalldHelper, r)
	}
	fmt.Fprintf(text, "firewall-cmd --permanent --service=portico --add-helper=%s\n", firewalldHelper)
}

// isPlain says that a service can express the flow: ports alone.
func isPlain(f Flow) bool {
	return f.V4 && f.V6 && len(f.Local) == 0 && len(f.Remote) == 0 && len(f.from()) == 0
}

// writeFirewalldRules puts everything else that comes in into rich rules.
func (p *Plan) writeFirewalldRules(text *strings.Builder) {
	for _, f := range p.inbound() {
		if isPlain(f) {
			continue
		}
		if len(f.from()) > 0 {
			fmt.Fprintf(text, "# A rich rule has one element: the source port (TCP %s) cannot be asked for beside the port.\n", spaced(f.from()))
		}
		for _, rule := range richRules(f) {
			fmt.Fprintf(text, "firewall-cmd --permanent --add-rich-rule='%s'\n", rule)
		}
	}
}

// writeFirewalldPolicy puts what goes out into a policy, which matters where
// another one stops outgoing connections.
func (p *Plan) writeFirewalldPolicy(text *strings.Builder) {
	flows := p.outbound()
	if len(flows) == 0 {
		return
	}
	const policy = "firewall-cmd --permanent --policy=portico-out "
	text.WriteString("firewall-cmd --permanent --new-policy=portico-out\n")
	text.WriteString(policy + "--add-ingress-zone=HOST\n")
	text.WriteString(policy + "--add-egress-zone=ANY\n")
	text.WriteString(policy + "--set-priority=-10\n")
	for _, f := range flows {
		if len(f.from()) > 0 {
			fmt.Fprintf(text, "# A rich rule has one element: the source port (TCP %s) cannot be asked for beside the port.\n", spaced(f.from()))
		}
		for _, rule := range richRules(f) {
			fmt.Fprintf(text, "%s--add-rich-rule='%s'\n", policy, rule)
		}
	}
}

func richRules(f Flow) []string {
	var rules []string
	f.byFamily(func(family Family, f Flow) {
		for _, source := range richNetworks("source", f.source()) {
			for _, destination := range richNetworks("destination", f.destination()) {
				for _, r := range rangesWith(f.to(), "-") {
					rules = append(rules, fmt.Sprintf(`rule%s%s%s port port="%s" protocol="tcp" accept`, richFamily(family), source, destination, r))
				}
			}
		}
	})
	return rules
}

func richNetworks(element string, networks []netip.Prefix) []string {
	if len(networks) == 0 {
		return []string{""}
	}
	var all []string
	for _, n := range networks {
		all = append(all, fmt.Sprintf(` %s address="%s"`, element, address(n)))
	}
	return all
}

func richFamily(family Family) string {
	switch family {
	case IPv4:
		return ` family="ipv4"`
	case IPv6:
		return ` family="ipv6"`
	default:
		return ""
	}
}
