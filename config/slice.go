package config

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// Slice says which slice of the passive ports a server owns that is one of
// several replicas: "" all of them, a number the slice of the replica with that
// ordinal, "auto" that of the ordinal which its surroundings tell.
type Slice string

var _ encoding.TextUnmarshaler = (*Slice)(nil)

// SliceAuto takes the ordinal from the environment variable POD_INDEX, or else
// from the end of the host name, a dash and a number.
const SliceAuto Slice = "auto"

// OrdinalVariable is where a pod finds the label apps.kubernetes.io/pod-index,
// if its manifest has the downward API put it there.
const OrdinalVariable = "POD_INDEX"

// Ordinal returns the number, and false for "" and "auto".
func (s Slice) Ordinal() (int, bool) {
	n, err := strconv.ParseUint(string(s), 10, 31)
	return int(n), err == nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Slice) UnmarshalText(text []byte) error {
	parsed := Slice(text)
	if err := parsed.check(); err != nil {
		return err
	}
	*s = parsed
	return nil
}

func (s Slice) check() error {
	if _, isNumber := s.Ordinal(); isNumber || s == "" || s == SliceAuto {
		return nil
	}
	return fmt.Errorf("%q is no slice: write auto, the ordinal of this replica (0 for the first), or nothing", string(s))
}

// Replica is one of several servers that have the same configuration, and a
// slice of the passive ports each.
type Replica struct {
	// Ordinal tells which one, from 0.
	Ordinal int
	// Ports are the passive ports of all replicas.
	Ports portalloc.PortList
	// Size is how many of them each replica owns, and Room for how many replicas
	// that is enough.
	Size, Room int
	// Rest are the ports at the end that make up no whole slice: they are
	// nobody's.
	Rest portalloc.PortList
}

// KeepSlice leaves of Passive.Ports and AdvertisedPorts what this process owns,
// and says which replica it is: nil, and all ports stay, without Passive.Slice.
// PodIndex is the value of OrdinalVariable, empty if it is not set. The error is a
// Fault. The configuration must be a valid one.
func (c *Config) KeepSlice(podIndex, hostName string) (*Replica, error) {
	p := &c.Passive
	if p.Slice == "" {
		return nil, nil
	}
	ordinal, problem := p.ordinal(podIndex, hostName)
	if problem == "" {
		problem = p.misfit(ordinal)
	}
	if problem != "" {
		return nil, &Fault{Source: c.Source("passive.slice"), Key: "passive.slice", Problem: problem}
	}
	from := ordinal * p.SlicePorts
	replica := &Replica{
		Ordinal: ordinal, Ports: p.Ports, Size: p.SlicePorts, Room: p.room(),
		Rest: p.Ports.Slice(p.room()*p.SlicePorts, p.Ports.Len()),
	}
	p.Ports = p.Ports.Slice(from, from+p.SlicePorts)
	p.AdvertisedPorts = p.AdvertisedPorts.Slice(from, from+p.SlicePorts)
	return replica, nil
}

// ordinal is that of the replica, or says why there is none.
func (p Passive) ordinal(podIndex, hostName string) (ordinal int, problem string) {
	if n, isNumber := p.Slice.Ordinal(); isNumber {
		return n, ""
	}
	if podIndex != "" {
		n, isNumber := Slice(podIndex).Ordinal()
		if !isNumber {
			return 0, fmt.Sprintf("auto takes the ordinal from the environment variable %s, which is %q: set it to the label apps.kubernetes.io/pod-index of the pod, or write the ordinal here", OrdinalVariable, podIndex)
		}
		return n, ""
	}
	// Without a dash it might be the random name of a container: 3f9a1c84e7d2.
	label, _, _ := strings.Cut(hostName, ".")
	if n, isNumber := Slice(label[strings.LastIndex(label, "-")+1:]).Ordinal(); isNumber && strings.Contains(label, "-") {
		return n, ""
	}
	return 0, fmt.Sprintf("auto finds no ordinal: the host name %q does not end in a dash and a number (portico-0), as those of a StatefulSet's pods do, and the environment variable %s is not set: set it, or write the ordinal here", hostName, OrdinalVariable)
}

// misfit says why there are no ports for the replica of an ordinal.
func (p Passive) misfit(ordinal int) (problem string) {
	if room := p.room(); ordinal >= room {
		return fmt.Sprintf("the replica of ordinal %d has no ports: passive.ports (%v) has room for %d replicas of %d ports each (passive.slice_ports), so the last ordinal is %d: add ports at the end of passive.ports, or run fewer replicas",
			ordinal, p.Ports, room, p.SlicePorts, room-1)
	}
	return ""
}

// room is for how many replicas there are ports.
func (p Passive) room() int {
	if p.SlicePorts <= 0 {
		return 0
	}
	return p.Ports.Len() / p.SlicePorts
}

func (v *validation) checkSlice() {
	p := v.Passive
	if err := p.Slice.check(); err != nil {
		v.add("passive.slice", "%v", err)
		return
	}
	switch {
	case p.SlicePorts < 0:
		v.add("passive.slice_ports", "%d is negative: write how many ports each replica owns", p.SlicePorts)
	case p.Slice == "" && p.SlicePorts > 0:
		v.add("passive.slice_ports", "has no effect without passive.slice, and this server would answer on the ports of all replicas: set passive.slice to auto or to the ordinal of this replica, or leave both out")
	case p.Slice == "":
	case p.Ports.Len() == 0:
		v.add("passive.slice", "there is nothing to slice, because passive.ports is empty: name the ports of all replicas there, or leave passive.slice out")
	case p.SlicePorts == 0:
		v.addFrom("passive.slice", "passive.slice_ports", "is missing: passive.slice needs to know how many of passive.ports each replica owns, such as 10")
	case p.room() == 0:
		v.add("passive.slice_ports", "%d are more than the %d of passive.ports (%v): write fewer, or add ports there", p.SlicePorts, p.Ports.Len(), p.Ports)
	default:
		if n, isNumber := p.Slice.Ordinal(); isNumber && p.misfit(n) != "" {
			v.add("passive.slice", "%s", p.misfit(n))
		}
	}
}
