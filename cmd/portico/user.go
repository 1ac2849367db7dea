package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/internal/sharedfile"
)

// userFlags say which file of users the commands are about.
type userFlags struct {
	config string
	file   string
}

func (f *userFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "configuration file, whose auth.file.path is the file of users")
	cmd.Flags().StringVar(&f.file, "file", "", "file of users, instead of auth.file.path")
}

func (p *program) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Edit the file of users (auth.file)",
		Long: `Edit the file of users that auth.file.path names. A running server reads it
again by itself. Several commands may run at the same time; comments stay.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.userAddCommand(), p.userDelCommand(), p.userPasswdCommand(), p.userListCommand())
	return cmd
}

func (p *program) userAddCommand() *cobra.Command {
	f := &userFlags{}
	u := &newUser{}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user; the password comes from the terminal or a pipe",
		Example: `  portico user add alice --config portico.yaml --groups staff
  printf '%s\n' "$PASSWORD" | portico user add bob --file users.yaml --home /srv/ftp/bob --permissions list,read`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u.name = args[0]
			return p.addUser(cmd.Context(), f, u)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&u.home, "home", "", "directory that the user sees as /; may be left out if a group has one")
	flags.BoolVar(&u.createHome, "create-home", false, "make the home at the first login")
	flags.StringSliceVar(&u.groups, "groups", nil, "groups of the configuration")
	flags.StringSliceVar(&u.permissions, "permissions", nil, "what the user may do: list, read, write, …; everything if left out")
	flags.BoolVar(&u.generate, "generate", false, "make a password, and print it")
	return cmd
}

func (p *program) userDelCommand() *cobra.Command {
	f := &userFlags{}
	cmd := &cobra.Command{
		Use:   "del NAME...",
		Short: "Remove users; their files and sessions stay",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.edit(cmd.Context(), p, func(users *config.UsersText) error {
				for _, name := range args {
					if !users.Remove(name) {
						return fmt.Errorf("there is no user %q: portico user list shows them all", name)
					}
				}
				return nil
			})
		},
	}
	f.register(cmd)
	return cmd
}

func (p *program) userPasswdCommand() *cobra.Command {
	f := &userFlags{}
	generate := false
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Change a password; it comes from the terminal or a pipe",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := p.newPassword(cmd.Context(), generate)
			if err != nil {
				return err
			}
			err = f.edit(cmd.Context(), p, func(users *config.UsersText) error {
				found, err := users.Set(args[0], config.Setting{Key: "password", Value: password.hash})
				if !found {
					return fmt.Errorf("there is no user %q: portico user list shows them all", args[0])
				}
				return err
			})
			return errors.Join(err, password.print(p, err == nil))
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&generate, "generate", false, "make a password, and print it")
	return cmd
}

// newUser is a user to be added.
type newUser struct {
	name                string
	home                string
	createHome          bool
	groups, permissions []string
	generate            bool
}

func (p *program) addUser(ctx context.Context, f *userFlags, u *newUser) error {
	password, err := p.newPassword(ctx, u.generate)
	if err != nil {
		return err
	}
	err = f.edit(ctx, p, func(users *config.UsersText) error {
		if users.Has(u.name) {
			return fmt.Errorf("there is a user %q already: portico user passwd changes the password", u.name)
		}
		return users.Add(u.settings(password.hash))
	})
	return errors.Join(err, password.print(p, err == nil))
}

// settings are the keys that were given. A home is written as a whole, because
// one that is relative would count from the file.
func (u *newUser) settings(hash string) []config.Setting {
	settings := []config.Setting{{Key: "name", Value: u.name}, {Key: "password", Value: hash}}
	if u.home != "" {
		home := u.home
		if absolute, err := filepath.Abs(home); err == nil {
			home = absolute
		}
		settings = append(settings, config.Setting{Key: "home", Value: home})
	}
	if u.createHome {
		settings = append(settings, config.Setting{Key: "create_home", Value: true})
	}
	if len(u.groups) > 0 {
		settings = append(settings, config.Setting{Key: "groups", Value: u.groups})
	}
	if len(u.permissions) > 0 {
		settings = append(settings, config.Setting{Key: "permissions", Value: u.permissions})
	}
	return settings
}

// newPassword is a password for the file.
type newPassword struct {
	hash      string
	generated string // empty: the person knows it
}

func (p *program) newPassword(ctx context.Context, generate bool) (newPassword, error) {
	if generate {
		password := generatePassword()
		hash, err := driver.HashPassword(password)
		return newPassword{hash: hash, generated: password}, err
	}
	password, err := p.readNewPassword(ctx)
	if err != nil {
		return newPassword{}, err
	}
	hash, err := driver.HashPassword(password)
	return newPassword{hash: hash}, err
}

// print prints a password that nobody knows yet, once it counts.
func (n newPassword) print(p *program, counts bool) error {
	if n.generated == "" || !counts {
		return nil
	}
	_, err := fmt.Fprintln(p.stdout, n.generated)
	return err
}

// load reads the configuration and settles the file of users.
func (f *userFlags) load(p *program) (*config.Config, error) {
	cfg, err := config.Load(config.LoadOptions{File: f.config, Environ: p.environ})
	if err != nil {
		return nil, err
	}
	if f.file == "" {
		f.file = string(cfg.Auth.File.Path)
	}
	if f.file == "" {
		return nil, &config.Fault{Key: "auth.file.path", Problem: "is not set: set it in the configuration that --config names, or name the file with --file"}
	}
	return cfg, nil
}

// edit changes the file of users. What the server would not read is not written.
func (f *userFlags) edit(ctx context.Context, p *program, change func(*config.UsersText) error) error {
	cfg, err := f.load(p)
	if err != nil {
		return err
	}
	if ending := strings.ToLower(filepath.Ext(f.file)); ending != ".yaml" && ending != ".yml" {
		return fmt.Errorf("%s: only a YAML file can be edited here: name it .yaml, or edit it by hand", f.file)
	}
	return sharedfile.Edit(ctx, f.file, func(content []byte) ([]byte, error) {
		users, err := config.EditUsers(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.file, err)
		}
		if err := change(users); err != nil {
			return nil, err
		}
		content, err = users.Bytes()
		if err != nil {
			return nil, err
		}
		_, err = cfg.ParseUsers(content, f.file)
		return content, err
	})
}

func (p *program) userListCommand() *cobra.Command {
	f := &userFlags{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the users of the file",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := f.load(p)
			if err != nil {
				return err
			}
			users, err := cfg.LoadUsers(f.file)
			if err != nil {
				return err
			}
			if asJSON {
				return p.printUsersJSON(users)
			}
			return p.printUsers(users)
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listedUser is a user as `portico user list` tells.
type listedUser struct {
	Name        string   `json:"name"`
	Home        string   `json:"home"`
	Groups      []string `json:"groups"`
	Permissions []string `json:"permissions"`
	Disabled    bool     `json:"disabled"`
	Expires     string   `json:"expires"`
}

func listed(users []config.User) []listedUser {
	list := make([]listedUser, len(users))
	for i, u := range users {
		list[i] = listedUser{
			Name: u.Name, Home: string(u.Home), Groups: slices.Concat([]string{}, u.Groups), Permissions: slices.Concat([]string{}, u.Permissions),
			Disabled: u.Disabled, Expires: u.Expires.String(),
		}
	}
	return list
}

func (p *program) printUsersJSON(users []config.User) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(listed(users))
}

func (p *program) printUsers(users []config.User) error {
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tHOME\tGROUPS\tPERMISSIONS\tSTATE")
	for _, u := range listed(users) {
		state := "active"
		switch {
		case u.Disabled:
			state = "disabled"
		case u.Expires != "":
			state = "until " + u.Expires
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.Name, orDash(u.Home), orDash(strings.Join(u.Groups, ",")), orDash(strings.Join(u.Permissions, ",")), state)
	}
	return table.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
