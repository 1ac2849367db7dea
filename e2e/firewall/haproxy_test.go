//go:build linux

package firewall

import (
	"context"
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
