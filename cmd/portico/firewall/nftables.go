package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// nftTable is where the rules live: the table that distributions set up for
// filtering. A table of its own could not open anything, because a packet that
// any table drops is dropped.
const nftTable = "inet filter"

// nftHelper is the name of the helper object.
const nftHelper = "portico-ftp"

// nftChain is a chain of ours and the base chain that leads to it. A chain
// without one is a base chain itself.
type nftChain struct {
	name, base, hook string
}

// nftRule is one rule, in the words and the order in which nft prints them.
type nftRule struct {
	chain   string
	match   []string
	verdict string
	comment string
}

func (r nftRule) text() string {
	return strings.Join(append(append([]string(nil), r.match...), r.verdict), " ")
}

func (r nftRule) String() string {
	if r.comment == "" {
		return r.text()
	}
	return fmt.Sprintf("%s comment %q", r.text(), r.comment)
}

func nftables(p *Plan) string {
	var text strings.Builder
	text.WriteString("#!/usr/sbin/nft -f\n")
	text.WriteString(p.header(
		"Apply as root: nft -f FILE. Applying it again renews the rules; the second jump that it adds does no harm.",
		"Chains that are there keep their rules and policy. A policy of drop is not set here.",
	))
	if p.Helper.On() {
		text.WriteString("# The helper needs the kernel's module: modprobe nf_conntrack_ftp\n")
	}
	fmt.Fprintf(&text, "\nadd table %s\n", nftTable)
	if p.Helper.On() {
		fmt.Fprintf(&text, "add ct helper %s %s { type \"ftp\" protocol tcp; }\n", nftTable, nftHelper)
	}
	for _, c := range p.nftChains() {
		if c.base != "" {
			fmt.Fprintf(&text, "add chain %s %s { type filter hook %s priority filter; }\n", nftTable, c.base, c.hook)
			fmt.Fprintf(&text, "add chain %s %s\n", nftTable, c.name)
		} else {
			fmt.Fprintf(&text, "add chain %s %s { type filter hook %s priority filter; }\n", nftTable, c.name, c.hook)
		}
		fmt.Fprintf(&text, "flush chain %s %s\n", nftTable, c.name)
	}
	p.writeNftRules(&text)
	for _, c := range p.nftChains() {
		if c.base != "" {
			fmt.Fprintf(&text, "insert rule %s %s jump %s\n", nftTable, c.base, c.name)
		}
	}
	return text.String()
}

func (p *Plan) writeNftRules(text *strings.Builder) {
	fmt.Fprintf(text, "\ntable %s {\n", nftTable)
	for i, c := range p.nftChains() {
		if i > 0 {
			text.WriteString("\n")
		}
		fmt.Fprintf(text, "\tchain %s {\n", c.name)
		for _, r := range p.nftRules() {
			if r.chain == c.name {
				fmt.Fprintf(text, "\t\t%s\n", r)
			}
		}
		text.WriteString("\t}\n")
	}
	text.WriteString("}\n\n")
}

func (p *Plan) nftChains() []nftChain {
	chains := []nftChain{{"portico-in", "input", "input"}, {"portico-out", "output", "output"}}
	if p.Request.At == AtGateway {
		chains = []nftChain{{"portico-forward", "forward", "forward"}}
	}
	if p.Helper.On() {
		// Behind connection tracking, which has made the entry by then, and
		// before the first data connection is announced.
		chains = append(chains, nftChain{name: "portico-helper", hook: p.helperHook()})
	}
	return chains
}

// helperHook is where the control connections first pass.
func (p *Plan) helperHook() string {
	if p.Request.Side == SideClient && p.Request.At == AtHost {
		return "output"
	}
	return "prerouting"
}

// nftRules are all rules of our own chains.
func (p *Plan) nftRules() []nftRule {
	var rules []nftRule
	for _, c := range p.nftChains() {
		if c.base != "" {
			rules = append(rules, nftRule{chain: c.name, match: []string{"ct state established,related"}, verdict: "accept", comment: "replies, and errors about them"})
		}
	}
	for _, f := range p.Flows {
		f.byFamily(func(family Family, f Flow) {
			rules = append(rules, nftRule{
				chain: p.nftChainOf(f), match: append(nftMatch(family, f), "ct state new"), verdict: "accept", comment: f.Name(),
			})
		})
	}
	return append(rules, p.nftHelperRules()...)
}

func (p *Plan) nftChainOf(f Flow) string {
	switch {
	case p.Request.At == AtGateway:
		return "portico-forward"
	case f.Inbound:
		return "portico-in"
	default:
		return "portico-out"
	}
}

func (p *Plan) nftHelperRules() []nftRule {
	if !p.Helper.On() {
		return nil
	}
	var rules []nftRule
	for _, f := range p.Flows {
		if f.Kind != Control {
			continue
		}
		f.byFamily(func(family Family, f Flow) {
			rules = append(rules, nftRule{chain: "portico-helper", match: nftMatch(family, f), verdict: fmt.Sprintf("ct helper set %q", nftHelper)})
		})
	}
	return rules
}

func nftMatch(family Family, f Flow) []string {
	var match []string
	if source := f.source(); len(source) > 0 {
		match = append(match, nftIP(family)+" saddr "+nftNetworks(source))
	}
	if destination := f.destination(); len(destination) > 0 {
		match = append(match, nftIP(family)+" daddr "+nftNetworks(destination))
	}
	if len(match) == 0 && family != BothFamilies {
		match = append(match, map[Family]string{IPv4: "meta nfproto ipv4", IPv6: "meta nfproto ipv6"}[family])
	}
	if from := f.from(); len(from) > 0 {
		match = append(match, "tcp sport "+nftPorts(from))
	}
	return append(match, "tcp dport "+nftPorts(f.to()))
}

func nftIP(family Family) string {
	if family == IPv6 {
		return "ip6"
	}
	return "ip"
}

func nftNetworks(networks []netip.Prefix) string { return nftSet(addresses(networks)) }

func nftPorts(ports portalloc.PortList) string { return nftSet(rangesWith(ports, "-")) }

func nftSet(elements []string) string {
	if len(elements) == 1 {
		return elements[0]
	}
	return "{ " + strings.Join(elements, ", ") + " }"
}
