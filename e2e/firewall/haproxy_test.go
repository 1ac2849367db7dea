//go:build linux

package firewall

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// HAProxy with the configuration that portico firewall prints, and a server
// whose firewall lets nobody but HAProxy in.
func TestHAProxyInFront(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.hideServer(t)
	config := defaults(t)
	config["listeners"] = []any{map[string]any{"address": ":2121", "proxy_protocol": []any{hiddenServerRouter + "/32"}}}
	config["passive"] = map[string]any{"ports": passivePorts, "public_address": []any{map[string]any{"address": siteV4}}}
	p := n.server.serve(t, config.file(t))
	n.startHAProxy(t, config.file(t), hiddenServer)
	w := n.wallOf("server", "host", "nftables")
	e := errand{host: siteV4, port: controlPort}

	w.closeAll(t)
	if err := e.run(t, n.client); err == nil {
		t.Error("it works while everything is dropped")
	}
	w.apply(t, config.file(t), "--mode", "passive")
	for _, tls := range []bool{false, true} {
		e.tls = tls
		if err := e.run(t, n.client); err != nil {
			t.Errorf("%v: %v", e, err)
		}
	}
	if !strings.Contains(p.said.String(), `"remote_addr": "`+clientV4+`:`) {
		t.Error("the server does not learn the client's address")
	}
	report := n.client.examine(t, siteV4, controlPort)
	for _, tls := range []bool{false, true} {
		checkVerdict(t, report.blocked("passive", tls))
		suite.matrix.note(row{"server passive behind HAProxy", "exact ports, host, PROXY protocol", tlsName(tls), "IPv4", "blocked", "works", "-", verdict(report.blocked("passive", tls))})
	}
}

// Two servers behind one HAProxy: all connections of a client go to the same
// one, so that its data connections find the server that waits for them.
func TestHAProxyInFrontOfTwo(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.hideServer(t)
	const secondServer, secondRouter = "10.3.0.10", "10.3.0.1"
	second := newNamespace(t, strings.TrimPrefix(n.server.name, "portico-")+"2")
	n.serverRouter.connect(t, "in2", second, "wire", secondRouter+"/24", secondServer+"/24", "2001:db8:3::1/64", "2001:db8:3::10/64")
	second.route(t, "default", secondRouter, "2001:db8:3::1")
	config := defaults(t)
	config["listeners"] = []any{map[string]any{"address": ":2121", "proxy_protocol": []any{hiddenServerRouter + "/32", secondRouter + "/32"}}}
	config["passive"] = map[string]any{"ports": passivePorts, "public_address": []any{map[string]any{"address": siteV4}}}
	file := config.file(t)
	servers := []*program{n.server.serve(t, file), second.serve(t, file)}
	n.startHAProxy(t, file, hiddenServer, secondServer)

	const clients = 8
	used := map[int]int{}
	for i := range clients {
		address := fmt.Sprintf("192.0.2.%d", 50+i)
		n.client.run(t, "ip", "address", "add", address+"/24", "dev", "wire")
		for _, tls := range []bool{false, true} {
			e := errand{tls: tls, host: siteV4, port: controlPort, from: address}
			if err := e.run(t, n.client); err != nil {
				t.Errorf("%v: %v", e, err)
			}
		}
		var at []int
		for which, p := range servers {
			if strings.Contains(p.said.String(), `"remote_addr": "`+address+`:`) {
				at = append(at, which)
			}
		}
		if len(at) != 1 {
			t.Errorf("%s is served by %v, want one server", address, at)
			continue
		}
		used[at[0]]++
	}
	if len(used) != len(servers) {
		t.Errorf("only one of the servers is used: %v", used)
	}
	suite.matrix.note(row{"server passive, 2 behind HAProxy", "PROXY protocol, by source", "both", "IPv4", "-",
		fmt.Sprintf("works, clients of each: %d, %d", used[0], used[1]), "-", "-"})
}

// startHAProxy runs HAProxy on the server's router.
func (n *internet) startHAProxy(t *testing.T, config string, servers ...string) {
	t.Helper()
	var flags []string
	for _, s := range servers {
		flags = append(flags, "--server", s)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(printRules(t, "haproxy", config, flags...)), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, n.serverRouter.command(context.Background(), "haproxy", "-db", "-f", file)).awaitListening(t, n.serverRouter, controlPort)
}
