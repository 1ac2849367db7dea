package firewall

import (
	"fmt"
	"strings"
)

func docker(p *Plan) string {
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(p.containerHeader())
	fmt.Fprintf(&text, "docker run --detach --name %s --restart unless-stopped \\\n", p.containerName())
	if ordinal := p.Request.Service.Replica; ordinal != "" {
		fmt.Fprintf(&text, "  --env PORTICO_PASSIVE_SLICE=%s \\\n", ordinal)
	}
	for _, m := range p.publishedPorts() {
		fmt.Fprintf(&text, "  --publish %s \\\n", m)
	}
	text.WriteString("  --volume portico-config:/etc/portico:ro --volume portico-files:/srv/ftp \\\n")
	text.WriteString("  portico serve --config /etc/portico/portico.yaml\n")
	return text.String()
}

func dockerCompose(p *Plan) string {
	var text strings.Builder
	text.WriteString(p.containerHeader())
	fmt.Fprintf(&text, `services:
  %s:
    image: portico
    command: [serve, --config, /etc/portico/portico.yaml]
    restart: unless-stopped
`, p.containerName())
	if ordinal := p.Request.Service.Replica; ordinal != "" {
		fmt.Fprintf(&text, "    environment:\n      PORTICO_PASSIVE_SLICE: \"%s\"\n", ordinal)
	}
	text.WriteString("    ports:\n")
	for _, m := range p.publishedPorts() {
		fmt.Fprintf(&text, "      - \"%s\"\n", m)
	}
	text.WriteString(`    volumes:
      - portico-config:/etc/portico:ro
      - portico-files:/srv/ftp
volumes:
  portico-config: {}
  portico-files: {}
`)
	return text.String()
}

func (p *Plan) containerName() string {
	if ordinal := p.Request.Service.Replica; ordinal != "" {
		return "portico-" + ordinal
	}
	return "portico"
}

func (p *Plan) containerHeader() string {
	exact := p.exact()
	notes := []string{
		"Published ports pass the rules of the host's INPUT chain by. Outgoing connections are allowed, and leave from a port of Docker's choice.",
		"Docker starts a process for each published port unless \"userland-proxy\": false is set in its daemon.json. It then shows every client's own address, too.",
		"Clients must be told the address of the host: set passive.public_address.",
	}
	if p.Helper.On() {
		notes = append(notes, "Docker does not read FTP, so --helper changes nothing: the exact ports are published.")
	}
	return exact.header(notes...)
}

// publishedPorts are the mappings from ports of the host to those inside.
func (p *Plan) publishedPorts() []string {
	var all []string
	for _, r := range p.Request.Service.controlPorts() {
		all = append(all, fmt.Sprintf("%v:%v", r, r))
	}
	if !p.Request.passive() {
		return all
	}
	for _, m := range p.Request.Service.mappings() {
		all = append(all, fmt.Sprintf("%v:%v", m.outside, m.inside))
	}
	return all
}
