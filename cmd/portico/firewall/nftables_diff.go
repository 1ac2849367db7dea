package firewall

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// DiffNftables compares the plan with loaded rules, as `nft -j list ruleset`
// prints them, and returns the differences line by line: "+" for a rule that
// is wanted and not loaded, "-" for a rule in our own chains that is loaded
// and not wanted. None: everything is loaded. Other chains are not judged.
func (p *Plan) DiffNftables(ruleset []byte) ([]string, error) {
	loaded, err := parseNftRules(ruleset)
	if err != nil {
		return nil, err
	}
	var wanted []string
	ours := map[string]bool{}
	for _, c := range p.nftChains() {
		ours[c.name] = true
		if c.base != "" {
			wanted = append(wanted, c.base+": jump "+c.name)
		}
	}
	for _, r := range p.nftRules() {
		wanted = append(wanted, r.chain+": "+r.text())
	}
	return difference(wanted, loaded, func(line string) bool {
		chain, rule, _ := strings.Cut(line, ": ")
		return ours[chain] || strings.HasPrefix(chain, "portico-") || strings.HasPrefix(rule, "jump portico-")
	}), nil
}

// difference compares lists of rules. Of the loaded ones only those that ours
// accepts can be unwanted.
func difference(wanted, loaded []string, ours func(string) bool) []string {
	var lines []string
	for _, rule := range loaded {
		if ours(rule) && !slices.Contains(wanted, rule) {
			lines = append(lines, "- "+rule)
		}
	}
	for _, rule := range wanted {
		if !slices.Contains(loaded, rule) {
			lines = append(lines, "+ "+rule)
		}
	}
	return lines
}

// parseNftRules reads the rules of our table, as "chain: rule".
func parseNftRules(ruleset []byte) ([]string, error) {
	var list struct {
		Nftables []struct {
			Rule *struct {
				Family, Table, Chain string
				Expr                 []map[string]json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(ruleset, &list); err != nil {
		return nil, fmt.Errorf("read what nft -j list ruleset prints: %w", err)
	}
	var rules []string
	for _, entry := range list.Nftables {
		r := entry.Rule
		if r == nil || r.Family+" "+r.Table != nftTable {
			continue
		}
		var words []string
		for _, statement := range r.Expr {
			if text := nftStatement(statement); text != "" {
				words = append(words, text)
			}
		}
		rules = append(rules, r.Chain+": "+strings.Join(words, " "))
	}
	return rules, nil
}

// nftStatement writes one statement of a rule as nft does. What our rules do
// not use becomes its JSON, which equals none of ours.
func nftStatement(statement map[string]json.RawMessage) string {
	for name, value := range statement {
		switch name {
		case "match":
			return nftMatchText(value)
		case "jump":
			var jump struct{ Target string }
			_ = json.Unmarshal(value, &jump) // an empty target equals none of ours
			return "jump " + jump.Target
		case "ct helper", "cthelper":
			var helper string
			_ = json.Unmarshal(value, &helper) // likewise
			return fmt.Sprintf("ct helper set %q", helper)
		case "accept", "drop", "return":
			return name
		case "counter":
			return ""
		}
		return name + " " + string(value)
	}
	return ""
}

func nftMatchText(value json.RawMessage) string {
	var match struct {
		Op   string
		Left struct {
			Payload *struct{ Protocol, Field string }
			Meta    *struct{ Key string }
			CT      *struct{ Key string } `json:"ct"`
		}
		Right json.RawMessage
	}
	if err := json.Unmarshal(value, &match); err != nil || match.Op != "==" && match.Op != "in" {
		return "match " + string(value)
	}
	right := nftValue(match.Right)
	switch left := match.Left; {
	case left.Payload != nil:
		return left.Payload.Protocol + " " + left.Payload.Field + " " + right
	case left.Meta != nil:
		return "meta " + left.Meta.Key + " " + right
	case left.CT != nil:
		return "ct " + left.CT.Key + " " + strings.Trim(strings.ReplaceAll(right, ", ", ","), "{} ")
	default:
		return "match " + string(value)
	}
}

// nftValue writes the right side of a match: a number or word, a list, a set,
// a range or a network.
func nftValue(value json.RawMessage) string {
	var compound struct {
		Set    []json.RawMessage
		Range  []json.RawMessage
		Prefix *struct {
			Addr string
			Len  int
		}
	}
	var list []json.RawMessage
	switch {
	case json.Unmarshal(value, &list) == nil:
		return nftSet(nftValues(list))
	case json.Unmarshal(value, &compound) == nil && compound.Set != nil:
		return nftSet(nftValues(compound.Set))
	case compound.Range != nil:
		return strings.Join(nftValues(compound.Range), "-")
	case compound.Prefix != nil:
		return fmt.Sprintf("%s/%d", compound.Prefix.Addr, compound.Prefix.Len)
	}
	return strings.Trim(string(value), `"`)
}

func nftValues(values []json.RawMessage) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = nftValue(value)
	}
	return all
}
