//go:build linux

package firewall

import (
	"os/exec"
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

// wall is a machine that filters.
type wall struct {
	*namespace
	dropsAll string
	flags    []string // for portico firewall: whose it is and where it stands
}

// wallOf is the firewall of one side, on the host itself or on its router.
func (n *internet) wallOf(side, at string) wall {
	w := wall{dropsAll: hostDropsAll, flags: []string{"--side", side, "--at", at}}
	switch {
	case at == "host" && side == "server":
		w.namespace = n.server
	case at == "host":
		w.namespace = n.client
	case side == "server":
		w.namespace, w.dropsAll = n.serverRouter, routerDropsAll
	default:
		w.namespace, w.dropsAll = n.clientRouter, routerDropsAll
	}
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
	w.load(t, w.dropsAll)
}

// apply loads exactly what portico firewall prints, on top of the drop.
func (w wall) apply(t *testing.T, config string, flags ...string) {
	t.Helper()
	w.closeAll(t)
	w.load(t, printRules(t, "nftables", config, append(w.flags, flags...)...))
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
