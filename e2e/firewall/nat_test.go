//go:build linux

package firewall

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Addresses behind a translator.
const (
	hiddenServer, hiddenServerRouter = "10.2.0.10", "10.2.0.1"
	hiddenClient, hiddenClientRouter = "10.1.0.10", "10.1.0.1"
)

// hide gives a machine and its router private IPv4 addresses, which nobody
// beyond the router has a way to.
func (n *internet) hide(t *testing.T, machine, router *namespace, address, routerAddress, formerNetwork string) {
	t.Helper()
	machine.run(t, "ip", "-4", "address", "flush", "dev", "wire")
	router.run(t, "ip", "-4", "address", "flush", "dev", "in")
	machine.run(t, "ip", "address", "add", address+"/24", "dev", "wire")
	router.run(t, "ip", "address", "add", routerAddress+"/24", "dev", "in")
	machine.run(t, "ip", "route", "add", "default", "via", routerAddress)
	n.middle.run(t, "ip", "route", "delete", formerNetwork)
}

func (n *internet) hideServer(t *testing.T) {
	t.Helper()
	n.hide(t, n.server, n.serverRouter, hiddenServer, hiddenServerRouter, "203.0.113.0/24")
}

// A server with a private address: other ports of its router lead to it, as a
// node port of a cluster does.
func TestServerBehindMappedPorts(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.hideServer(t)
	const sitePort = 30021
	mapPorts := fmt.Sprintf(`
table ip nat {
	chain pre { type nat hook prerouting priority dstnat; ip daddr %[1]s tcp dport %[2]d dnat to %[3]s:%[4]d
		ip daddr %[1]s tcp dport 30100-30103 dnat to %[3]s : tcp dport map { 30100 : 21100, 30101 : 21101, 30102 : 21102, 30103 : 21103 }
	}
	chain post { type nat hook postrouting priority srcnat; oifname "out" masquerade
	}
}`, siteV4, sitePort, hiddenServer, controlPort)
	w := wall{n.serverRouter, "nftables", true, mapPorts, []string{"--side", "server", "--at", "gateway", "--server", hiddenServer}}

	config := defaults(t)
	first := n.server.serve(t, config.file(t))
	w.apply(t, config.file(t))
	errands := anyway(siteV4, sitePort)
	for _, e := range errands {
		if err := e.run(t, n.client); (err == nil) != e.active {
			t.Errorf("the server does not know its address: %v: %v", e, err)
		}
	}
	before := n.client.examine(t, siteV4, sitePort)
	first.stop(t)

	config["passive"] = map[string]any{
		"ports": passivePorts, "advertised_ports": "30100-30103",
		"public_address": []any{map[string]any{"address": siteV4}},
	}
	n.server.serve(t, config.file(t))
	w.apply(t, config.file(t))
	for _, e := range errands {
		if err := e.run(t, n.client); err != nil {
			t.Errorf("%v: %v", e, err)
		}
	}
	after := n.client.examine(t, siteV4, sitePort)
	for _, tls := range []bool{false, true} {
		checkVerdict(t, before.blocked("passive", tls), "server passive")
		checkVerdict(t, after.blocked("passive", tls))
		checkVerdict(t, after.blocked("active", tls))
		suite.matrix.note(row{"server behind mapped ports", "exact ports, gateway, NAT", tlsName(tls), "IPv4", "blocked", "works",
			verdict(before.blocked("passive", tls)), verdict(after.blocked("passive", tls))})
	}
}

// A client with a private address: passive mode works, and active mode with a
// translator that understands FTP, which it cannot under TLS.
func TestClientBehindNAT(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	n.hide(t, n.client, n.clientRouter, hiddenClient, hiddenClientRouter, "192.0.2.0/24")
	const translate = `
table ip nat {
	chain post { type nat hook postrouting priority srcnat; oifname "out" masquerade
	}
}`
	w := wall{n.clientRouter, "nftables", true, translate, []string{
		"--side", "client", "--at", "gateway", "--server", serverV4, "--clients", "10.1.0.0/24", "--client-ports", clientPorts,
	}}
	config := defaults(t)
	n.server.serve(t, config.file(t))

	w.apply(t, config.file(t))
	blind := n.checkWays(t, "the router does not understand FTP", func(e errand) bool { return !e.active })
	w.apply(t, config.file(t), "--helper")
	reading := n.checkWays(t, "the router understands FTP", func(e errand) bool { return !e.active || !e.tls })
	for _, tls := range []bool{false, true} {
		checkVerdict(t, blind.blocked("passive", tls))
		checkVerdict(t, blind.blocked("active", tls), "client active")
	}
	checkVerdict(t, reading.blocked("active", false))
	checkVerdict(t, reading.blocked("active", true), "client active")
	suite.matrix.note(row{"client active behind NAT", "exact ports, then understands FTP", "plain", "IPv4", "blocked", "works",
		verdict(blind.blocked("active", false)), verdict(reading.blocked("active", false))})
	suite.matrix.note(row{"client active behind NAT", "exact ports, then understands FTP", "TLS", "IPv4", "blocked", "blocked (as it must)",
		verdict(blind.blocked("active", true)), verdict(reading.blocked("active", true))})
}

// checkWays does every errand at the client, and returns the doctor's report.
func (n *internet) checkWays(t *testing.T, when string, works func(errand) bool) *findings {
	t.Helper()
	for _, e := range anyway(serverV4, controlPort) {
		if err := e.run(t, n.client); (err == nil) != works(e) {
			t.Errorf("%s: %v: %v, want it to work: %v", when, e, err, works(e))
		}
	}
	return n.client.examine(t, serverV4, controlPort)
}

// A translator in front of the server hides all clients behind its own address,
// and there is one passive port: what tells their data connections apart is the
// TLS session that they resume, which is required here.
func TestManyClientsBehindOneAddressAndOnePort(t *testing.T) {
	t.Parallel()
	n := newInternet(t)
	const hideClients = `
table ip nat {
	chain post { type nat hook postrouting priority srcnat; oifname "in" masquerade
	}
}`
	config := defaults(t)
	config["passive"] = map[string]any{"ports": "21100", "wait": "10s"}
	config["tls"].(map[string]any)["session_reuse"] = "required"
	p := n.server.serve(t, config.file(t))
	w := wall{n.serverRouter, "nftables", true, hideClients, []string{"--side", "server", "--at", "gateway", "--server", serverV4}}
	w.apply(t, config.file(t), "--mode", "passive")

	const each = 4
	clients := slices.Repeat([]*namespace{n.client, n.clientRouter, n.middle}, each)
	var all sync.WaitGroup
	for _, client := range clients {
		all.Go(func() {
			if err := (errand{tls: true, host: serverV4, port: controlPort}).run(t, client); err != nil {
				t.Errorf("%s: %v", client.name, err)
			}
		})
	}
	all.Wait()
	log := p.said.String()
	if got, want := strings.Count(log, `"mode": "passive", "port": 21100, "tls": true`), 2*len(clients); got != want {
		t.Errorf("%d transfers under TLS over port 21100, want %d", got, want)
	}
	if strings.Contains(log, clientV4) || !strings.Contains(log, `"remote_addr": "203.0.113.1:`) {
		t.Error("the translator does not hide the clients")
	}
	report := n.client.examine(t, serverV4, controlPort)
	checkVerdict(t, report.blocked("passive", true))
	suite.matrix.note(row{"12 clients behind one address", "exact port (one), SNAT, TLS identity", "TLS", "IPv4", "-", "works", "-", verdict(report.blocked("passive", true))})
}

// anyway are the errands in both modes, in clear and under TLS.
func anyway(host string, port int) []errand {
	var all []errand
	for _, active := range []bool{false, true} {
		for _, tls := range []bool{false, true} {
			all = append(all, errand{active: active, tls: tls, host: host, port: port})
		}
	}
	return all
}

func checkVerdict(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the doctor finds %s, want %s", verdict(got), verdict(want))
	}
}
