package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// azurePriority is the number of the first rule; the next ones follow. Azure
// reads rules from 100 on.
const azurePriority = 300

func azure(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	text.WriteString("#!/bin/sh\n")
	notes := []string{}
	if p.Helper.On() {
		notes = append(notes, "A network security group cannot read FTP, so --helper changes nothing: the exact ports are allowed.")
	}
	text.WriteString(exact.header(append(notes,
		"Apply: RESOURCE_GROUP=… NSG=… sh FILE. Applying it again replaces the rules.",
		fmt.Sprintf("The rules take the priorities from %d on; they must come before those that deny.", azurePriority),
		"Outgoing connections to the Internet are allowed unless a rule of yours denies them. Replies pass by themselves.")...))
	text.WriteString("set -eu\n: \"${RESOURCE_GROUP:?the resource group}\" \"${NSG:?the network security group}\"\n")
	priority := azurePriority
	for _, f := range exact.Flows {
		f.byFamily(func(family Family, f Flow) {
			text.WriteString(azureRule(family, f, priority))
			priority++
		})
	}
	return text.String()
}

func azureRule(family Family, f Flow, priority int) string {
	name, direction := "portico-"+f.ID, "Outbound"
	switch family {
	case IPv4:
		name += "-ipv4"
	case IPv6:
		name += "-ipv6"
	}
	if f.Inbound {
		direction = "Inbound"
	}
	return fmt.Sprintf(`
az network nsg rule create --resource-group "$RESOURCE_GROUP" --nsg-name "$NSG" \
  --name %s --description '%s' --priority %d \
  --direction %s --access Allow --protocol Tcp \
  --source-address-prefixes %s --source-port-ranges %s \
  --destination-address-prefixes %s --destination-port-ranges %s
`, name, f.Name(), priority, direction,
		azureNetworks(family, f.source()), azurePorts(f.from()),
		azureNetworks(family, f.destination()), azurePorts(f.to()))
}

func azureNetworks(family Family, networks []netip.Prefix) string {
	if family == BothFamilies {
		return "'*'"
	}
	return strings.Join(addresses(family.everywhere(networks)), " ")
}

func azurePorts(ports portalloc.PortList) string {
	if len(ports) == 0 {
		return "'*'"
	}
	return strings.Join(rangesWith(ports, "-"), " ")
}
