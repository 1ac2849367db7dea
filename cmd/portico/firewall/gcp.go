package firewall

import (
	"fmt"
	"strings"
)

func gcp(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	text.WriteString(exact.header(append(p.cloudNotes("A VPC firewall rule"),
		"Apply: NETWORK=default sh FILE. The rules are for machines with the network tag portico; a load balancer in front has rules of its own.",
		"Outgoing connections are allowed unless a rule of yours denies them.")...))
	text.WriteString("set -eu\n: \"${NETWORK:?the VPC network, as default}\"\n")
	for _, f := range exact.Flows {
		for _, family := range f.single() {
			part, _ := f.only(family)
			text.WriteString(gcpRule(family, part))
		}
	}
	return text.String()
}

// gcpRule writes the rule of one family: a rule cannot mix them.
func gcpRule(family Family, f Flow) string {
	name := "portico-" + f.ID
	if family == IPv6 {
		name += "-ipv6"
	}
	direction, ranges := "EGRESS", "destination-ranges"
	if f.Inbound {
		direction, ranges = "INGRESS", "source-ranges"
	}
	var allow, networks []string
	for _, r := range rangesWith(f.to(), "-") {
		allow = append(allow, "tcp:"+r)
	}
	for _, n := range family.everywhere(f.Remote) {
		networks = append(networks, n.String())
	}
	return fmt.Sprintf(`
gcloud compute firewall-rules create %s --network="$NETWORK" \
  --description='%s' --direction=%s --target-tags=portico \
  --allow=%s --%s=%s
`, name, f.Name(), direction, strings.Join(allow, ","), ranges, strings.Join(networks, ","))
}
