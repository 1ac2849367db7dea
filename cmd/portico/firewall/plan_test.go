package firewall_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/portalloc"
)

// TestFourCases holds each of the four ways in which a session meets a
// firewall against the one data connection that it needs.
func TestFourCases(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		side          firewall.Side
		mode          firewall.Mode
		inbound       bool
		local, remote string
	}{
		"server, active mode":  {firewall.SideServer, firewall.ModeActive, false, "20", "1024-65535"},
		"server, passive mode": {firewall.SideServer, firewall.ModePassive, true, "21100-21149,21160", ""},
		"client, active mode":  {firewall.SideClient, firewall.ModeActive, true, "1024-65535", "20"},
		"client, passive mode": {firewall.SideClient, firewall.ModePassive, false, "", "21100-21149,21160"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := newPlan(t, firewall.Request{Service: typical(), Side: test.side, Mode: test.mode})
			var data []firewall.Flow
			for _, f := range plan.Flows {
				if f.Kind == firewall.PassiveData || f.Kind == firewall.ActiveData {
					data = append(data, f)
				}
			}
			if len(data) != 1 {
				t.Fatalf("got %d kinds of data connections, want one: %+v", len(data), data)
			}
			got := data[0]
			if got.Inbound != test.inbound || got.LocalPorts.String() != test.local || got.RemotePorts.String() != test.remote {
				t.Errorf("got inbound %v, local ports %v, remote ports %v; want %v, %v, %v",
					got.Inbound, got.LocalPorts, got.RemotePorts, test.inbound, test.local, test.remote)
			}
			if !got.V4 || !got.V6 {
				t.Errorf("IPv4 is %v and IPv6 %v, want both", got.V4, got.V6)
			}
		})
	}
}

func TestModesFollowTheService(t *testing.T) {
	t.Parallel()
	withoutActive, withoutPassive := typical(), typical()
	withoutActive.Active = false
	withoutPassive.Passive = nil
	tests := map[string]struct {
		service firewall.Service
		want    firewall.Mode
	}{
		"both":            {typical(), firewall.ModeBoth},
		"no active mode":  {withoutActive, firewall.ModePassive},
		"no passive mode": {withoutPassive, firewall.ModeActive},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := newPlan(t, firewall.Request{Service: test.service}).Request.Mode; got != test.want {
				t.Errorf("got mode %s, want %s", got, test.want)
			}
		})
	}
}

func TestHelper(t *testing.T) {
	t.Parallel()
	clear, required, implicit := typical(), typical(), typical()
	clear.TLSOffered, clear.Listeners = false, clear.Listeners[:1]
	required.TLSRequired = true
	implicit.Listeners = implicit.Listeners[1:]
	tests := map[string]struct {
		service firewall.Service
		on      bool
		flows   int
		says    string
	}{
		"without TLS it is enough":                {clear, true, 1, ""},
		"with optional TLS the ports stay open":   {typical(), true, 4, "stay open"},
		"it is off where TLS is required":         {required, false, 4, "tls.require"},
		"it is off where all listeners encrypt":   {implicit, false, 3, "implicit_tls"},
		"ports of implicit TLS are not looked at": {typical(), true, 4, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := newPlan(t, firewall.Request{Service: test.service, Helper: true})
			if plan.Helper.On() != test.on || len(plan.Flows) != test.flows {
				t.Errorf("got helper %+v with %d flows, want on %v with %d", plan.Helper, len(plan.Flows), test.on, test.flows)
			}
			if plan.Helper.Ports.Contains(2990) {
				t.Error("the helper is to read a port with implicit TLS")
			}
			if said := strings.Join(plan.Warnings(), "\n"); !strings.Contains(said, test.says) {
				t.Errorf("%q is not said in:\n%s", test.says, said)
			}
		})
	}
}

func TestWrongRequests(t *testing.T) {
	t.Parallel()
	local, withoutActive, withoutPassive := typical(), typical(), typical()
	local.Listeners = []firewall.Listener{{Addr: netip.MustParseAddr("::1"), Port: 21}}
	withoutActive.Active = false
	withoutPassive.Passive = nil
	tests := map[string]struct {
		request firewall.Request
		want    string
	}{
		"side":           {firewall.Request{Service: typical(), Side: "left"}, `--side "left" is unknown: use server or client`},
		"mode":           {firewall.Request{Service: typical(), Mode: "fast"}, `--mode "fast" is unknown`},
		"placement":      {firewall.Request{Service: typical(), At: "sea"}, `--at "sea" is unknown`},
		"no active mode": {firewall.Request{Service: withoutActive, Mode: firewall.ModeActive}, "active.enabled is false"},
		"no passive":     {firewall.Request{Service: withoutPassive, Mode: firewall.ModePassive}, "passive.ports is empty"},
		"own addresses":  {firewall.Request{Service: typical(), Side: firewall.SideClient, Clients: prefixes("10.0.0.0/8")}, "--clients"},
		"only loopback":  {firewall.Request{Service: local}, "loopback"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := firewall.NewPlan(test.request)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWrongTargets(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		request firewall.Request
		target  string
		want    string
	}{
		"unknown":         {firewall.Request{Service: typical()}, "ipchains", "use one of nftables, iptables, ufw"},
		"no client side":  {firewall.Request{Service: typical(), Side: firewall.SideClient}, "docker", "--side client: docker stands in front of servers alone"},
		"no gateway":      {firewall.Request{Service: typical(), At: firewall.AtGateway}, "ufw", "--at gateway"},
		"no replica":      {firewall.Request{Service: sliced()}, "docker", "--replica is missing"},
		"many replicas":   {firewall.Request{Service: sliced(), Servers: prefixes("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")}, "haproxy", "--server names 4 servers, but passive.ports (21100-21105) has room for 3 replicas of 2 ports each"},
		"no server named": {firewall.Request{Service: typical()}, "haproxy", "--server is missing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newPlan(t, test.request).Render(test.target)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestExposed(t *testing.T) {
	t.Parallel()
	tests := map[firewall.Side]string{
		firewall.SideServer: "21100-21149,21160",
		firewall.SideClient: "50000-50009",
	}
	for side, want := range tests {
		request := firewall.Request{Service: typical(), Side: side, ClientPorts: portalloc.PortList{{First: 50000, Last: 50009}}}
		if got := newPlan(t, request).Exposed().String(); got != want {
			t.Errorf("%s: got %s, want %s", side, got, want)
		}
	}
}

func TestListenersOnOneAddressBecomeOneRule(t *testing.T) {
	t.Parallel()
	service := typical()
	service.Listeners = []firewall.Listener{{Port: 2121}, {Port: 2122}, {Port: 21}}
	plan := newPlan(t, firewall.Request{Service: service, Mode: firewall.ModePassive})
	if len(plan.Flows) != 2 || plan.Flows[0].LocalPorts.String() != "21,2121-2122" {
		t.Errorf("got %+v, want one flow for 21,2121-2122 and one for data", plan.Flows)
	}
}
