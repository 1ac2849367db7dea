//go:build linux

package firewall

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What a firewall drops before any rule of ours is loaded: everything but what
// IPv6 needs to find its neighbours. Routers may complain about packets.
const (
	hostDropsAll = `flush ruleset
table inet filter {
	chain input { type filter hook input priority filter; policy drop; iif lo accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }
	chain output { type filter hook output priority filter; policy drop; oif lo accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }
}`
	routerDropsAll = `flush ruleset
table inet filter {
	chain forward { type filter hook forward priority filter; policy drop; }
}`
)

// The same for iptables and ip6tables.
const (
	iptablesHostDropsAll = `*raw
COMMIT
*filter
:INPUT DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
`
	iptablesNeighbours = `-A INPUT -p icmpv6 --icmpv6-type 135 -j ACCEPT
-A INPUT -p icmpv6 --icmpv6-type 136 -j ACCEPT
-A OUTPUT -p icmpv6 --icmpv6-type 135 -j ACCEPT
-A OUTPUT -p icmpv6 --icmpv6-type 136 -j ACCEPT
`
	iptablesRouterDropsAll = `*raw
COMMIT
*filter
:FORWARD DROP [0:0]
`
)

// wall is a machine that filters.
type wall struct {
	*namespace
	language string   // target of portico firewall: nftables or iptables
	router   bool     // it filters what passes, not what is for itself
	nat      string   // what it translates, for nftables
	flags    []string // for portico firewall: whose it is and where it stands
}

// wallOf is the firewall of one side, on the host itself or on its router.
func (n *internet) wallOf(side, at, language string) wall {
	w := wall{language: language, router: at == "gateway", flags: []string{"--side", side, "--at", at}}
	w.namespace = map[string]*namespace{
		"server host": n.server, "server gateway": n.serverRouter,
		"client host": n.client, "client gateway": n.clientRouter,
	}[side+" "+at]
	if side == "client" {
		w.flags = append(w.flags, "--client-ports", clientPorts)
	}
	if side == "client" || at == "gateway" {
		w.flags = append(w.flags, "--server", serverV4+","+serverV6)
	}
	if side == "client" && at == "gateway" {
		w.flags = append(w.flags, "--clients", clientV4+","+clientV6)
	}
	return w
}

// closeAll drops everything.
func (w wall) closeAll(t *testing.T) {
	t.Helper()
	switch {
	case w.language == "iptables" && w.router:
		w.pipe(t, iptablesRouterDropsAll+"COMMIT\n", "iptables-restore")
		w.pipe(t, iptablesRouterDropsAll+"COMMIT\n", "ip6tables-restore")
	case w.language == "iptables":
		w.pipe(t, iptablesHostDropsAll+"COMMIT\n", "iptables-restore")
		w.pipe(t, iptablesHostDropsAll+iptablesNeighbours+"COMMIT\n", "ip6tables-restore")
	case w.router:
		w.pipe(t, routerDropsAll+w.nat, "nft", "-f", "-")
	default:
		w.pipe(t, hostDropsAll+w.nat, "nft", "-f", "-")
	}
}

// apply loads exactly what portico firewall prints, on top of the drop, and has
// it compare what is loaded then.
func (w wall) apply(t *testing.T, config string, flags ...string) {
	t.Helper()
	w.closeAll(t)
	flags = append(slices.Clone(w.flags), flags...)
	rules := printRules(t, w.language, config, flags...)
	if w.language == "iptables" {
		w.pipe(t, rules, "sh")
	} else {
		w.pipe(t, rules, "nft", "-f", "-")
	}
	w.run(t, append([]string{suite.binary, "firewall", "--diff", "--for", w.language, "--config", config}, flags...)...)
}

// printRules is what portico firewall prints for a configuration.
func printRules(t *testing.T, target, config string, flags ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), suite.binary, append([]string{"firewall", "--for", target, "--config", config}, flags...)...)
	cmd.Env = suite.environment()
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("portico firewall: %v: %s", err, said.String())
	}
	return out.String()
}
