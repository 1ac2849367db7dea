package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

// firewallFlags are the flags of `portico firewall`.
type firewallFlags struct {
	target      string
	side        string
	mode        string
	placement   string
	servers     []string
	clients     []string
	clientPorts string
	replica     int // -1: all of them
	helper      bool
	diff        bool
}

func (p *program) firewallCommand() *cobra.Command {
	settings, f := &serveFlags{}, &firewallFlags{}
	cmd := &cobra.Command{
		Use:   "firewall --for TARGET",
		Short: "Print firewall rules for this configuration",
		Long: `Print what a firewall must let through for this configuration, and nothing
else: exact ports and directions, IPv4 and IPv6, ready to apply. The rules go to
standard output, remarks about this machine to standard error. Nothing is changed.

Targets:
` + targetList() + `
--side client prints what the site of the clients must open; it needs the
configuration of the server, or its --listen and --passive-ports. --helper adds
what makes a firewall read FTP, where it can. --diff compares with the rules that
are loaded (exit code 1: they differ).`,
		Example: `  portico firewall --for nftables --config portico.yaml
  portico firewall --for iptables --side client --server ftp.example.org --mode passive
  portico firewall --for nftables --diff`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.firewall(cmd.Context(), settings, f)
		},
	}
	settings.registerNetwork(cmd)
	f.register(cmd)
	return cmd
}

func targetList() string {
	var text strings.Builder
	for _, t := range firewall.Targets() {
		fmt.Fprintf(&text, "  %-15s %s\n", t.Name, t.Summary)
	}
	return text.String()
}

func (f *firewallFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.target, "for", "", "what to print rules for: "+strings.Join(firewall.TargetNames(), ", "))
	flags.StringVar(&f.side, "side", "server", "whose firewall: server or client")
	flags.StringVar(&f.mode, "mode", "both", "passive, active or both, as far as the configuration has both")
	flags.StringVar(&f.placement, "at", "host", "where the firewall runs: host, or gateway for a router in front")
	flags.StringSliceVar(&f.servers, "server", nil, "address of the server, an IP address or a host name; may be repeated. A client's site uses public_address without it")
	flags.StringSliceVar(&f.clients, "clients", nil, "networks of the clients, such as 192.0.2.0/24; may be repeated")
	flags.StringVar(&f.clientPorts, "client-ports", "", "ports on which clients wait in active mode, such as 50000-50099 (default 1024-65535)")
	flags.IntVar(&f.replica, "replica", -1, "with passive.slice, print what the machine of one replica needs, by its ordinal (default: what all of them need)")
	flags.BoolVar(&f.helper, "helper", false, "make the firewall read FTP, where it can")
	flags.BoolVar(&f.diff, "diff", false, "compare with the loaded rules (nftables and iptables)")
}

func (p *program) firewall(ctx context.Context, settings *serveFlags, f *firewallFlags) error {
	request, err := p.firewallRequest(ctx, settings, f)
	if err != nil {
		return err
	}
	plan, err := firewall.NewPlan(request)
	if err != nil {
		return err
	}
	if f.diff {
		return p.firewallDiff(ctx, plan, f.target)
	}
	rules, err := plan.Render(f.target)
	if err != nil {
		return err
	}
	if f.placement != string(firewall.AtGateway) {
		p.printListening(plan)
	}
	_, err = fmt.Fprint(p.stdout, rules)
	return err
}

func (p *program) firewallRequest(ctx context.Context, settings *serveFlags, f *firewallFlags) (firewall.Request, error) {
	if f.target == "" {
		return firewall.Request{}, fmt.Errorf("--for is missing: name one of %s", strings.Join(firewall.TargetNames(), ", "))
	}
	cfg, err := settings.load(p.environ)
	faults := []error{err}
	if cfg == nil {
		return firewall.Request{}, err
	}
	service, err := firewallService(cfg)
	faults = append(faults, err)
	if errors.Join(faults...) == nil {
		faults = append(faults, f.takeReplica(cfg, &service))
	}
	request := firewall.Request{
		Service: service,
		Side:    firewall.Side(f.side),
		Mode:    firewall.Mode(f.mode),
		At:      firewall.Placement(f.placement),
		Helper:  f.helper,
	}
	request.ClientPorts, err = portalloc.ParsePorts(f.clientPorts)
	if err != nil {
		faults = append(faults, fmt.Errorf("--client-ports: %s", withoutPackage(err)))
	}
	request.Clients, err = parseNetworks("--clients", f.clients)
	faults = append(faults, err)
	if len(f.servers) == 0 && f.side == string(firewall.SideClient) && service.Address != "" {
		f.servers = []string{service.Address}
	}
	request.Servers, err = resolveServers(ctx, f.servers)
	request.ServerName = strings.Join(f.servers, ", ")
	return request, errors.Join(append(faults, err)...)
}

// takeReplica makes the service that of one replica if that is asked for.
func (f *firewallFlags) takeReplica(cfg *config.Config, service *firewall.Service) error {
	switch {
	case f.replica == -1:
		return nil
	case f.replica < 0:
		return fmt.Errorf("--replica %d: no replica has such an ordinal: the first is 0", f.replica)
	case cfg.Passive.Slice == "":
		return fmt.Errorf("--replica %d: passive.slice is not set, so there is one server: leave --replica out", f.replica)
	}
	cfg.Passive.Slice = config.Slice(strconv.Itoa(f.replica))
	if _, err := cfg.KeepSlice("", ""); err != nil {
		return fmt.Errorf("--replica %d: %w", f.replica, err)
	}
	service.Passive, service.Advertised = cfg.Passive.Ports, cfg.Passive.AdvertisedPorts
	service.SlicePorts, service.Replica = 0, strconv.Itoa(f.replica)
	return nil
}

func parseNetworks(flag string, texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	var faults []error
	for _, text := range texts {
		network, err := parseNetwork(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %q is neither an address nor a network: write it as 192.0.2.1 or 192.0.2.0/24", flag, text))
			continue
		}
		networks = append(networks, network)
	}
	return networks, errors.Join(faults...)
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return single(addr), nil
	}
	return netip.ParsePrefix(text)
}

func single(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen())
}

// lookupTimeout bounds the look-up of all servers' names.
const lookupTimeout = 10 * time.Second

// resolveServers turns names into the addresses that they have today: firewalls
// know no names, or look them up once.
func resolveServers(ctx context.Context, names []string) ([]netip.Prefix, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var all []netip.Prefix
	var faults []error
	for _, name := range names {
		if network, err := parseNetwork(name); err == nil {
			all = append(all, network)
			continue
		}
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			faults = append(faults, fmt.Errorf("--server %s: %w: name an IP address, or correct the name", name, err))
		}
		for _, addr := range found {
			all = append(all, single(addr))
		}
	}
	return all, errors.Join(faults...)
}

// firewallDiff prints how the loaded rules differ.
func (p *program) firewallDiff(ctx context.Context, plan *firewall.Plan, target string) error {
	lines, err := plan.Diff(ctx, target, firewall.Exec, p.uid == 0)
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		_, err := fmt.Fprintln(p.stdout, "The rules are loaded as they should be.")
		return err
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return errReported
}

// printListening tells what the rules would expose on this machine today, as
// far as this machine is the one that they are for.
func (p *program) printListening(plan *firewall.Plan) {
	ports := plan.Exposed()
	if len(ports) == 0 {
		return
	}
	listening, err := firewall.ListeningIn(ports)
	switch {
	case err != nil:
		fmt.Fprintf(p.stderr, "What listens on TCP %v here is not known: %v\n", ports, err)
		return
	case len(listening) == 0:
		fmt.Fprintf(p.stderr, "Nothing listens on TCP %v of this machine now.\n", ports)
		return
	}
	fmt.Fprintf(p.stderr, "On this machine the rules would expose today:\n")
	for _, l := range listening {
		fmt.Fprintf(p.stderr, "  %v\n", l)
	}
}
