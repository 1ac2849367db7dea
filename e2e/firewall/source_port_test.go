//go:build linux

package firewall

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

// Where active connections come from, as a router between the sites sees them
// and as the rules of the client's site have it.
func TestSourcePortOfActiveMode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting      any
		capabilities []string
		want         func(port int) bool
	}{
		{20, []string{"net_bind_service"}, func(port int) bool { return port == 20 }},
		{"auto", []string{"net_bind_service"}, func(port int) bool { return port == 20 }},
		{"auto", nil, func(port int) bool { return port >= 1024 }},
		{"ephemeral", []string{"net_bind_service"}, func(port int) bool { return port >= 1024 }},
	} {
		t.Run(fmt.Sprintf("%v, capabilities %v", test.setting, test.capabilities), func(t *testing.T) {
			t.Parallel()
			n := newInternet(t)
			config := defaults(t)
			config["active"] = map[string]any{"source_port": test.setting}
			n.server.serve(t, config.file(t), test.capabilities...)
			n.wallOf("client", "gateway", "nftables").apply(t, config.file(t), "--mode", "active")
			n.middle.pipe(t, `
table inet watch {
	chain pass { type filter hook forward priority filter; ct state new counter
	}
}`, "nft", "-f", "-")
			for _, e := range anyway(serverV4, controlPort)[2:] {
				if err := e.run(t, n.client); err != nil {
					t.Errorf("%v: %v", e, err)
				}
			}
			ports := n.activeSources(t)
			if len(ports) < 4 {
				t.Errorf("%d active connections are tracked, want 4", len(ports))
			}
			for _, port := range ports {
				if !test.want(port) {
					t.Errorf("an active connection comes from port %d", port)
				}
			}
			suite.matrix.note(row{"active from " + fmt.Sprint(test.setting), fmt.Sprintf("conntrack, capabilities %v", test.capabilities), "both", "IPv4", "-",
				fmt.Sprintf("source ports %v", ports), "-", "-"})
		})
	}
}

// activeSources are the source ports of the server's connections to the client
// that the router in the middle has tracked.
func (n *internet) activeSources(t *testing.T) []int {
	t.Helper()
	entry := regexp.MustCompile(`(?m)src=` + regexp.QuoteMeta(serverV4) + ` dst=` + regexp.QuoteMeta(clientV4) + ` sport=(\d+) dport=50\d\d\d src=`)
	var ports []int
	for _, match := range entry.FindAllStringSubmatch(n.middle.run(t, "conntrack", "-L", "-p", "tcp"), -1) {
		port, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}
