package firewall

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/portico-ftp/portico/portalloc"
)

// Plan is what one firewall must let through. Its Flows are minimal: the ports
// and directions of the request and no others.
type Plan struct {
	// Request is what the plan is for, with its defaults.
	Request Request
	// Flows are the connections, the control connections first.
	Flows []Flow
	// Helper says whether the firewall is to read FTP.
	Helper Helper
}

// Helper says how a firewall is made to read FTP.
type Helper struct {
	// Ports are the control ports that it is to read. Empty: it is not to.
	Ports portalloc.PortList
	// Off is why it is not to although that was asked for.
	Off string
	// Alone says that no data connection needs a rule of its own, because
	// there is no control connection that the firewall cannot read.
	Alone bool
}

// On says whether the firewall is to read FTP.
func (h Helper) On() bool { return len(h.Ports) > 0 }

// NewPlan finds out what the request needs. Its error joins all that is wrong
// with the request.
func NewPlan(r Request) (*Plan, error) {
	r, err := r.normal()
	if err != nil {
		return nil, err
	}
	p := &Plan{Request: r, Helper: newHelper(r)}
	p.addControl()
	if p.Helper.Alone {
		return p, nil
	}
	if r.passive() {
		p.addPassive()
	}
	if r.active() {
		p.addActive()
	}
	return p, nil
}

func newHelper(r Request) Helper {
	s := r.Service
	readable := s.readablePorts()
	switch {
	case !r.Helper:
		return Helper{}
	case s.TLSRequired:
		return Helper{Off: "tls.require makes clients encrypt the control connection, and no firewall can read FTP under TLS: the exact ports are allowed instead"}
	case len(readable) == 0:
		return Helper{Off: "every listener has implicit_tls, and no firewall can read FTP under TLS: the exact ports are allowed instead"}
	}
	return Helper{Ports: readable, Alone: !s.TLSOffered}
}

func (p *Plan) addControl() {
	for _, l := range p.Request.Service.Listeners {
		if l.isLocal() {
			continue
		}
		kind := Control
		if l.ImplicitTLS {
			kind = ControlTLS
		}
		p.add(p.toServer(Flow{Kind: kind, V4: l.v4(), V6: l.v6()}, portalloc.PortList{{First: l.Port, Last: l.Port}}, l.networks(), l.Proxies))
	}
}

func (p *Plan) addPassive() {
	s := p.Request.Service
	ports := s.Passive
	if p.Request.Side == SideClient {
		ports = s.advertised()
	}
	v4, v6 := s.families()
	p.add(p.toServer(Flow{Kind: PassiveData, V4: v4, V6: v6}, ports, nil, s.proxies()))
}

// toServer completes a flow that clients open. The server's own address and
// the proxies in front of it matter at its own side only.
func (p *Plan) toServer(f Flow, ports portalloc.PortList, own, proxies []netip.Prefix) Flow {
	r := p.Request
	ports = normalPorts(ports)
	if r.Side == SideClient {
		f.RemotePorts, f.Remote, f.Local = ports, r.Servers, r.localClients()
		f.V4, f.V6 = true, true // what the client reaches may be a translator
		return f
	}
	f.Inbound, f.LocalPorts, f.Local, f.Remote = true, ports, r.localServers(own), r.Clients
	if len(proxies) > 0 {
		f.Remote = normalNetworks(proxies)
	}
	return f
}

// addActive adds the connections that the server opens. They come from the
// server itself, past any load balancer.
func (p *Plan) addActive() {
	r := p.Request
	f := Flow{Kind: ActiveData}
	from, to := normalPorts(r.Service.SourcePorts), normalPorts(r.ClientPorts)
	if r.Side == SideClient {
		f.Inbound, f.V4, f.V6 = true, true, true
		f.RemotePorts, f.LocalPorts, f.Remote, f.Local = from, to, r.Servers, r.localClients()
	} else {
		f.V4, f.V6 = r.Service.families()
		f.LocalPorts, f.RemotePorts, f.Local, f.Remote = from, to, r.localServers(nil), r.Clients
	}
	p.add(f)
}

// localServers are the server's addresses as its firewall sees them. At the
// host itself only an address that a listener is bound to narrows anything.
func (r Request) localServers(own []netip.Prefix) []netip.Prefix {
	if r.At == AtGateway {
		return r.Servers
	}
	return own
}

// localClients are the clients' addresses as their firewall sees them.
func (r Request) localClients() []netip.Prefix {
	if r.At == AtGateway {
		return r.Clients
	}
	return nil
}

// add adds a flow, or its ports to a flow that differs in them alone.
func (p *Plan) add(f Flow) {
	sameKind := 0
	for i := range p.Flows {
		other := &p.Flows[i]
		if other.Kind == f.Kind {
			sameKind++
		}
		if other.Kind == f.Kind && other.V4 == f.V4 && other.V6 == f.V6 &&
			slices.Equal(other.Local, f.Local) && slices.Equal(other.Remote, f.Remote) {
			other.LocalPorts = normalPorts(slices.Concat(other.LocalPorts, f.LocalPorts))
			other.RemotePorts = normalPorts(slices.Concat(other.RemotePorts, f.RemotePorts))
			return
		}
	}
	f.ID = string(f.Kind)
	if sameKind > 0 {
		f.ID = fmt.Sprintf("%s-%d", f.Kind, sameKind+1)
	}
	p.Flows = append(p.Flows, f)
}

func (l Listener) v4() bool {
	return !l.Addr.IsValid() || l.Addr.IsUnspecified() || l.Addr.Unmap().Is4()
}

func (l Listener) v6() bool {
	return !l.Addr.IsValid() || l.Addr.IsUnspecified() || !l.Addr.Unmap().Is4()
}

// families are those in which clients reach a listener, and so the data
// connections too.
func (s Service) families() (v4, v6 bool) {
	for _, l := range s.Listeners {
		if !l.isLocal() {
			v4, v6 = v4 || l.v4(), v6 || l.v6()
		}
	}
	return v4, v6
}

// inbound and outbound are the flows of one direction.
func (p *Plan) inbound() []Flow { return p.direction(true) }

func (p *Plan) outbound() []Flow { return p.direction(false) }

func (p *Plan) direction(inbound bool) []Flow {
	var flows []Flow
	for _, f := range p.Flows {
		if f.Inbound == inbound {
			flows = append(flows, f)
		}
	}
	return flows
}

// exact is the plan for a firewall that cannot read FTP.
func (p *Plan) exact() *Plan {
	if !p.Helper.On() {
		return p
	}
	r := p.Request
	r.Helper = false
	plan, err := NewPlan(r)
	if err != nil {
		panic("firewall: a plan's own request is refused: " + err.Error()) // it was accepted with the helper
	}
	return plan
}
