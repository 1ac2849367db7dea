package portalloc

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Finding is something about the passive ports that an operator should know
// before clients do.
type Finding struct {
	// Severity says how bad it is.
	Severity Severity
	// Setting is what the finding is about: "ports", "advertised ports" or
	// "open files".
	Setting string
	// Problem says what is wrong, in a sentence.
	Problem string
	// Remedy says what to do, with the line to paste where there is one.
	Remedy string
}

// String returns the finding in one line.
func (f Finding) String() string {
	return fmt.Sprintf("%v: %s: %s: %s", f.Severity, f.Setting, f.Problem, f.Remedy)
}

// Severity says how bad a finding is. Its text form is the one in logs.
type Severity int

const (
	// SeverityNotice is for what is a problem only in some places ("notice").
	SeverityNotice Severity = iota
	// SeverityWarning is for what will fail now and then ("warning").
	SeverityWarning
	// SeverityError is for what cannot work ("error").
	SeverityError
)

// String returns the text form.
func (s Severity) String() string {
	switch s {
	case SeverityNotice:
		return "notice"
	case SeverityWarning:
		return "warning"
	case SeverityError:
		return "error"
	default:
		return fmt.Sprintf("unknown (%d)", int(s))
	}
}

// CheckOptions is what Check looks at.
type CheckOptions struct {
	// Ports and AdvertisedPorts are those of Options.
	Ports, AdvertisedPorts PortList
	// ControlPorts are the ports of the server's own control and other
	// listeners.
	ControlPorts []uint16
	// Sessions is the largest number of sessions expected at one time. Zero:
	// not known, only the ports themselves are counted.
	Sessions int
	// System is what is known of the machine. Nil: ReadSystem is called.
	System *System
}

// Check looks for what would make transfers over the ports fail. It binds and
// changes nothing. The worst findings come first.
func Check(opts CheckOptions) []Finding {
	if opts.System == nil {
		system := ReadSystem()
		opts.System = &system
	}
	if len(opts.AdvertisedPorts) == 0 {
		opts.AdvertisedPorts = opts.Ports
	}
	var findings []Finding
	for _, check := range []func(CheckOptions) (Finding, bool){
		checkControlPorts, checkPrivilegedPorts, checkOpenFiles, checkEphemeralPorts, checkListenGateways, checkAdvertisedGateways, checkNodePorts,
	} {
		if finding, found := check(opts); found {
			findings = append(findings, finding)
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return findings
}

func checkControlPorts(opts CheckOptions) (Finding, bool) {
	taken := opts.Ports.selectPorts(func(port uint16) bool { return slices.Contains(opts.ControlPorts, port) })
	return Finding{
		Severity: SeverityError, Setting: "ports",
		Problem: fmt.Sprintf("%v: one of the server's own listeners is on it too", taken),
		Remedy:  "take it out of the passive ports, or move the listener",
	}, len(taken) > 0
}

func checkPrivilegedPorts(opts CheckOptions) (Finding, bool) {
	first := opts.System.UnprivilegedPortStart
	low := opts.Ports.selectPorts(func(port uint16) bool { return int(port) < first })
	if len(low) == 0 || opts.System.MayBindPrivileged {
		return Finding{}, false
	}
	return Finding{
		Severity: SeverityError, Setting: "ports",
		Problem: fmt.Sprintf("%v: this user may bind ports from %d only", low, first),
		Remedy: fmt.Sprintf("choose higher ports, grant CAP_NET_BIND_SERVICE, or: sysctl -w net.ipv4.ip_unprivileged_port_start=%d",
			low[0].First),
	}, true
}

const (
	// filesPerSession are the control and the data connection, the engine's
	// throw-away socket, the file, and one connection that is being told that
	// there are too many sessions.
	filesPerSession = 5
	// filesOfProcess are for everything else: logs, listeners, the poller,
	// directories being listed, programs being started, and more connections
	// that are being refused.
	filesOfProcess = 164
)

// MostSessions is how many sessions a process that may have so many files open
// can serve beside so many ports, at least 1.
func MostSessions(openFiles uint64, ports int) int {
	taken := uint64(ports + filesOfProcess)
	if openFiles < taken+filesPerSession {
		return 1
	}
	return int(min((openFiles-taken)/filesPerSession, math.MaxInt32))
}

func checkOpenFiles(opts CheckOptions) (Finding, bool) {
	needed := uint64(opts.Ports.Len() + len(opts.ControlPorts) + opts.Sessions*filesPerSession + filesOfProcess)
	limit := opts.System.OpenFiles
	return Finding{
		Severity: SeverityWarning, Setting: "open files",
		Problem: fmt.Sprintf("the limit is %d, but %d ports and %d sessions need about %d", limit, opts.Ports.Len(), opts.Sessions, needed),
		Remedy:  fmt.Sprintf("LimitNOFILE=%d in the systemd unit, or before the start: ulimit -n %d", needed, needed),
	}, limit > 0 && needed > limit
}

// checkEphemeralPorts finds ports that the kernel gives to outgoing
// connections: one that has been given away cannot be bound.
func checkEphemeralPorts(opts CheckOptions) (Finding, bool) {
	s := opts.System
	stealable := opts.Ports.selectPorts(func(port uint16) bool {
		return PortList{s.EphemeralPorts}.Contains(port) && !s.ReservedPorts.Contains(port)
	})
	if s.EphemeralPorts == (PortRange{}) || len(stealable) == 0 {
		return Finding{}, false
	}
	// The setting replaces the list, so the line must repeat what is in it.
	reserve := slices.Concat(slices.Collect(s.ReservedPorts.All()), slices.Collect(stealable.All()))
	return Finding{
		Severity: SeverityWarning, Setting: "ports",
		Problem: fmt.Sprintf("%v: the kernel uses %v for outgoing connections, and one of them may hold a port when the server wants to bind it",
			stealable, s.EphemeralPorts),
		Remedy: fmt.Sprintf("choose ports outside, or: sysctl -w net.ipv4.ip_local_reserved_ports=%v", portListOf(reserve)),
	}, true
}

func checkListenGateways(opts CheckOptions) (Finding, bool) {
	return checkGateways("ports", opts.Ports)
}

func checkAdvertisedGateways(opts CheckOptions) (Finding, bool) {
	if slices.Equal(opts.AdvertisedPorts, opts.Ports) {
		return Finding{}, false
	}
	return checkGateways("advertised ports", opts.AdvertisedPorts)
}

func checkGateways(setting string, ports PortList) (Finding, bool) {
	mistreated := ports.selectPorts(func(port uint16) bool { return gatewayProtocol(port) != "" })
	if len(mistreated) == 0 {
		return Finding{}, false
	}
	var names string
	for port := range mistreated.All() {
		names += fmt.Sprintf(", %d (%s)", port, gatewayProtocol(port))
	}
	return Finding{
		Severity: SeverityWarning, Setting: setting,
		Problem: fmt.Sprintf("%s: routers and firewalls look into connections to it, and may change or cut them", names[2:]),
		Remedy:  "take it out of the range",
	}, true
}

// gatewayProtocol names the protocol whose application-level gateway takes a
// TCP port for its own by default, "" for nearly every port. Such a gateway
// rewrites what looks like addresses to it, and resets what does not parse.
func gatewayProtocol(port uint16) string {
	switch port {
	case 21:
		return "FTP control" // data on it would be parsed for PORT and 227
	case 554:
		return "RTSP" // home routers
	case 1521:
		return "Oracle SQL*Net" // firewalls of data centres follow its redirects
	case 1720:
		return "H.323" // nf_conntrack_h323, and firewalls of offices
	case 1723:
		return "PPTP" // nf_conntrack_pptp, and nearly every home router
	case 2000:
		return "SCCP" // firewalls of offices with IP telephones
	case 5060:
		return "SIP" // nf_conntrack_sip, and nearly every home router
	case 5061:
		return "SIP over TLS" // not rewritten, but often blocked along with 5060
	case 6566:
		return "SANE" // nf_conntrack_sane
	case 6667:
		return "IRC" // nf_conntrack_irc rewrites DCC offers
	default:
		return ""
	}
}

// checkNodePorts finds ports that Kubernetes gives to Services by default: on a
// node, or in a Pod with host networking, kube-proxy may answer for them.
func checkNodePorts(opts CheckOptions) (Finding, bool) {
	nodePorts := PortList{{30000, 32767}}
	inside := opts.Ports.selectPorts(nodePorts.Contains)
	return Finding{
		Severity: SeverityNotice, Setting: "ports",
		Problem: fmt.Sprintf("%v: Kubernetes gives %v to Services, which would hide the server's ports on a node or with hostNetwork",
			inside, nodePorts),
		Remedy: "choose ports outside, unless this is a Pod behind a NodePort Service of the same ports",
	}, len(inside) > 0
}

// selectPorts returns the ports of the list that the function accepts.
func (l PortList) selectPorts(accept func(uint16) bool) PortList {
	var ports []uint16
	for port := range l.All() {
		if accept(port) {
			ports = append(ports, port)
		}
	}
	return portListOf(ports)
}
