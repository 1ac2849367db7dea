package firewall

import (
	"fmt"
	"strings"
)

// Warnings say what the chosen mode exposes and what the rules leave open,
// each in one sentence or two.
func (p *Plan) Warnings() []string {
	var warnings []string
	add := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if p.Helper.Off != "" {
		add("--helper is off: %s.", p.Helper.Off)
	}
	if p.Helper.On() && !p.Helper.Alone {
		add("The firewall cannot read sessions that clients encrypt (TLS is offered), so the data ports stay open for them: --helper helps sessions in clear alone.")
	}
	for _, f := range p.Flows {
		if warning := p.exposure(f); warning != "" {
			add("%s", warning)
		}
	}
	if p.Request.Side == SideClient && len(p.Request.Servers) == 0 {
		add("The server's address is not known, so the rules hold for every server: name it with --server.")
	}
	if p.Request.Side == SideServer && p.Request.At == AtGateway && len(p.Request.Servers) == 0 {
		add("The server's address is not known, so the rules hold for every machine behind the gateway: name it with --server.")
	}
	return warnings
}

func (p *Plan) exposure(f Flow) string {
	switch {
	case f.Kind == ActiveData && f.Inbound:
		return fmt.Sprintf("Active mode exposes the clients: whatever listens on TCP %s there can be reached by %s. %sLet the clients use a small range of ports and name it with --client-ports, or use passive mode.",
			spaced(f.LocalPorts), theServer(f), unprivilegedSource(f))
	case f.Kind == ActiveData:
		return fmt.Sprintf("Active mode lets the server's machine connect to TCP %s of %s%s, whichever program it is.",
			spaced(f.RemotePorts), everybody(f), fromPorts(f))
	case f.Kind == PassiveData && f.Inbound:
		return fmt.Sprintf("Passive mode exposes TCP %s to %s. %s", spaced(f.LocalPorts), everybody(f), p.whoHoldsTheRange(f))
	default:
		return ""
	}
}

func theServer(f Flow) string {
	if len(f.Remote) == 0 {
		return "every address of the Internet"
	}
	return strings.Join(addresses(f.Remote), ", ")
}

func everybody(f Flow) string {
	if len(f.Remote) == 0 {
		return "every address"
	}
	return strings.Join(addresses(f.Remote), ", ")
}

func unprivilegedSource(f Flow) string {
	for _, r := range f.RemotePorts {
		if r.Last >= unprivileged().First {
			return "The server's source port keeps no other program there from it; active.source_port: 20 does. "
		}
	}
	return ""
}

func fromPorts(f Flow) string {
	if len(f.LocalPorts) == 0 {
		return ""
	}
	return " from TCP " + spaced(f.LocalPorts)
}

// lazyPorts is the size of a range above which the server binds a port at its
// first use only.
const lazyPorts = 1024

func (p *Plan) whoHoldsTheRange(f Flow) string {
	if p.Request.Service.Passive.Len() > lazyPorts {
		return "The server holds a port of so large a range from its first use only: until then another program can take it, and is exposed too."
	}
	return "While the server runs it holds all of them; while it does not, whatever else listens there is exposed."
}
