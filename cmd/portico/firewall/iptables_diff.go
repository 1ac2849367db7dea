package firewall

import (
	"slices"
	"strings"
)

// DiffIptables compares the plan with the loaded rules of one family, as
// iptables-save or ip6tables-save prints them, and returns the differences in
// the form of DiffNftables.
func (p *Plan) DiffIptables(family Family, saved string) []string {
	var wanted []string
	if p.has(family) {
		for _, c := range p.iptablesChains() {
			wanted = append(wanted, c.table+": -A "+c.base+" -j "+c.name)
			for _, rule := range p.iptablesRules(family, c.name) {
				wanted = append(wanted, c.table+": "+rule)
			}
		}
	}
	return difference(wanted, parseIptables(saved), func(line string) bool {
		words := strings.Fields(line)
		return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "PORTICO-") })
	})
}

// parseIptables reads the rules, as "table: rule".
func parseIptables(saved string) []string {
	var rules []string
	table := ""
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		if name, isTable := strings.CutPrefix(line, "*"); isTable {
			table = name
		} else if strings.HasPrefix(line, "-A ") {
			rules = append(rules, table+": "+line)
		}
	}
	return rules
}
