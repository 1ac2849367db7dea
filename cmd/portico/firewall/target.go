package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// Target is a firewall, or something else that stands in front of a server.
type Target struct {
	// Name is what --for takes.
	Name string
	// Summary says in a few words what is printed.
	Summary string

	render func(*Plan) string
	// serverOnly says that it has nothing to do with clients.
	serverOnly bool
	// gateway says that it can print rules for a router.
	gateway bool
	// needsServer says that it forwards to an address that only --server tells.
	needsServer bool
	// oneServer says that what is printed is one server.
	oneServer bool
}

// Targets are all that are known, in the order of the documentation.
func Targets() []Target {
	return []Target{
		{Name: "nftables", Summary: "a file for nft -f", render: nftables, gateway: true},
		{Name: "iptables", Summary: "a shell script for iptables and ip6tables", render: iptables, gateway: true},
		{Name: "ufw", Summary: "commands for ufw", render: ufw},
		{Name: "firewalld", Summary: "commands for firewall-cmd", render: firewalld},
		{Name: "pf", Summary: "an anchor for pf of OpenBSD, FreeBSD and macOS", render: pf},
		{Name: "windows", Summary: "PowerShell for Windows Defender Firewall", render: windows},
		{Name: "aws", Summary: "AWS CLI commands for a security group", render: aws},
		{Name: "aws-terraform", Summary: "a Terraform resource of a security group", render: awsTerraform},
		{Name: "gcp", Summary: "gcloud commands for VPC firewall rules", render: gcp},
		{Name: "azure", Summary: "az commands for a network security group", render: azure},
		{Name: "kubernetes", Summary: "a Service and a NetworkPolicy", render: kubernetes},
		{Name: "docker", Summary: "a docker run command", render: docker, serverOnly: true, oneServer: true},
		{Name: "docker-compose", Summary: "a compose file", render: dockerCompose, serverOnly: true, oneServer: true},
		{Name: "haproxy", Summary: "a section of haproxy.cfg", render: haproxy, serverOnly: true, needsServer: true},
		{Name: "nginx-stream", Summary: "a stream block of nginx.conf", render: nginxStream, serverOnly: true, needsServer: true},
	}
}

// TargetNames are the names of all targets.
func TargetNames() []string {
	var names []string
	for _, t := range Targets() {
		names = append(names, t.Name)
	}
	return names
}

// Render writes the plan in the language of a target. The result is the same
// for the same plan. It errs for a target that is unknown or that cannot do
// what the plan wants.
func (p *Plan) Render(target string) (string, error) {
	i := slices.IndexFunc(Targets(), func(t Target) bool { return t.Name == target })
	if i < 0 {
		return "", fmt.Errorf("--for %q is unknown: use one of %s", target, strings.Join(TargetNames(), ", "))
	}
	t := Targets()[i]
	switch {
	case t.serverOnly && p.Request.Side == SideClient:
		return "", fmt.Errorf("--side client: %s stands in front of servers alone: use --side server, or another target", t.Name)
	case !t.gateway && p.Request.At == AtGateway:
		return "", fmt.Errorf("--at gateway: rules for a router are printed for nftables and iptables, not for %s: use one of them, or --at host", t.Name)
	case t.needsServer && len(p.Request.Servers) == 0:
		return "", fmt.Errorf("--server is missing: name the address at which %s reaches the FTP server", t.Name)
	}
	if err := p.checkReplicas(t); err != nil {
		return "", err
	}
	return t.render(p), nil
}
