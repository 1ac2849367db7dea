package firewall_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/portalloc"
)

// goldenCase is a plan whose rules are kept in testdata for some targets.
type goldenCase struct {
	name    string
	targets []string
	request firewall.Request
}

func goldenCases() []goldenCase {
	server := firewall.Request{Service: typical(), Servers: prefixes("10.0.0.5", "10.0.0.6")}
	client := firewall.Request{Service: typical(), Side: firewall.SideClient, ServerName: "ftp.example.org", Servers: prefixes("203.0.113.5", "2001:db8::5")}
	clear := typical()
	clear.TLSOffered, clear.Listeners = false, clear.Listeners[:1]
	return []goldenCase{
		{"server", firewall.TargetNames(), server},
		{"client", clientTargets(), client},
		{"helper", []string{"nftables", "iptables", "ufw", "firewalld", "windows", "pf"}, firewall.Request{Service: clear, Helper: true}},
		{"helper-client", []string{"nftables", "iptables"}, firewall.Request{Service: clear, Side: firewall.SideClient, Helper: true, Servers: prefixes("203.0.113.5")}},
		{"gateway", []string{"nftables", "iptables"}, firewall.Request{Service: typical(), At: firewall.AtGateway, Servers: prefixes("10.0.0.5"), Clients: prefixes("198.51.100.0/24", "2001:db8:1::/48")}},
		{"mapped", []string{"nftables", "kubernetes", "docker", "haproxy", "nginx-stream"}, firewall.Request{Service: mapped(), Servers: prefixes("10.0.0.5", "2001:db8::6"), Mode: firewall.ModePassive}},
		{"mapped-client", []string{"nftables"}, firewall.Request{Service: mapped(), Side: firewall.SideClient, Mode: firewall.ModePassive}},
		{"sliced", []string{"nftables", "kubernetes", "haproxy", "nginx-stream"}, firewall.Request{Service: sliced(), Servers: prefixes("10.0.0.7", "10.0.0.5"), Mode: firewall.ModePassive}},
		{"replica", []string{"nftables", "docker", "docker-compose"}, firewall.Request{Service: secondReplica(), Mode: firewall.ModePassive}},
		{"addresses", []string{"nftables", "iptables", "ufw", "firewalld", "windows", "azure", "gcp"}, firewall.Request{Service: bound()}},
	}
}

// typical has a bit of everything.
func typical() firewall.Service {
	return firewall.Service{
		Listeners:   []firewall.Listener{{Port: 2121}, {Port: 2990, ImplicitTLS: true}},
		Passive:     portalloc.PortList{{First: 21100, Last: 21149}, {First: 21160, Last: 21160}},
		Active:      true,
		SourcePorts: portalloc.PortList{{First: 20, Last: 20}},
		TLSOffered:  true,
	}
}

// mapped stands behind a load balancer with other ports.
func mapped() firewall.Service {
	return firewall.Service{
		Listeners:   []firewall.Listener{{Port: 2121, Proxies: prefixes("10.0.0.0/8")}},
		Passive:     portalloc.PortList{{First: 21100, Last: 21102}, {First: 21110, Last: 21110}},
		Advertised:  portalloc.PortList{{First: 31100, Last: 31102}, {First: 21110, Last: 21110}},
		Active:      true,
		SourcePorts: portalloc.PortList{{First: 1024, Last: 65535}},
		TLSOffered:  true,
		TLSRequired: true,
	}
}

// sliced are three replicas with two ports each, of which those behind the load
// balancer have other numbers for the last.
func sliced() firewall.Service {
	s := mapped()
	s.Passive = portalloc.PortList{{First: 21100, Last: 21105}}
	s.Advertised = portalloc.PortList{{First: 21100, Last: 21102}, {First: 31103, Last: 31105}}
	s.SlicePorts = 2
	return s
}

func secondReplica() firewall.Service {
	s := mapped()
	s.Passive, s.Advertised, s.Replica = portalloc.PortList{{First: 21102, Last: 21103}}, nil, "1"
	return s
}

// bound has listeners on addresses, one of them of no interest to a firewall.
func bound() firewall.Service {
	return firewall.Service{
		Listeners: []firewall.Listener{
			{Addr: netip.MustParseAddr("192.0.2.10"), Port: 21},
			{Addr: netip.MustParseAddr("192.0.2.11"), Port: 21},
			{Addr: netip.MustParseAddr("127.0.0.1"), Port: 2121},
		},
		Passive:     portalloc.PortList{{First: 21100, Last: 21109}},
		Active:      true,
		SourcePorts: portalloc.PortList{{First: 20, Last: 20}, {First: 1024, Last: 65535}},
	}
}

func clientTargets() []string {
	return []string{"nftables", "iptables", "ufw", "firewalld", "pf", "windows", "aws", "aws-terraform", "gcp", "azure", "kubernetes"}
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
		} else {
			all = append(all, netip.MustParsePrefix(text))
		}
	}
	return all
}

func TestRenderedRules(t *testing.T) {
	t.Parallel()
	for _, c := range goldenCases() {
		for _, target := range c.targets {
			t.Run(c.name+" "+target, func(t *testing.T) {
				t.Parallel()
				got := render(t, c.request, target)
				file := filepath.Join("testdata", target+"."+c.name+".golden")
				if updating() {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("%v: go test -update writes it", err)
				}
				if got != string(want) {
					t.Errorf("%s differs; go test -update renews it. Got:\n%s", file, got)
				}
			})
		}
	}
}

func TestEveryTargetHasGoldenFiles(t *testing.T) {
	t.Parallel()
	for _, target := range firewall.TargetNames() {
		if updating() {
			t.Skip("they are being written")
		}
		if _, err := os.Stat(filepath.Join("testdata", target+".server.golden")); err != nil {
			t.Error(err)
		}
	}
}

func render(t *testing.T, r firewall.Request, target string) string {
	t.Helper()
	rules, err := newPlan(t, r).Render(target)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func newPlan(t *testing.T, r firewall.Request) *firewall.Plan {
	t.Helper()
	plan, err := firewall.NewPlan(r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func updating() bool { return flag.Lookup("update").Value.String() == "true" }
