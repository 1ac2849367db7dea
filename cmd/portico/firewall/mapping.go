package firewall

import "github.com/portico-ftp/portico/portalloc"

// portMapping maps a run of advertised ports to one of ports that the server
// listens on, of the same length.
type portMapping struct {
	outside, inside portalloc.PortRange
}

// offset is what is added to a port outside.
func (m portMapping) offset() int { return int(m.inside.First) - int(m.outside.First) }

// mappings are the fewest mappings of the passive ports, in their order.
func (s Service) mappings() []portMapping {
	inside, outside := allPorts(s.Passive), allPorts(s.advertised())
	var all []portMapping
	for i := range inside {
		if n := len(all); n > 0 && inside[i] == all[n-1].inside.Last+1 && outside[i] == all[n-1].outside.Last+1 {
			all[n-1].inside.Last++
			all[n-1].outside.Last++
			continue
		}
		all = append(all, portMapping{
			outside: portalloc.PortRange{First: outside[i], Last: outside[i]},
			inside:  portalloc.PortRange{First: inside[i], Last: inside[i]},
		})
	}
	return all
}
