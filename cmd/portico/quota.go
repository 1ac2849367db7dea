package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
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
		Long: `Count anew what users with a quota keep, all or those named, after something
else than the server has changed their homes. The server must not run meanwhile,
for the file of the quotas is its own. A user of a host is USER@HOST.`,
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
	counted, err := s.usersWithQuota(names)
	if err != nil {
		return err
	}
	store, err := s.openQuotas()
	if err != nil {
		return err
	}
	var faults []error
	for _, c := range counted {
		usage, err := c.recount(ctx, store)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		fmt.Fprintf(p.stdout, "%s: %d bytes, %d files\n", c.account, usage.Bytes, usage.Files)
	}
	return errors.Join(append(faults, store.Close())...)
}

// countedUser is a user whose files are counted.
type countedUser struct {
	account string
	name    string
	home    config.Path
}

// usersWithQuota returns those with these account names, all without names.
func (s *setup) usersWithQuota(names []string) ([]countedUser, error) {
	all := usersWithQuotaOf("", s.config.Users)
	for _, host := range s.config.Hosts {
		all = append(all, usersWithQuotaOf(host.Name, host.Users)...)
	}
	if len(all) == 0 {
		return nil, errors.New("no user has a quota: set users[].quota, and name the configuration with --config")
	}
	if len(names) == 0 {
		return all, nil
	}
	var chosen []countedUser
	for _, name := range names {
		i := slices.IndexFunc(all, func(c countedUser) bool { return c.account == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no user %q with a quota: name others, or none for all", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func usersWithQuotaOf(host string, users []config.User) []countedUser {
	var counted []countedUser
	for _, u := range users {
		if u.Quota != (config.Quota{}) {
			counted = append(counted, countedUser{quotaAccount(host, u.Name), u.Name, u.Home})
		}
	}
	return counted
}

func (c countedUser) recount(ctx context.Context, store *quota.Store) (quota.Usage, error) {
	directory, err := driver.ExpandDir(string(c.home), c.name)
	if err != nil {
		return quota.Usage{}, err
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return quota.Usage{}, fmt.Errorf("home of %s: %w: make it, or let this user open it", c.account, err)
	}
	defer root.Close()
	return store.Recount(ctx, c.account, driver.NewLocal(root))
}
