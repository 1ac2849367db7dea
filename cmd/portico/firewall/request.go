package firewall

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/portico-ftp/portico/portalloc"
)

// Request is what rules are wanted for.
type Request struct {
	// Service is the server.
	Service Service
	// Side is the site that the firewall protects. Empty: SideServer.
	Side Side
	// Mode says which data connections are wanted. Empty: ModeBoth, as far as
	// the service has both.
	Mode Mode
	// At is where the firewall runs. Empty: AtHost.
	At Placement
	// Servers are the server's addresses. On the client's side they are the
	// only ones that connections may go to or come from, on the server's side
	// those that a gateway or a load balancer forwards to. Empty: not known.
	// For a sliced service they come in the order of the replicas.
	Servers []netip.Prefix
	// ServerName is what Servers were found by, for people.
	ServerName string
	// Clients are the networks of the clients. Empty: everybody.
	Clients []netip.Prefix
	// ClientPorts are the ports on which clients wait for data connections in
	// active mode. Empty: 1024-65535.
	ClientPorts portalloc.PortList
	// Helper asks for rules that make the firewall read FTP.
	Helper bool

	inOrder []netip.Prefix // Servers as they were named
}

// Side is the site that a firewall protects.
type Side string

const (
	// SideServer is the site of the server.
	SideServer Side = "server"
	// SideClient is the site of the clients.
	SideClient Side = "client"
)

// Mode says which data connections are wanted.
type Mode string

const (
	// ModePassive is for connections that clients open (PASV and EPSV).
	ModePassive Mode = "passive"
	// ModeActive is for connections that the server opens (PORT and EPRT).
	ModeActive Mode = "active"
	// ModeBoth is for both.
	ModeBoth Mode = "both"
)

// Placement is where a firewall runs.
type Placement string

const (
	// AtHost is the machine of the server, or of the client, itself.
	AtHost Placement = "host"
	// AtGateway is a router in front of it.
	AtGateway Placement = "gateway"
)

// normal returns the request with its defaults, or an error that joins all
// that is wrong with it.
func (r Request) normal() (Request, error) {
	r.Side = orElse(r.Side, SideServer)
	r.At = orElse(r.At, AtHost)
	if r.Mode == "" || r.Mode == ModeBoth {
		r.Mode = r.Service.modes()
	}
	if len(r.ClientPorts) == 0 {
		r.ClientPorts = portalloc.PortList{unprivileged()}
	}
	r.inOrder = r.Servers
	r.Servers, r.Clients = normalNetworks(r.Servers), normalNetworks(r.Clients)
	return r, errors.Join(r.check()...)
}

func (r Request) check() []error {
	var faults []error
	if r.Side != SideServer && r.Side != SideClient {
		faults = append(faults, fmt.Errorf("--side %q is unknown: use server or client", r.Side))
	}
	if r.At != AtHost && r.At != AtGateway {
		faults = append(faults, fmt.Errorf("--at %q is unknown: use host or gateway", r.At))
	}
	switch {
	case r.Mode != ModePassive && r.Mode != ModeActive && r.Mode != ModeBoth:
		faults = append(faults, fmt.Errorf("--mode %q is unknown: use passive, active or both", r.Mode))
	case r.Mode == ModePassive && len(r.Service.Passive) == 0:
		faults = append(faults, errors.New("--mode passive: passive.ports is empty, so the server has no passive mode: name ports there, or use --mode active"))
	case r.Mode == ModeActive && !r.Service.Active:
		faults = append(faults, errors.New("--mode active: active.enabled is false, so the server has no active mode: set it, or use --mode passive"))
	}
	if r.Side == SideClient && r.At == AtHost && len(r.Clients) > 0 {
		faults = append(faults, errors.New("--clients: rules of a client's own machine have no use for its addresses: leave it out, or use --at gateway"))
	}
	if len(r.Service.controlPorts()) == 0 {
		faults = append(faults, errors.New("listeners: every one is on a loopback address, which no firewall stands in front of: bind one to an address that clients reach"))
	}
	return faults
}

// modes are those that the service has.
func (s Service) modes() Mode {
	switch {
	case !s.Active:
		return ModePassive
	case len(s.Passive) == 0:
		return ModeActive
	default:
		return ModeBoth
	}
}

func (r Request) passive() bool { return r.Mode != ModeActive }
func (r Request) active() bool  { return r.Mode != ModePassive }

// unprivileged are the ports that every program may use.
func unprivileged() portalloc.PortRange { return portalloc.PortRange{First: 1024, Last: 65535} }

func orElse[T ~string](value, byDefault T) T {
	if value == "" {
		return byDefault
	}
	return value
}
