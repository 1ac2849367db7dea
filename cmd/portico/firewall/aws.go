package firewall

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// ipPermission is one entry of --ip-permissions of the AWS CLI.
type ipPermission struct {
	IPProtocol string    `json:"IpProtocol"`
	FromPort   uint16    `json:"FromPort"`
	ToPort     uint16    `json:"ToPort"`
	IPRanges   []ipRange `json:"IpRanges,omitempty"`
	IPv6Ranges []ipRange `json:"Ipv6Ranges,omitempty"`
}

type ipRange struct {
	CIDR        string `json:"CidrIp,omitempty"`
	CIDRv6      string `json:"CidrIpv6,omitempty"`
	Description string `json:"Description"`
}

func aws(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(exact.header(append(p.cloudNotes("A security group"),
		"Apply: GROUP_ID=sg-… sh FILE. Rules that are there already are refused as duplicates, which does no harm.",
		"A new group has a rule that allows everything out; take it away for the rules of direction out to matter.")...))
	text.WriteString("set -u\n: \"${GROUP_ID:?the security group, as sg-0123456789abcdef0}\"\n")
	for _, f := range exact.Flows {
		verb := "authorize-security-group-egress"
		if f.Inbound {
			verb = "authorize-security-group-ingress"
		}
		fmt.Fprintf(&text, "\n# %s\naws ec2 %s --group-id \"$GROUP_ID\" --ip-permissions '%s'\n", f.Name(), verb, ipPermissions(f))
	}
	return text.String()
}

// ipPermissions writes the far end of a flow: a group's rules know neither the
// addresses nor, of outgoing connections, the ports of its own machines.
func ipPermissions(f Flow) string {
	var all []ipPermission
	for _, r := range f.to() {
		permission := ipPermission{IPProtocol: "tcp", FromPort: r.First, ToPort: r.Last}
		for _, family := range f.single() {
			part, _ := f.only(family)
			for _, n := range family.everywhere(part.Remote) {
				if family == IPv6 {
					permission.IPv6Ranges = append(permission.IPv6Ranges, ipRange{CIDRv6: n.String(), Description: f.Name()})
				} else {
					permission.IPRanges = append(permission.IPRanges, ipRange{CIDR: n.String(), Description: f.Name()})
				}
			}
		}
		all = append(all, permission)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic("firewall: AWS permissions are not JSON: " + err.Error()) // texts and numbers always are
	}
	return string(text)
}

func awsTerraform(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	text.WriteString(exact.header(append(p.cloudNotes("A security group"),
		"The group allows nothing else, in either direction: add what else its machines need (DNS, updates).")...))
	text.WriteString(`
variable "vpc_id" {
  type        = string
  description = "The VPC of the machines that the group is for."
}

resource "aws_security_group" "portico" {
  name        = "portico"
  description = "FTP"
  vpc_id      = var.vpc_id
`)
	for _, f := range exact.Flows {
		for _, r := range f.to() {
			text.WriteString(terraformBlock(f, r))
		}
	}
	text.WriteString("}\n")
	return text.String()
}

func terraformBlock(f Flow, r portalloc.PortRange) string {
	block := "egress"
	if f.Inbound {
		block = "ingress"
	}
	lines := [][2]string{
		{"description", fmt.Sprintf("%q", f.Name())},
		{"protocol", `"tcp"`},
		{"from_port", fmt.Sprint(r.First)},
		{"to_port", fmt.Sprint(r.Last)},
	}
	for _, family := range f.single() {
		part, _ := f.only(family)
		key := map[Family]string{IPv4: "cidr_blocks", IPv6: "ipv6_cidr_blocks"}[family]
		var networks []string
		for _, n := range family.everywhere(part.Remote) {
			networks = append(networks, fmt.Sprintf("%q", n.String()))
		}
		lines = append(lines, [2]string{key, "[" + strings.Join(networks, ", ") + "]"})
	}
	width := 0
	for _, line := range lines {
		width = max(width, len(line[0]))
	}
	text := "\n  " + block + " {\n"
	for _, line := range lines {
		text += fmt.Sprintf("    %-*s = %s\n", width, line[0], line[1])
	}
	return text + "  }\n"
}

// cloudNotes say what the rules of a cloud cannot express of the plan.
func (p *Plan) cloudNotes(subject string) []string {
	var notes []string
	if p.Helper.On() {
		notes = append(notes, subject+" cannot read FTP, so --helper changes nothing: the exact ports are allowed.")
	}
	for _, f := range p.exact().Flows {
		if f.Kind == ActiveData && len(f.from()) > 0 {
			notes = append(notes, fmt.Sprintf("%s knows no source ports: that active connections come from TCP %s cannot be asked for.", subject, spaced(f.from())))
		}
	}
	return append(notes, "Replies pass by themselves.")
}
