package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/server/guard"
)

// banFlags are those of every ban command.
type banFlags struct {
	config string
	file   string
}

func (p *program) banCommand() *cobra.Command {
	f := &banFlags{}
	cmd := &cobra.Command{
		Use:   "ban",
		Short: "List, make and lift bans",
		Long: `List, make and lift bans. They are in the file that defence.ban_file names, which a
server that runs reads again as soon as it has changed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.config, "config", "", "configuration file (.yaml, .toml or .json)")
	flags.StringVar(&f.file, "file", "", "file of bans, instead of the configuration's defence.ban_file")
	cmd.AddCommand(p.banListCommand(f), p.banAddCommand(f), p.banDelCommand(f))
	return cmd
}

func (p *program) banListCommand(f *banFlags) *cobra.Command {
	asJSON, asNftables := false, false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the bans",
		Long: `List the bans. --nftables prints commands for nft -f that replace the elements of
the sets banned4 and banned6 of the table inet portico.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			bans, err := p.presentBans(f)
			switch {
			case err != nil:
				return err
			case asNftables:
				_, err = fmt.Fprint(p.stdout, nftablesSets(bans, time.Now()))
			case asJSON:
				err = p.printBansJSON(bans)
			default:
				err = p.printBans(bans, time.Now())
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&asNftables, "nftables", false, "print commands for nft -f")
	cmd.MarkFlagsMutuallyExclusive("json", "nftables")
	return cmd
}

func (p *program) banAddCommand(f *banFlags) *cobra.Command {
	length, reason := time.Duration(0), ""
	cmd := &cobra.Command{
		Use:     "add NETWORK...",
		Short:   "Ban networks or addresses",
		Example: "  portico ban add 203.0.113.7 --for 24h --reason \"asked to stop\"\n  portico ban add 2001:db8::/48",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.banAdd(cmd.Context(), f, args, length, reason)
		},
	}
	cmd.Flags().DurationVar(&length, "for", 0, "how long, such as 24h (for good)")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the list and the log")
	return cmd
}

func (p *program) banDelCommand(f *banFlags) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "del NETWORK...",
		Short: "Lift bans",
		Long: `Lift the bans of these networks. An address stands for the ban of it alone, or of
its /64. What it did before is forgotten.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all != (len(args) == 0) {
				return errors.New("name the networks whose bans to lift, as in portico ban list, or --all")
			}
			return p.banDel(cmd.Context(), f, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "lift every ban")
	return cmd
}

// banList is where bans are kept.
type banList interface {
	Read() ([]guard.Ban, error)
	Edit(ctx context.Context, change func([]guard.Ban) ([]guard.Ban, error)) error
}

// open settles where the bans are, and which networks are never banned. The
// caller calls done at the end.
func (f *banFlags) open(environ []string) (list banList, never []netip.Prefix, done func(), err error) {
	done = func() {}
	if f.file != "" {
		return guard.File{Path: f.file}, nil, done, nil
	}
	cfg, err := (&serveFlags{file: f.config}).load(environ)
	if err != nil {
		return nil, nil, nil, err
	}
	s := &setup{config: cfg}
	switch {
	case cfg.Shared.Redis != "":
		state, err := s.visitShared()
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%w; --file changes the file of one server", err)
		}
		return guard.SharedList{Place: state.Bans()}, cfg.Defence.Allow, func() { state.Close() }, nil
	case cfg.Defence.BanFile == "":
		return nil, nil, nil, s.fault("defence.ban_file", "is not set, so bans are in the server's memory alone: set it, and name the configuration with --config, or the file with --file")
	default:
		return guard.File{Path: string(cfg.Defence.BanFile)}, cfg.Defence.Allow, done, nil
	}
}

// presentBans are those of the file that are not over.
func (p *program) presentBans(f *banFlags) ([]guard.Ban, error) {
	list, _, done, err := f.open(p.environ)
	if err != nil {
		return nil, err
	}
	defer done()
	bans, err := list.Read()
	return notOver(bans, time.Now()), err
}

func notOver(bans []guard.Ban, now time.Time) []guard.Ban {
	return slices.DeleteFunc(bans, func(b guard.Ban) bool { return !b.Until.IsZero() && !now.Before(b.Until) })
}

func (p *program) printBansJSON(bans []guard.Ban) error {
	if bans == nil {
		bans = []guard.Ban{}
	}
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"bans": bans})
}

func (p *program) printBans(bans []guard.Ban, now time.Time) error {
	if len(bans) == 0 {
		_, err := fmt.Fprintln(p.stdout, "nobody is banned")
		return err
	}
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NETWORK\tSINCE\tLEFT\tCOUNT\tREASON")
	for _, b := range bans {
		left, count := "for good", "-"
		if !b.Until.IsZero() {
			left = b.Until.Sub(now).Round(time.Second).String()
		}
		if b.Count > 0 {
			count = fmt.Sprint(b.Count)
		}
		fmt.Fprintf(table, "%v\t%s\t%s\t%s\t%s\n", b.Network, b.Since.Local().Format(time.DateTime), left, count, b.Reason)
	}
	return table.Flush()
}

func (p *program) banAdd(ctx context.Context, f *banFlags, args []string, length time.Duration, reason string) error {
	list, never, done, err := f.open(p.environ)
	if err != nil {
		return err
	}
	defer done()
	if length < 0 {
		return errors.New("--for is negative: write a time such as 24h, or leave it out to ban for good")
	}
	if strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' }) {
		return errors.New("--reason holds a line break or another control character: write one line of text")
	}
	now := time.Now().UTC().Truncate(time.Second)
	var added []guard.Ban
	for _, arg := range args {
		network, err := bannable(arg, never)
		if err != nil {
			return err
		}
		b := guard.Ban{Network: network, Since: now, Reason: reason}
		if length > 0 {
			b.Until = now.Add(max(length, time.Second))
		}
		added = append(added, b)
	}
	return edit(ctx, list, func(bans []guard.Ban) ([]guard.Ban, error) {
		for _, b := range added {
			bans = append(without(notOver(bans, now), b.Network), b)
		}
		return bans, nil
	})
}

// bannable reads a network that is to be banned. An IPv6 address stands for its
// /64, from which its owner may take any.
func bannable(text string, never []netip.Prefix) (netip.Prefix, error) {
	network, err := guard.ParseNetwork(text)
	switch {
	case err != nil:
		return network, err
	case network.Bits() == 0:
		return network, fmt.Errorf("%v is everybody: to serve some networks only, set defence.only", network)
	case network.IsSingleIP():
		network = guard.NetworkOf(network.Addr())
	}
	for _, n := range never {
		if n.Bits() <= network.Bits() && n.Contains(network.Addr()) {
			return network, fmt.Errorf("%v is in %v, which defence.allow says is never banned", network, n)
		}
	}
	return network, nil
}

func without(bans []guard.Ban, network netip.Prefix) []guard.Ban {
	return slices.DeleteFunc(bans, func(b guard.Ban) bool { return b.Network == network })
}

// banDel lifts the bans of these networks, all without any.
func (p *program) banDel(ctx context.Context, f *banFlags, args []string) error {
	list, _, done, err := f.open(p.environ)
	if err != nil {
		return err
	}
	defer done()
	return edit(ctx, list, func(bans []guard.Ban) ([]guard.Ban, error) {
		if len(args) == 0 {
			return nil, nil
		}
		for _, arg := range args {
			if bans, err = lift(bans, arg); err != nil {
				return nil, err
			}
		}
		return bans, nil
	})
}

func lift(bans []guard.Ban, arg string) ([]guard.Ban, error) {
	network, err := guard.ParseNetwork(arg)
	if err != nil {
		return nil, err
	}
	left := without(slices.Clone(bans), network)
	if len(left) == len(bans) && network.IsSingleIP() {
		left = without(left, guard.NetworkOf(network.Addr()))
	}
	if len(left) < len(bans) {
		return left, nil
	}
	for _, b := range bans {
		if b.Network.Overlaps(network) {
			return nil, fmt.Errorf("%s has no ban of its own, but %v has one: lift that, or put %s into defence.allow", arg, b.Network, arg)
		}
	}
	return nil, fmt.Errorf("%s is not banned", arg)
}

// lockPatience is how long a command waits for others that change the file.
const lockPatience = 10 * time.Second

func edit(ctx context.Context, list banList, change func([]guard.Ban) ([]guard.Ban, error)) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	return list.Edit(ctx, change)
}
