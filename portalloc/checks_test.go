package portalloc

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"
)

// plainSystem is a Linux machine as it comes.
func plainSystem() *System {
	return &System{EphemeralPorts: PortRange{32768, 60999}, UnprivilegedPortStart: 1024, OpenFiles: 524288}
}

func TestDefaultRangeHasNoFindings(t *testing.T) {
	t.Parallel()
	opts := CheckOptions{Ports: mustPorts(t, "21100-21199"), ControlPorts: []uint16{2121}, Sessions: 1000, System: plainSystem()}
	for _, finding := range Check(opts) {
		t.Error(finding)
	}
}

func TestCheckFinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ports  string
		change func(*CheckOptions)
		want   []Finding // words that each finding's parts contain
	}{
		"ports that outgoing connections take": {
			"32760-32770", nil,
			[]Finding{
				{SeverityWarning, "ports", "32768-32770", "sysctl -w net.ipv4.ip_local_reserved_ports=32768-32770"},
				{SeverityNotice, "ports", "32760-32767", "NodePort"},
			},
		},
		"that what is reserved already must stay so": {
			"40000-40001", func(o *CheckOptions) { o.System.ReservedPorts = PortList{{50000, 50000}, {8080, 8080}} },
			[]Finding{{SeverityWarning, "ports", "40000-40001", "ip_local_reserved_ports=8080,40000-40001,50000"}},
		},
		"nothing where they are reserved": {
			"40000-40001", func(o *CheckOptions) { o.System.ReservedPorts = PortList{{39999, 40002}} }, nil,
		},
		"those alone that are not reserved": {
			"40000-40003", func(o *CheckOptions) { o.System.ReservedPorts = PortList{{40001, 40002}} },
			[]Finding{{SeverityWarning, "ports", "40000,40003:", "=40000-40003"}},
		},
		"ports of Kubernetes Services": {
			"29990-30010", nil, []Finding{{SeverityNotice, "ports", "30000-30010", "NodePort"}},
		},
		"ports that gateways rewrite": {
			"1999-2001,5060-5061", nil, []Finding{{SeverityWarning, "ports", "2000 (SCCP), 5060 (SIP), 5061", "range"}},
		},
		"such ports that clients are told": {
			"21100", func(o *CheckOptions) { o.AdvertisedPorts = PortList{{1720, 1720}} },
			[]Finding{{SeverityWarning, "advertised ports", "1720 (H.323)", "range"}},
		},
		"a control port in the range": {
			"2100-2199", func(o *CheckOptions) { o.ControlPorts = []uint16{2121, 990} },
			[]Finding{{SeverityError, "ports", "2121", "move"}},
		},
		"ports that this user may not bind": {
			"1000-1030", nil,
			[]Finding{{SeverityError, "ports", "1000-1023", "sysctl -w net.ipv4.ip_unprivileged_port_start=1000"}},
		},
		"no such ports for those who may": {
			"1000-1030", func(o *CheckOptions) { o.System.MayBindPrivileged = true }, nil,
		},
		"too few open files": {
			"21100-21199", func(o *CheckOptions) { o.System.OpenFiles, o.Sessions = 1024, 500 },
			[]Finding{{SeverityWarning, "open files", "1024", "ulimit -n 2764"}},
		},
		"enough open files": {
			"21100-21199", func(o *CheckOptions) { o.System.OpenFiles, o.Sessions = 2764, 500 }, nil,
		},
		"nothing where nothing is known": {
			"999,40000", func(o *CheckOptions) { o.System = &System{} }, nil,
		},
		"the worst first": {
			"1023,30000,50000", nil,
			[]Finding{{Severity: SeverityError}, {Severity: SeverityWarning}, {Severity: SeverityNotice}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := CheckOptions{Ports: mustPorts(t, test.ports), System: plainSystem()}
			if test.change != nil {
				test.change(&opts)
			}
			got := Check(opts)
			if len(got) != len(test.want) {
				t.Fatalf("findings %v; want %d", got, len(test.want))
			}
			for i, want := range test.want {
				if got[i].Severity != want.Severity || !strings.Contains(got[i].Setting, want.Setting) ||
					!strings.Contains(got[i].Problem+":", want.Problem) || !strings.Contains(got[i].Remedy, want.Remedy) {
					t.Errorf("finding %d is %q; want %q", i, got[i], want)
				}
			}
		})
	}
}

func TestCheckOfThisMachine(t *testing.T) {
	t.Parallel()
	// Whatever the machine is: a control port in the range is always found.
	findings := Check(CheckOptions{Ports: mustPorts(t, "21100-21199"), ControlPorts: []uint16{21150}})
	if len(findings) == 0 || findings[0].Severity != SeverityError {
		t.Errorf("findings %v; want the control port", findings)
	}
}

func TestEveryGatewayPortHasAName(t *testing.T) {
	t.Parallel()
	var all []string
	for port := range mustPorts(t, "1-65535").All() {
		if gatewayProtocol(port) != "" {
			all = append(all, PortRange{port, port}.String())
		}
	}
	if got, want := strings.Join(all, ","), "21,554,1521,1720,1723,2000,5060,5061,6566,6667"; got != want {
		t.Errorf("gateways take %s; want %s", got, want)
	}
}

func TestSeverityText(t *testing.T) {
	t.Parallel()
	for severity, want := range map[Severity]string{
		SeverityNotice: "notice", SeverityWarning: "warning", SeverityError: "error", 9: "unknown (9)",
	} {
		if got := severity.String(); got != want {
			t.Errorf("severity %d is %q; want %q", int(severity), got, want)
		}
	}
}

func TestReadProc(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	limits := "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             63470                63470                processes \n" +
		"Max open files            1024                 524288               files     \n"
	for name, test := range map[string]struct {
		proc fstest.MapFS
		want System
	}{
		"nothing": {fstest.MapFS{}, System{}},
		"a machine as it comes": {
			fstest.MapFS{
				"sys/net/ipv4/ip_local_port_range":        file("32768\t60999\n"),
				"sys/net/ipv4/ip_local_reserved_ports":    file("\n"),
				"sys/net/ipv4/ip_unprivileged_port_start": file("1024\n"),
				"self/limits": file(limits),
				"self/status": file("Name:\tportico\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"),
				"sys/net/ipv4/ip_local_port_range.ignored": file("1\t2\n"),
			},
			System{EphemeralPorts: PortRange{32768, 60999}, UnprivilegedPortStart: 1024, OpenFiles: 1024},
		},
		"a tuned one": {
			fstest.MapFS{
				"sys/net/ipv4/ip_local_port_range":        file("1024\t65535\n"),
				"sys/net/ipv4/ip_local_reserved_ports":    file("8080,21100-21199\n"),
				"sys/net/ipv4/ip_unprivileged_port_start": file("0\n"),
				"self/limits": file("Max open files            unlimited            unlimited            files     \n"),
				"self/status": file("CapEff:\t0000000000000400\n"),
			},
			System{
				EphemeralPorts: PortRange{1024, 65535}, ReservedPorts: PortList{{8080, 8080}, {21100, 21199}},
				MayBindPrivileged: true,
			},
		},
		"root": {
			fstest.MapFS{"self/status": file("CapEff:\t000001ffffffffff\n")}, System{MayBindPrivileged: true},
		},
		"nonsense": {
			fstest.MapFS{
				"sys/net/ipv4/ip_local_port_range":     file("many\n"),
				"sys/net/ipv4/ip_local_reserved_ports": file("?\n"),
				"self/status":                          file("CapEff:\n"),
				"self/limits":                          file("Max open files"),
			},
			System{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readProc(test.proc)
			if got.ReservedPorts.String() != test.want.ReservedPorts.String() {
				t.Errorf("reserved %v; want %v", got.ReservedPorts, test.want.ReservedPorts)
			}
			got.ReservedPorts, test.want.ReservedPorts = nil, nil
			if got.EphemeralPorts != test.want.EphemeralPorts || got.UnprivilegedPortStart != test.want.UnprivilegedPortStart ||
				got.MayBindPrivileged != test.want.MayBindPrivileged || got.OpenFiles != test.want.OpenFiles {
				t.Errorf("read %+v; want %+v", got, test.want)
			}
		})
	}
}

func TestMostSessions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		openFiles uint64
		ports     int
		want      int
	}{{2764, 100, 500}, {2768, 100, 500}, {2769, 100, 501}, {269, 100, 1}, {268, 100, 1}, {0, 5000, 1}, {1 << 62, 1, math.MaxInt32}} {
		if got := MostSessions(test.openFiles, test.ports); got != test.want {
			t.Errorf("%d files, %d ports: %d, want %d", test.openFiles, test.ports, got, test.want)
		}
	}
}
