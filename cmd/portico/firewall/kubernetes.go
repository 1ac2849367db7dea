package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

func kubernetes(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	notes := []string{"Apply: kubectl apply -f FILE, in the namespace of the Pods. They carry the label app.kubernetes.io/name: " + podName(p) + "."}
	if p.Helper.On() {
		notes = append(notes, "Neither object can read FTP, so --helper changes nothing: the exact ports are allowed.")
	}
	if len(exact.outbound()) > 0 {
		notes = append(notes, "The policy limits what the Pods connect to: add a rule of yours for whatever else they need, such as DNS.")
	}
	if p.isSliced() && p.Request.Side == SideServer {
		notes = append(notes, "The Pods are those of a StatefulSet named portico. Clients are told one address (passive.public_address), so all these Services need the same: how they share one, the load balancer's documentation says.")
	}
	text.WriteString(exact.header(notes...))
	if p.Request.Side == SideServer {
		exact.writeServices(&text)
	}
	exact.writeNetworkPolicy(&text)
	return text.String()
}

// podName is the label of the Pods that the objects are for.
func podName(p *Plan) string {
	if p.Request.Side == SideClient {
		return "ftp-client"
	}
	return "portico"
}

// writeServices writes one Service for all ports, or for replicas one for the
// control ports, which reach any of them, and one for the slice of each.
func (p *Plan) writeServices(text *strings.Builder) {
	writeServiceHead(text, "portico")
	if !p.isSliced() {
		text.WriteString("  # Control and data connections of a client reach the same Pod.\n  sessionAffinity: ClientIP\n")
	}
	text.WriteString("  ports:\n")
	p.writeControlPorts(text)
	if p.Request.passive() && !p.isSliced() {
		p.Request.Service.writeDataPorts(text)
	}
	for _, r := range p.replicas() {
		// The label is one that a StatefulSet gives its Pods.
		writeServiceHead(text, r.name(), "statefulset.kubernetes.io/pod-name: "+r.name())
		text.WriteString("  ports:\n")
		r.writeDataPorts(text)
	}
}

// writeServiceHead writes a Service up to its selector, which may have more lines.
func writeServiceHead(text *strings.Builder, name string, selectors ...string) {
	fmt.Fprintf(text, `---
apiVersion: v1
kind: Service
metadata:
  name: %s
  labels:
    app.kubernetes.io/name: portico
spec:
  type: LoadBalancer
`, name)
	text.WriteString("  # Clients keep their addresses, which data connections are matched by.\n  externalTrafficPolicy: Local\n")
	text.WriteString("  ipFamilyPolicy: PreferDualStack\n  selector:\n    app.kubernetes.io/name: portico\n")
	for _, selector := range selectors {
		fmt.Fprintf(text, "    %s\n", selector)
	}
}

func (p *Plan) writeControlPorts(text *strings.Builder) {
	for _, l := range p.Request.Service.Listeners {
		if !l.isLocal() {
			kind := Control
			if l.ImplicitTLS {
				kind = ControlTLS
			}
			writeServicePort(text, kind, l.Port, l.Port)
		}
	}
}

// writeDataPorts names each port: a Service knows no ranges.
func (s Service) writeDataPorts(text *strings.Builder) {
	targets := allPorts(s.Passive)
	for i, port := range allPorts(s.advertised()) {
		writeServicePort(text, PassiveData, port, targets[i])
	}
}

func allPorts(ports portalloc.PortList) []uint16 {
	var all []uint16
	for port := range ports.All() {
		all = append(all, port)
	}
	return all
}

// writeServicePort names a port by its kind, in at most 15 letters.
func writeServicePort(text *strings.Builder, kind Kind, port, target uint16) {
	name := map[Kind]string{Control: "ftp", ControlTLS: "ftps", PassiveData: "data"}[kind]
	fmt.Fprintf(text, "    - {name: %s-%d, port: %d, targetPort: %d, protocol: TCP}\n", name, port, port, target)
}

func (p *Plan) writeNetworkPolicy(text *strings.Builder) {
	name := podName(p)
	fmt.Fprintf(text, `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: %s
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: %s
`, name, name)
	in, out := p.inbound(), p.outbound()
	var types []string
	if len(in) > 0 {
		types = append(types, "Ingress")
	}
	if len(out) > 0 {
		types = append(types, "Egress")
	}
	fmt.Fprintf(text, "  policyTypes: [%s]\n", strings.Join(types, ", "))
	writePolicyRules(text, "ingress", "from", in)
	writePolicyRules(text, "egress", "to", out)
}

func writePolicyRules(text *strings.Builder, direction, peer string, flows []Flow) {
	if len(flows) == 0 {
		return
	}
	fmt.Fprintf(text, "  %s:\n", direction)
	for _, f := range flows {
		fmt.Fprintf(text, "    # %s\n    - ports:\n", f.Name())
		for _, r := range f.to() {
			if r.Len() == 1 {
				fmt.Fprintf(text, "        - {protocol: TCP, port: %d}\n", r.First)
			} else {
				fmt.Fprintf(text, "        - {protocol: TCP, port: %d, endPort: %d}\n", r.First, r.Last)
			}
		}
		if networks := policyPeers(f); len(networks) > 0 {
			fmt.Fprintf(text, "      %s:\n", peer)
			for _, n := range networks {
				fmt.Fprintf(text, "        - ipBlock: {cidr: \"%s\"}\n", n)
			}
		}
	}
}

// policyPeers are the far end's addresses. None: every one.
func policyPeers(f Flow) []netip.Prefix {
	if f.V4 && f.V6 && len(f.Remote) == 0 {
		return nil
	}
	var all []netip.Prefix
	for _, family := range f.single() {
		part, _ := f.only(family)
		all = append(all, family.everywhere(part.Remote)...)
	}
	return all
}
