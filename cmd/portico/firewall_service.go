package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

// firewallService is what a firewall has to know of a valid configuration.
func firewallService(cfg *config.Config) (firewall.Service, error) {
	service := firewall.Service{
		Passive:     cfg.Passive.Ports,
		Advertised:  cfg.Passive.AdvertisedPorts,
		SlicePorts:  cfg.Passive.SlicePorts,
		Active:      cfg.Active.Enabled,
		SourcePorts: sourcePorts(cfg.Active.SourcePort),
		TLSOffered:  cfg.TLS.Offered(),
		TLSRequired: cfg.TLS.Require != "none",
		Address:     publicName(cfg),
	}
	for i, l := range cfg.Listeners {
		listener, err := firewallListener(l)
		if err != nil {
			return service, &config.Fault{Source: cfg.Source("listeners"), Key: fmt.Sprintf("listeners[%d].address", i), Problem: err.Error()}
		}
		service.Listeners = append(service.Listeners, listener)
	}
	return service, nil
}

// firewallListener takes a listener's address apart. A host name stands for
// every address: what it resolves to may change.
func firewallListener(l config.Listener) (firewall.Listener, error) {
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return firewall.Listener{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return firewall.Listener{}, fmt.Errorf("%q is not a port from 1 to 65535", port)
	}
	addr, _ := netip.ParseAddr(host) // the zero value for a name
	return firewall.Listener{Addr: addr, Port: uint16(n), ImplicitTLS: l.ImplicitTLS, Proxies: l.ProxyProtocol}, nil
}

// sourcePorts are the ports that active connections may come from. Which ones
// "auto" chooses depends on the rights of the process that serves, which is
// not this one.
func sourcePorts(setting config.SourcePort) portalloc.PortList {
	ephemeral := portalloc.PortRange{First: 1024, Last: 65535}
	if port, isNumber := setting.Number(); isNumber {
		return portalloc.PortList{{First: port, Last: port}}
	}
	if setting == config.SourcePortAuto {
		return portalloc.PortList{{First: 20, Last: 20}, ephemeral}
	}
	return portalloc.PortList{ephemeral}
}

// publicName is where clients from everywhere are told to connect to.
func publicName(cfg *config.Config) string {
	for _, rule := range cfg.Passive.PublicAddress {
		if len(rule.Clients) == 0 && rule.Address != portalloc.AddressLocal {
			return rule.Address
		}
	}
	return ""
}
