package main

import (
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
)

func TestFirewallPrintsRulesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", `
listeners: [{address: ":2121"}, {address: ":2990", implicit_tls: true}, {address: "127.0.0.1:2222"}]
passive: {ports: "21100-21103", advertised_ports: "31100-31103", public_address: 203.0.113.5}
active: {source_port: 20}
tls: {self_signed: true, require: login}
`)
	tests := map[string]struct {
		args []string
		want []string
		not  string
	}{
		"server":   {nil, []string{"tcp dport 2121 ", "tcp dport 2990 ", "tcp dport 21100-21103 ", "tcp sport 20 tcp dport 1024-65535 "}, "2222"},
		"client":   {[]string{"--side", "client"}, []string{"The server is 203.0.113.5.", "ip daddr 203.0.113.5 tcp dport 31100-31103 ", "ip saddr 203.0.113.5 tcp sport 20 "}, "21100"},
		"ports":    {[]string{"--side", "client", "--client-ports", "50000-50009"}, []string{"tcp sport 20 tcp dport 50000-50009 "}, "1024"},
		"gateway":  {[]string{"--at", "gateway", "--server", "10.0.0.5", "--clients", "198.51.100.0/24"}, []string{"hook forward", "ip saddr 198.51.100.0/24 ip daddr 10.0.0.5 tcp dport 2121 "}, "portico-in"},
		"helper":   {[]string{"--helper"}, []string{"--helper is off: tls.require"}, "ct helper"},
		"passive":  {[]string{"--mode", "passive"}, []string{"tcp dport 21100-21103 "}, "tcp sport 20"},
		"override": {[]string{"--passive-ports", "21110-21113"}, []string{"tcp dport 21110-21113 "}, "21100"},
		"resolved": {[]string{"--side", "client", "--server", "localhost"}, []string{"The server is localhost.", "ip daddr 127.0.0.1 tcp dport 2121 "}, "203.0.113.5"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, "", nil, append([]string{"firewall", "--for", "nftables", "--config", file}, test.args...)...)
			o.want(t, 0, test.want...)
			if strings.Contains(o.stdout, test.not) {
				t.Errorf("%q is in:\n%s", test.not, o.stdout)
			}
		})
	}
}

// What stands in front of all replicas lets through the ports of all of them.
func TestFirewallOfReplicas(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", `
passive: {ports: "21100-21105", advertised_ports: "31100-31105", slice: auto, slice_ports: 2}
`)
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"all":             {nil, 0, "tcp dport 21100-21105 "},
		"one":             {[]string{"--replica", "1"}, 0, "tcp dport 21102-21103 "},
		"one, outside":    {[]string{"--replica", "1", "--side", "client"}, 0, "tcp dport 31102-31103 "},
		"no such replica": {[]string{"--replica", "3"}, 1, "passive.slice: the replica of ordinal 3 has no ports"},
		"no ordinal":      {[]string{"--replica", "-2"}, 1, "--replica -2: no replica has such an ordinal"},
		"the only server": {[]string{"--replica", "0", "--config", writeFile(t, "one.yaml", "banner: hello")}, 1, "--replica 0: passive.slice is not set"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execute(t, "", nil, append([]string{"firewall", "--for", "nftables", "--config", file}, test.args...)...).want(t, test.code, test.want)
		})
	}
}

func TestFirewallSourcePorts(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"auto":      "tcp sport { 20, 1024-65535 } tcp dport",
		"ephemeral": "tcp sport 1024-65535 tcp dport",
		"989":       "tcp sport 989 tcp dport",
	} {
		execute(t, "", []string{"PORTICO_ACTIVE_SOURCE_PORT=" + setting}, "firewall", "--for", "nftables").want(t, 0, want)
	}
}

func TestFirewallRefusesWrongRequests(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"no target":      {nil, "--for is missing: name one of nftables, iptables"},
		"unknown target": {[]string{"--for", "ipfw"}, `--for "ipfw" is unknown: use one of nftables, iptables`},
		"unknown side":   {[]string{"--for", "ufw", "--side", "outer"}, `--side "outer" is unknown`},
		"unknown name":   {[]string{"--for", "ufw", "--side", "client", "--server", "portico.invalid"}, "--server portico.invalid"},
		"wrong network":  {[]string{"--for", "ufw", "--clients", "10.0.0.0/99"}, `--clients: "10.0.0.0/99" is neither`},
		"wrong ports":    {[]string{"--for", "ufw", "--client-ports", "9-1"}, "--client-ports: ports"},
		"wrong settings": {[]string{"--for", "ufw", "--passive-ports", "0"}, "passive.ports"},
		"diff of ufw":    {[]string{"--for", "ufw", "--diff"}, "--diff: rules of ufw cannot be read back"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execute(t, "", nil, append([]string{"firewall"}, test.args...)...).want(t, 1, test.want)
		})
	}
}

func TestFirewallHelpNamesEveryTarget(t *testing.T) {
	t.Parallel()
	execute(t, "", nil, "help", "firewall").want(t, 0, firewall.TargetNames()...)
}

func TestFirewallTellsWhatListensNow(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell")
	}
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	o := execute(t, "", nil, "firewall", "--for", "nftables", "--passive-ports", port)
	o.want(t, 0)
	if !strings.Contains(o.stderr, "TCP "+port+", held by ") || strings.Contains(o.stdout, "held by") {
		t.Errorf("standard error does not tell of port %s, or the rules do:\n%s%s", port, o.stderr, o.stdout)
	}
}
