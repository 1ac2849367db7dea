package firewall

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// windowsGroup marks our rules, so that they can be replaced.
const windowsGroup = "Portico"

func windows(p *Plan) string {
	exact := p.exact()
	var text strings.Builder
	text.WriteString(exact.header(
		"Apply in PowerShell as administrator. Applying it again replaces the rules.",
		"To bind a rule to the server alone, add -Program 'C:\\path\\to\\portico.exe'.",
		"Windows lets replies pass by itself, and outgoing connections unless they are blocked by default.",
	))
	if p.Helper.On() {
		comment(&text, "Set-NetFirewallSetting -EnableStatefulFtp True makes Windows read FTP, on port 21 alone and not under TLS. The exact ports are allowed instead.")
	}
	fmt.Fprintf(&text, "\nRemove-NetFirewallRule -Group '%s' -ErrorAction SilentlyContinue\n", windowsGroup)
	for _, f := range exact.Flows {
		f.byFamily(func(family Family, f Flow) {
			fmt.Fprintln(&text, windowsRule(family, f))
		})
	}
	return text.String()
}

func windowsRule(family Family, f Flow) string {
	name, direction := "portico-"+f.ID, "Outbound"
	if f.Inbound {
		direction = "Inbound"
	}
	label := f.Name()
	switch family {
	case IPv4:
		name, label = name+"-ipv4", label+" (IPv4)"
	case IPv6:
		name, label = name+"-ipv6", label+" (IPv6)"
	}
	rule := fmt.Sprintf("New-NetFirewallRule -Name '%s' -DisplayName '%s' -Group '%s' -Direction %s -Action Allow -Protocol TCP",
		name, label, windowsGroup, direction)
	rule += windowsPorts("LocalPort", f.LocalPorts) + windowsPorts("RemotePort", f.RemotePorts)
	rule += windowsAddresses("LocalAddress", f.Local)
	if len(f.Local) == 0 && len(f.Remote) == 0 {
		return rule + windowsAddresses("RemoteAddress", halves(family))
	}
	return rule + windowsAddresses("RemoteAddress", f.Remote)
}

func windowsPorts(parameter string, ports portalloc.PortList) string {
	if len(ports) == 0 {
		return ""
	}
	return windowsList(parameter, rangesWith(ports, "-"))
}

func windowsAddresses(parameter string, networks []netip.Prefix) string {
	if len(networks) == 0 {
		return ""
	}
	return windowsList(parameter, addresses(networks))
}

// halves are all addresses of one family in two networks, because Windows does
// not take them in one.
func halves(family Family) []netip.Prefix {
	switch family {
	case IPv4:
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}
	case IPv6:
		return []netip.Prefix{netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")}
	default:
		return nil
	}
}

func windowsList(parameter string, values []string) string {
	return fmt.Sprintf(" -%s '%s'", parameter, strings.Join(values, "','"))
}
