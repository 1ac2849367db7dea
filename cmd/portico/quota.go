package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/server/shared"
)

func (p *program) quotaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Look after the quotas of users",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.quotaRecountCommand())
	return cmd
}

func (p *program) quotaRecountCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "recount [USER...]",
		Short: "Count anew what users with a quota keep",
		Long: `Count anew what users with a quota keep, all that are listed or those named,
after something else than the server has changed their homes. The server must not
run meanwhile, for the file of the quotas is its own. With shared.redis it may, but
what is written meanwhile may count twice, or not. A user of a host is USER@HOST.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.recount(cmd.Context(), f, args)
		},
	}
	cmd.Flags().StringVar(&f.file, "config", "", "configuration file (.yaml, .toml or .json)")
	cmd.Flags().BoolVar(&f.allowRoot, "allow-root", false, "run as root nevertheless")
	return cmd
}

func (p *program) recount(ctx context.Context, f *serveFlags, names []string) error {
	if err := checkUID(p.uid, f.allowRoot); err != nil { // the file would be root's
		return err
	}
	cfg, err := f.load(p.environ)
	if err != nil {
		return err
	}
	s := &setup{config: cfg}
	if cfg.QuotaFile == "" && cfg.Shared.Redis == "" {
		return s.fault("quota_file", "is not set, so nothing is counted: name the configuration with --config")
	}
	if err := s.addUsers(f); err != nil {
		return err
	}
	var state *shared.State
	if cfg.Shared.Redis != "" {
		if state, err = s.visitShared(); err != nil {
			return err
		}
		defer state.Close()
	}
	accounts, err := s.openAccounts(nil, state)
	if err != nil {
		return err
	}
	err = p.recountHomes(ctx, s, accounts, names)
	return errors.Join(err, accounts.close())
}

func (p *program) recountHomes(ctx context.Context, s *setup, accounts *accounts, names []string) error {
	homes, err := s.countedHomes(ctx, accounts, names)
	if err != nil {
		return err
	}
	var faults []error
	for _, home := range homes {
		usage, err := home.recount(ctx, accounts.quotas)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		fmt.Fprintf(p.stdout, "%s: %d bytes, %d files\n", home.account, usage.Bytes, usage.Files)
	}
	return errors.Join(faults...)
}

// countedHome is a home whose files are counted under a name.
type countedHome struct {
	account string
	driver.QuotaHome
}

// countedHomes returns the homes with these account names, all without names.
func (s *setup) countedHomes(ctx context.Context, accounts *accounts, names []string) ([]countedHome, error) {
	users, err := s.openUsers(accounts, zap.NewNop())
	if err != nil {
		return nil, err
	}
	all, err := homesOf(ctx, "", users, names)
	if err != nil {
		return nil, err
	}
	for i, host := range s.hosts {
		users, err := accounts.add(s.config.Hosts[i].Name, s.usersOptions(), host.users)
		if err != nil {
			return nil, err
		}
		homes, err := homesOf(ctx, s.config.Hosts[i].Name, users, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, homes...)
	}
	return chosenHomes(all, names)
}

func homesOf(ctx context.Context, host string, users *driver.Users, names []string) ([]countedHome, error) {
	homes, err := users.QuotaHomes(ctx, names...)
	if err != nil {
		return nil, err
	}
	counted := make([]countedHome, len(homes))
	for i, home := range homes {
		counted[i] = countedHome{quotaAccount(host, home.Place.User), home}
	}
	slices.SortFunc(counted, func(a, b countedHome) int { return strings.Compare(a.account, b.account) })
	return counted, nil
}

func chosenHomes(all []countedHome, names []string) ([]countedHome, error) {
	if len(names) == 0 && len(all) == 0 {
		return nil, errors.New("no user has a quota: set users[].quota, or name users of other sources")
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []countedHome
	for _, name := range names {
		i := slices.IndexFunc(all, func(c countedHome) bool { return c.account == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no user %q with a quota: name others, or none for all", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (h countedHome) recount(ctx context.Context, store *quota.Store) (quota.Usage, error) {
	storage, err := h.Open()
	if err != nil {
		return quota.Usage{}, fmt.Errorf("home of %s: %w", h.account, err)
	}
	return store.Recount(ctx, h.account, storage)
}
