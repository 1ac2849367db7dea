package firewall

import (
	"fmt"
	"net/netip"
)

// slices are what each replica has of the service, in the order of the replicas;
// nil if the service is one server.
func (s Service) slices() []Service {
	if s.SlicePorts <= 0 {
		return nil
	}
	var all []Service
	for from := 0; from+s.SlicePorts <= s.Passive.Len(); from += s.SlicePorts {
		part := s
		part.SlicePorts = 0
		part.Passive = s.Passive.Slice(from, from+s.SlicePorts)
		part.Advertised = s.Advertised.Slice(from, from+s.SlicePorts)
		all = append(all, part)
	}
	return all
}

// isSliced says that data connections have to find one of several replicas.
func (p *Plan) isSliced() bool { return p.Request.passive() && p.Request.Service.SlicePorts > 0 }

// replica is one of several servers.
type replica struct {
	Service
	ordinal int
	addr    netip.Addr // not valid: it was not named
}

// name is that of the replica in what stands in front of it.
func (r replica) name() string { return fmt.Sprintf("portico-%d", r.ordinal) }

// replicas are those that were named, or all that there are ports for.
func (p *Plan) replicas() []replica {
	var all []replica
	for i, part := range p.Request.Service.slices() {
		one := replica{Service: part, ordinal: i}
		if n := len(p.Request.inOrder); n > 0 {
			if i >= n {
				break
			}
			one.addr = p.Request.inOrder[i].Addr()
		}
		all = append(all, one)
	}
	return all
}

// checkReplicas says what keeps a target from being printed for replicas.
func (p *Plan) checkReplicas(t Target) error {
	if !p.isSliced() {
		return nil
	}
	named, room := len(p.Request.inOrder), len(p.Request.Service.slices())
	switch {
	case t.oneServer:
		return fmt.Errorf("--replica is missing: with passive.slice each replica has a container of its own, with its own slice of passive.ports (%v): name one, such as --replica 0", p.Request.Service.Passive)
	case t.needsServer && named > room:
		return fmt.Errorf("--server names %d servers, but passive.ports (%v) has room for %d replicas of %d ports each: add ports there, or name fewer", named, p.Request.Service.Passive, room, p.Request.Service.SlicePorts)
	}
	return nil
}

// sliceNote says whose the passive ports are, "" if they are one server's.
func (p *Plan) sliceNote() string {
	if !p.isSliced() {
		return ""
	}
	text := "The passive ports are those of all replicas:"
	for i, part := range p.Request.Service.slices() {
		if i == shownReplicas {
			return text + " and so on."
		}
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" replica %d listens on %v", i, part.Passive)
	}
	return text + ". --replica N is for the machine of one."
}

// shownReplicas is how many replicas are told of in a comment.
const shownReplicas = 8
