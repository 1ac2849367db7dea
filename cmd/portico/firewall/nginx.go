package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

func nginxStream(p *Plan) string {
	var text strings.Builder
	text.WriteString(p.balancerHeader("nginx", "The block stands in nginx.conf beside http, not in it; on Debian it needs libnginx-mod-stream. nginx -t checks"))
	text.WriteString("\nstream {\n")
	if p.isSliced() {
		p.writeNginxReplicas(&text)
	} else {
		text.WriteString("    # A client's connections all go to one server.\n")
		writeNginxSplit(&text, "$remote_addr", "$portico_server", p.Request.Servers)
	}
	p.writeNginxPorts(&text)
	text.WriteString("    server {\n")
	ports := p.Request.Service.controlPorts()
	if p.Request.passive() {
		ports = normalPorts(append(ports, p.Request.Service.advertised()...))
	}
	for _, r := range rangesWith(ports, "-") {
		fmt.Fprintf(&text, "        listen %s;\n        listen [::]:%s;\n", r, r)
	}
	fmt.Fprintf(&text, "        proxy_pass $portico_server:$%s;\n", p.nginxPort())
	if p.Request.Service.speaksProxy() {
		text.WriteString("        proxy_protocol on;\n")
	}
	text.WriteString("        proxy_connect_timeout 10s;\n")
	text.WriteString("        # A control connection is silent while a transfer runs: the server ends what is idle.\n")
	text.WriteString("        proxy_timeout 24h;\n        proxy_socket_keepalive on;\n    }\n}\n")
	return text.String()
}

// writeNginxReplicas settles which replica a connection goes to: a control
// connection to any, a data connection to the one that its port belongs to.
func (p *Plan) writeNginxReplicas(text *strings.Builder) {
	var servers []netip.Prefix
	var owners strings.Builder
	for _, r := range p.replicas() {
		servers = append(servers, netip.PrefixFrom(r.addr, r.addr.BitLen()))
		for _, port := range allPorts(r.advertised()) {
			fmt.Fprintf(&owners, "        %d %s;\n", port, nginxAddress(r.addr.String()))
		}
	}
	text.WriteString("    # A control connection goes to any replica, a data connection to the one whose port it is.\n")
	writeNginxSplit(text, "$remote_addr$remote_port", "$portico_any", servers)
	text.WriteString("    map $server_port $portico_server {\n        default $portico_any;\n" + owners.String() + "    }\n")
}

// writeNginxSplit spreads connections over servers by what a key says of them.
func writeNginxSplit(text *strings.Builder, key, variable string, servers []netip.Prefix) {
	fmt.Fprintf(text, "    split_clients %s %s {\n", key, variable)
	for i, server := range servers {
		share := "*"
		if i < len(servers)-1 {
			share = fmt.Sprintf("%.2f%%", 100/float64(len(servers)))
		}
		fmt.Fprintf(text, "        %s %s;\n", share, nginxAddress(server.Addr().String()))
	}
	text.WriteString("    }\n")
}

func nginxAddress(addr string) string {
	if strings.Contains(addr, ":") {
		return `"[` + addr + `]"`
	}
	return addr
}

// nginxPort is the variable with the server's port.
func (p *Plan) nginxPort() string {
	if p.Request.passive() && p.Request.Service.mapped() {
		return "portico_port"
	}
	return "server_port"
}

// writeNginxPorts maps advertised ports to those of the server, one by one.
func (p *Plan) writeNginxPorts(text *strings.Builder) {
	if p.nginxPort() == "server_port" {
		return
	}
	text.WriteString("    map $server_port $portico_port {\n        default $server_port;\n")
	for _, m := range p.Request.Service.mappings() {
		inside := allPorts(portalloc.PortList{m.inside})
		for i, outside := range allPorts(portalloc.PortList{m.outside}) {
			fmt.Fprintf(text, "        %d %d;\n", outside, inside[i])
		}
	}
	text.WriteString("    }\n")
}
