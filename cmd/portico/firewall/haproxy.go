package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

func haproxy(p *Plan) string {
	var text strings.Builder
	text.WriteString(p.balancerHeader("HAProxy", "haproxy -c -f FILE checks"))
	if p.isSliced() {
		p.writeSlicedHaproxy(&text)
		return text.String()
	}
	s := p.Request.Service
	direct := s.controlPorts()
	var sections []portMapping
	if p.Request.passive() {
		for _, m := range s.mappings() {
			if m.offset() == 0 {
				direct = append(direct, m.outside)
			} else {
				sections = append(sections, m)
			}
		}
	}
	p.writeHaproxySection(&text, "portico", normalPorts(direct), 0)
	for _, m := range sections {
		p.writeHaproxySection(&text, fmt.Sprintf("portico-%d", m.outside.First), portalloc.PortList{m.outside}, m.offset())
	}
	return text.String()
}

// writeHaproxySection forwards ports to those of the servers, shifted by an
// offset. The server lines name no port, or an offset: HAProxy then keeps the
// port that the client came to.
func (p *Plan) writeHaproxySection(text *strings.Builder, name string, ports portalloc.PortList, offset int) {
	writeHaproxyHead(text, name, ports)
	text.WriteString("    # A client's connections all go to one server, and still do when another fails.\n")
	text.WriteString("    balance source\n    hash-type consistent\n")
	for i, server := range p.Request.Servers {
		check := ""
		if len(p.Request.Servers) > 1 {
			check = p.haproxyCheck()
		}
		p.writeHaproxyServer(text, fmt.Sprintf("portico-%d", i+1), server.Addr(), offset, check)
	}
}

func writeHaproxyHead(text *strings.Builder, name string, ports portalloc.PortList) {
	fmt.Fprintf(text, "\nlisten %s\n    mode tcp\n", name)
	for _, r := range rangesWith(ports, "-") {
		fmt.Fprintf(text, "    bind :::%s v4v6\n", r)
	}
	text.WriteString("    # A control connection is silent while a transfer runs: the server ends what is idle.\n")
	text.WriteString("    timeout connect 10s\n    timeout client 24h\n    timeout server 24h\n")
	text.WriteString("    option clitcpka\n    option srvtcpka\n")
}

func (p *Plan) writeHaproxyServer(text *strings.Builder, name string, addr netip.Addr, offset int, check string) {
	fmt.Fprintf(text, "    server %s %s", name, haproxyAddress(addr.String(), offset))
	if p.Request.Service.speaksProxy() {
		text.WriteString(" send-proxy-v2")
	}
	text.WriteString(check + "\n")
}

// writeSlicedHaproxy sends control connections to any replica, and data
// connections to the one that their port belongs to.
func (p *Plan) writeSlicedHaproxy(text *strings.Builder) {
	writeHaproxyHead(text, "portico", p.Request.Service.controlPorts())
	text.WriteString("    balance random\n")
	text.WriteString("    # A server that just died is tried once; the next try goes to another one.\n")
	text.WriteString("    retries 3\n    option redispatch 1\n")
	replicas := p.replicas()
	for _, r := range replicas {
		p.writeHaproxyServer(text, r.name(), r.addr, 0, p.haproxyCheck())
	}
	for _, r := range replicas {
		for _, m := range r.mappings() {
			writeHaproxyHead(text, fmt.Sprintf("%s-data-%d", r.name(), m.outside.First), portalloc.PortList{m.outside})
			p.writeHaproxyServer(text, r.name(), r.addr, m.offset(), "")
		}
	}
}

// haproxyCheck makes HAProxy leave out a server that does not answer.
func (p *Plan) haproxyCheck() string {
	check := fmt.Sprintf(" check port %d", p.Request.Service.firstControl())
	if p.Request.Service.speaksProxy() {
		check += " check-send-proxy"
	}
	return check
}

func haproxyAddress(addr string, offset int) string {
	if strings.Contains(addr, ":") {
		addr = "[" + addr + "]"
	}
	if offset == 0 {
		return addr
	}
	return fmt.Sprintf("%s:%+d", addr, offset)
}

// firstControl is a port that tells whether the server is alive.
func (s Service) firstControl() uint16 {
	for _, l := range s.Listeners {
		if !l.isLocal() {
			return l.Port
		}
	}
	return 0
}

// balancerHeader is the header of what forwards connections to servers.
func (p *Plan) balancerHeader(name, test string) string {
	notes := []string{test + " the file. The server must tell clients the address of the load balancer: set passive.public_address."}
	if !p.Request.Service.speaksProxy() {
		notes = append(notes, "Without the PROXY protocol the server sees "+name+"'s address instead of the clients': name it in listeners[].proxy_protocol, and the header is sent.")
	}
	if p.Request.active() {
		notes = append(notes, "Active mode does not pass here: the server connects to the clients itself, from its own address.")
	}
	if p.Helper.On() {
		notes = append(notes, name+" does not read FTP, so --helper changes nothing: the exact ports are forwarded.")
	}
	return p.exact().header(notes...)
}
