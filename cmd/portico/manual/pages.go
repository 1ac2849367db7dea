package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portico-ftp/portico/config"
)

// ConfigurationPage is the reference of all keys as portico.yaml(5).
func ConfigurationPage(sections []config.Section, comments Comments) string {
	t := newTranslator(comments, sections)
	page := newRoff("portico.yaml", 5, "portico.yaml", "configuration of the FTP server portico")
	page.heading("SH", "DESCRIPTION")
	page.text(configurationIntroduction)
	for _, section := range sections {
		title := section.Path
		if title == "" {
			title = "TOP OF THE FILE"
		}
		page.heading("SH", title)
		if section.Path != "" {
			page.text(t.section(section))
		}
		for _, key := range section.Keys {
			page.term(key.Name, facts(key), t.key(section, key))
		}
	}
	page.heading("SH", "SEE ALSO")
	page.text("`portico`(1)")
	return page.String()
}

const configurationIntroduction = "The settings of a server come from a file in YAML, TOML or JSON, which `portico serve --config` names, " +
	"from environment variables and from flags. Flags win over variables, variables over the file, and what nobody sets has its default. " +
	"Unknown keys and variables are errors.\n\n" +
	"Durations are written as 30s, 5m or 1h30m, sizes as 64MiB. Relative paths in the file count from its directory. " +
	"Where no default is told, it is empty. A variable takes a list in YAML or JSON, one of plain values with commas, too. Keys of list items have no variable of their own.\n\n" +
	"`portico config init` prints a file with every key, `portico check` tries one."

// facts are what a page says of a key beside its name.
func facts(key config.Key) string {
	said := []string{key.Takes}
	if key.Section != "" {
		said[0] += ", see " + key.Section
	}
	if key.Default != "" {
		said = append(said, "default "+key.Default)
	}
	if key.Variable != "" {
		said = append(said, key.Variable)
	}
	return " (" + strings.Join(said, "; ") + ")"
}

// CommandPage is the help of all commands as portico(1).
func CommandPage(root *cobra.Command) string {
	page := newRoff(root.Name(), 1, root.Name(), root.Short)
	page.heading("SH", "SYNOPSIS")
	page.text(fmt.Sprintf("`%s` command [argument ...] [flag ...]", root.Name()))
	page.heading("SH", "DESCRIPTION")
	page.text("Each command tells of itself with `--help`, too. Settings that are no flags are in `portico.yaml`(5).")
	page.heading("SH", "COMMANDS")
	writeCommands(page, root)
	page.heading("SH", "EXIT STATUS")
	page.text("0 if all is well, 1 after an error, which standard error tells, unless the command says otherwise.")
	page.heading("SH", "SEE ALSO")
	page.text("`portico.yaml`(5)")
	return page.String()
}

func writeCommands(page *roff, parent *cobra.Command) {
	for _, command := range parent.Commands() {
		if !command.IsAvailableCommand() || command.IsAdditionalHelpTopicCommand() {
			continue
		}
		switch {
		case command.Name() == "completion": // each of its commands says the same at length
			page.heading("SS", command.CommandPath()+" "+strings.Join(names(command.Commands()), "|"))
			page.text(command.Short + ".")
		case command.HasAvailableSubCommands():
			writeCommands(page, command)
		default:
			writeCommand(page, command)
		}
	}
}

func writeCommand(page *roff, command *cobra.Command) {
	page.heading("SS", command.UseLine())
	page.text(command.Short + ".\n\n" + command.Long)
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			page.term(flagName(flag), flagRest(flag), flag.Usage)
		}
	})
	if command.HasExample() {
		page.literal(strings.Split(strings.Trim(command.Example, "\n"), "\n"))
	}
}

func names(commands []*cobra.Command) []string {
	all := make([]string, len(commands))
	for i, command := range commands {
		all[i] = command.Name()
	}
	return all
}

func flagName(flag *pflag.Flag) string {
	if flag.Shorthand != "" {
		return "-" + flag.Shorthand + ", --" + flag.Name
	}
	return "--" + flag.Name
}

// flagRest is what a flag takes, and its default where that says something.
func flagRest(flag *pflag.Flag) string {
	rest := ""
	if kind, _ := pflag.UnquoteUsage(flag); kind != "" {
		rest = " " + strings.TrimSuffix(kind, "Array") // may be repeated, as its text says
	}
	switch flag.DefValue {
	case "", "false", "0", "0s", "[]":
		return rest
	default:
		return rest + " (default " + flag.DefValue + ")"
	}
}
