package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print a first, the effective, the schema, or a translated configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.configInitCommand(), p.configShowCommand(), p.configSchemaCommand(), p.configImportCommand())
	return cmd
}

func (p *program) configInitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Print a complete configuration file with the defaults and a comment on every key",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.stdout, config.Example())
			return err
		},
	}
}

func (p *program) configShowCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the effective configuration: file, environment and defaults, secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.Load(config.LoadOptions{File: file, Environ: p.environ})
			if err != nil {
				return err
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			_, err = p.stdout.Write(text)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (.yaml, .toml or .json)")
	return cmd
}

func (p *program) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of configuration files",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(p.stdout, config.Schema())
			return err
		},
	}
}
