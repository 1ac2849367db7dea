package portalloc

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestPeerPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, policy, client, peers string
	}{
		{"exact holds an IPv4 client to its address", "exact", "203.0.113.5", "203.0.113.5/32"},
		{"exact holds an IPv6 client to its address", "exact", "2001:db8::5", "2001:db8::5/128"},
		{"a mapped client is an IPv4 client", "exact", "::ffff:203.0.113.5", "203.0.113.5/32"},
		{"a zone does not count", "exact", "fe80::1%eth0", "fe80::1/128"},
		{"any accepts all of the client's family", "any", "203.0.113.5", "0.0.0.0/0"},
		{"any accepts all of IPv6 for an IPv6 client", "any", "2001:db8::5", "::/0"},
		{"a client of a network may come from all of it", "100.64.0.0/10", "100.100.1.1", "100.64.0.0/10"},
		{"a client of no network is held to its address", "100.64.0.0/10", "203.0.113.5", "203.0.113.5/32"},
		{"the first network counts", "10.1.0.0/16,10.0.0.0/8", "10.1.2.3", "10.1.0.0/16"},
		{"the second network counts for the rest", "10.1.0.0/16, 10.0.0.0/8", "10.2.2.3", "10.0.0.0/8"},
		{"host bits do not count", "10.1.2.3/8", "10.9.9.9", "10.0.0.0/8"},
		{"a mapped network is an IPv4 network", "::ffff:10.0.0.0/104", "10.9.9.9", "10.0.0.0/8"},
		{"an IPv6 network", "2001:db8::/32", "2001:db8:1::1", "2001:db8::/32"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var policy PeerPolicy
			if err := policy.UnmarshalText([]byte(test.policy)); err != nil {
				t.Fatal(err)
			}
			if got := policy.Peers(netip.MustParseAddr(test.client)); got.String() != test.peers {
				t.Errorf("peers %v; want %v", got, test.peers)
			}
		})
	}
}

func TestPeerPolicyText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "exact", "exact": "exact", "any": "any", "10.0.0.0/8, 2001:db8::/32": "10.0.0.0/8,2001:db8::/32",
	} {
		policy := PeerPolicy{Any: true}
		if err := policy.UnmarshalText([]byte(in)); err != nil || policy.String() != want {
			t.Errorf("%q reads as %v, %v; want %q", in, policy, err, want)
		}
		if text, err := policy.MarshalText(); err != nil || string(text) != want {
			t.Errorf("%q is written %q, %v; want %q", in, text, err, want)
		}
	}
	for _, in := range []string{"all", "10.0.0.5", "10.0.0.0/33", "10.0.0.0/8,", "exact,any"} {
		var policy PeerPolicy
		if err := policy.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q reads as %v; want an error", in, policy)
		}
	}
}

func TestSharingText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Sharing{"": SharingAuto, "auto": SharingAuto, "exclusive": SharingExclusive} {
		sharing := Sharing(-1)
		if err := sharing.UnmarshalText([]byte(in)); err != nil || sharing != want {
			t.Errorf("%q reads as %v, %v; want %v", in, sharing, err, want)
		}
		text, err := want.MarshalText()
		if err != nil || (in != "" && string(text) != in) {
			t.Errorf("%v is written %q, %v", want, text, err)
		}
	}
	var sharing Sharing
	if err := sharing.UnmarshalText([]byte("Auto")); err == nil {
		t.Errorf(`"Auto" reads as %v; want an error`, sharing)
	}
	if got := Sharing(7).String(); got != "unknown (7)" {
		t.Errorf("String of an unknown value is %q", got)
	}
}

func TestNewRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts Options
		want []string // words of the error
	}{
		"no ports":                 {Options{}, []string{"Options.Ports", "empty"}},
		"port 0":                   {Options{Ports: PortList{{0, 3}}}, []string{"Options.Ports", "0-3"}},
		"a range backwards":        {Options{Ports: PortList{{9, 8}, {10, 20}}}, []string{"Options.Ports", "9-8"}},
		"overlap":                  {Options{Ports: PortList{{9, 12}, {10, 20}}}, []string{"Options.Ports", "overlap"}},
		"too few advertised ports": {Options{Ports: PortList{{9, 12}}, AdvertisedPorts: PortList{{1, 3}}}, []string{"3 advertised", "4 listen"}},
		"an advertised port twice": {Options{Ports: PortList{{9, 10}}, AdvertisedPorts: PortList{{1, 1}, {1, 1}}}, []string{"AdvertisedPorts", "overlap"}},
		"proxies without a reader": {Options{Ports: PortList{{9, 9}}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, []string{"Unproxy"}},
		"all faults at once":       {Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, []string{"Unproxy", "empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newFakeNet()
			test.opts.Listen = n.listen
			a, err := New(test.opts)
			if err == nil {
				a.Close()
				t.Fatal("New succeeds; want an error")
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error %q does not name %q", err, word)
				}
			}
			if bound := n.bound(); bound.Len() > 0 {
				t.Errorf("ports %v are still bound", bound)
			}
		})
	}
}

func TestNewBindsAllPortsOrNone(t *testing.T) {
	t.Parallel()
	n := newFakeNet()
	n.taken[12] = true
	a, err := New(Options{Ports: PortList{{10, 14}}, Listen: n.listen})
	if err == nil {
		a.Close()
		t.Fatal("New succeeds; want an error")
	}
	if !strings.Contains(err.Error(), "port 12") {
		t.Errorf("the error %q does not name port 12", err)
	}
	if bound := n.bound(); bound.Len() > 0 {
		t.Errorf("ports %v are still bound", bound)
	}
}

func TestDefaultListenIsDualStack(t *testing.T) {
	t.Parallel()
	probe, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback:", err)
	}
	probe.Close()
	l, err := listenEverywhere(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(host), port).String())
		if err != nil {
			t.Errorf("connect to %s: %v", host, err)
			continue
		}
		conn.Close()
	}
}
