package firewall

import (
	"fmt"
	"slices"

	"github.com/portico-ftp/portico/portalloc"
)

// Listening is a run of TCP ports on which some program of this machine waits
// for connections from others.
type Listening struct {
	// Ports are the ports, sorted.
	Ports portalloc.PortList
	// Program is its name and process, "" where the system does not tell.
	Program string
}

// String returns "TCP 21100-21103, held by nginx (pid 123)".
func (l Listening) String() string {
	if l.Program == "" {
		return fmt.Sprintf("TCP %s, held by programs that the system does not name to this user", spaced(l.Ports))
	}
	return fmt.Sprintf("TCP %s, held by %s", spaced(l.Ports), l.Program)
}

// byProgram puts the ports of each program together, in the order of its first.
func byProgram(ports []uint16, program func(uint16) string) []Listening {
	var all []Listening
	for _, port := range ports {
		name := program(port)
		i := slices.IndexFunc(all, func(l Listening) bool { return l.Program == name })
		if i < 0 {
			i = len(all)
			all = append(all, Listening{Program: name})
		}
		all[i].Ports = normalPorts(append(all[i].Ports, portalloc.PortRange{First: port, Last: port}))
	}
	return all
}

// Exposed are the ports that the plan's data connections may reach on the
// machine that the firewall protects.
func (p *Plan) Exposed() portalloc.PortList {
	var ports portalloc.PortList
	for _, f := range p.inbound() {
		if f.Kind == PassiveData || f.Kind == ActiveData {
			ports = append(ports, f.LocalPorts...)
		}
	}
	return normalPorts(ports)
}
