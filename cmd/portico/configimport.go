package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/cmd/portico/migrate"
)

func (p *program) configImportCommand() *cobra.Command {
	from := ""
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Translate the configuration of another FTP server",
		Long: `Print a configuration in YAML that does what another server's configuration
says, as far as Portico can: that of vsftpd (vsftpd.conf), ProFTPD (proftpd.conf)
or Pure-FTPd (pure-ftpd.conf, the directory /etc/pure-ftpd/conf, or a file with
flags). What could not be translated stands in comments at its end, and in short on
standard error. Nothing else is read, and nothing is changed. docs/migrate.md has
every setting.`,
		Example: "  portico config import /etc/vsftpd.conf >portico.yaml",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return p.importConfig(args[0], from) },
	}
	cmd.Flags().StringVar(&from, "from", "", "whose configuration it is: "+strings.Join(migrate.Importable(), ", ")+" (default: seen from the file)")
	return cmd
}

func (p *program) importConfig(file, from string) error {
	text, err := readForeign(file)
	if err != nil {
		return fmt.Errorf("FILE: %w", err)
	}
	if from == "" {
		from = migrate.Detect(file, text)
	}
	if from == "" {
		return fmt.Errorf("FILE: nothing in %s looks like the configuration of another server: if it is one, say which with --from (%s)", file, strings.Join(migrate.Importable(), ", "))
	}
	result, err := migrate.Import(from, file, text)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if _, err := p.stdout.Write(result.YAML); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stderr, result.Summary())
	return err
}

// maxForeign is more than any configuration is long.
const maxForeign = 1 << 20

// readForeign reads a file, or a directory with a file for each setting.
func readForeign(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return readText(name)
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		value, err := readText(filepath.Join(name, entry.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&lines, "%s %s\n", entry.Name(), strings.Join(strings.Fields(value), " "))
	}
	return lines.String(), nil
}

func readText(name string) (string, error) {
	content, err := os.ReadFile(name)
	switch {
	case err != nil:
		return "", err
	case len(content) > maxForeign:
		return "", fmt.Errorf("%s is too long to be a configuration", name)
	default:
		return strings.ToValidUTF8(string(content), string(utf8.RuneError)), nil
	}
}
