package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// iptablesChain is a chain of ours and the built-in one that leads to it.
type iptablesChain struct {
	table, name, base string
}

func iptables(p *Plan) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(p.header(
		"Apply as root: sh FILE. Applying it again renews the rules and adds nothing twice.",
		"To keep them over a restart: netfilter-persistent save (Debian), or your distribution's way.",
	))
	if p.Helper.On() {
		text.WriteString("# The helper needs the kernel's module: modprobe nf_conntrack_ftp\n")
	}
	text.WriteString("set -eu\n")
	for _, family := range []Family{IPv4, IPv6} {
		p.writeIptables(&text, family)
	}
	return text.String()
}

// iptablesCommand is the family's variant of the program.
func iptablesCommand(family Family) string {
	if family == IPv6 {
		return "ip6tables"
	}
	return "iptables"
}

func (p *Plan) writeIptables(text *strings.Builder, family Family) {
	if !p.has(family) {
		return
	}
	command := iptablesCommand(family)
	fmt.Fprintf(text, "\n%s-restore --noflush <<'END'\n%sEND\n", command, p.iptablesInput(family))
	for _, c := range p.iptablesChains() {
		rule := fmt.Sprintf("%s -j %s", c.base, c.name)
		fmt.Fprintf(text, "%s -w -t %s -C %s 2>/dev/null || %s -w -t %s -I %s\n", command, c.table, rule, command, c.table, rule)
	}
}

// has says whether the plan has any rule for the family.
func (p *Plan) has(family Family) bool {
	for _, f := range p.Flows {
		if _, exists := f.only(family); exists {
			return true
		}
	}
	return false
}

// iptablesInput is what iptables-restore reads: our own chains and nothing
// else.
func (p *Plan) iptablesInput(family Family) string {
	var text strings.Builder
	table := ""
	for _, c := range p.iptablesChains() {
		if c.table != table {
			if table != "" {
				p.writeIptablesTable(&text, family, table)
			}
			table = c.table
			fmt.Fprintf(&text, "*%s\n", table)
		}
		fmt.Fprintf(&text, ":%s - [0:0]\n", c.name)
	}
	p.writeIptablesTable(&text, family, table)
	return text.String()
}

func (p *Plan) writeIptablesTable(text *strings.Builder, family Family, table string) {
	for _, c := range p.iptablesChains() {
		if c.table != table {
			continue
		}
		for _, rule := range p.iptablesRules(family, c.name) {
			fmt.Fprintln(text, rule)
		}
	}
	text.WriteString("COMMIT\n")
}

func (p *Plan) iptablesChains() []iptablesChain {
	chains := []iptablesChain{{"filter", "PORTICO-IN", "INPUT"}, {"filter", "PORTICO-OUT", "OUTPUT"}}
	if p.Request.At == AtGateway {
		chains = []iptablesChain{{"filter", "PORTICO-FORWARD", "FORWARD"}}
	}
	if p.Helper.On() {
		chains = append(chains, iptablesChain{"raw", "PORTICO-HELPER", strings.ToUpper(p.helperHook())})
	}
	return chains
}

// iptablesRules are the rules of one of our chains, in the form in which
// iptables-save prints them.
func (p *Plan) iptablesRules(family Family, chain string) []string {
	if chain == "PORTICO-HELPER" {
		return p.iptablesHelperRules(family)
	}
	rules := []string{fmt.Sprintf("-A %s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", chain)}
	for _, f := range p.Flows {
		part, exists := f.only(family)
		if !exists || p.iptablesChainOf(f) != chain {
			continue
		}
		for _, match := range iptablesMatches(part) {
			rules = append(rules, fmt.Sprintf("-A %s%s -m conntrack --ctstate NEW -m comment --comment %q -j ACCEPT", chain, match, f.Name()))
		}
	}
	return rules
}

func (p *Plan) iptablesChainOf(f Flow) string { return strings.ToUpper(p.nftChainOf(f)) }

func (p *Plan) iptablesHelperRules(family Family) []string {
	var rules []string
	for _, f := range p.Flows {
		part, exists := f.only(family)
		if f.Kind != Control || !exists {
			continue
		}
		for _, match := range iptablesMatches(part) {
			rules = append(rules, fmt.Sprintf("-A PORTICO-HELPER%s -j CT --helper ftp", match))
		}
	}
	return rules
}

// iptablesMatches are as many matches as one rule for each combination of
// addresses and ranges takes.
func iptablesMatches(f Flow) []string {
	matches := []string{""}
	matches = combine(matches, iptablesNetworks(" -s ", f.source()))
	matches = combine(matches, iptablesNetworks(" -d ", f.destination()))
	matches = combine(matches, []string{" -p tcp -m tcp"})
	matches = combine(matches, iptablesPorts(" --sport ", f.from()))
	return combine(matches, iptablesPorts(" --dport ", f.to()))
}

// combine appends each ending to each beginning; no ending changes nothing.
func combine(beginnings, endings []string) []string {
	if len(endings) == 0 {
		return beginnings
	}
	var all []string
	for _, beginning := range beginnings {
		for _, ending := range endings {
			all = append(all, beginning+ending)
		}
	}
	return all
}

func iptablesNetworks(flag string, networks []netip.Prefix) []string {
	var all []string
	for _, n := range networks {
		all = append(all, flag+n.String())
	}
	return all
}

func iptablesPorts(flag string, ports portalloc.PortList) []string {
	var all []string
	for _, r := range rangesWith(ports, ":") {
		all = append(all, flag+r)
	}
	return all
}
