package migrate

import (
	"fmt"
	"strings"
)

// Document is docs/migrate.md.
func Document() string {
	var page strings.Builder
	page.WriteString(documentHead)
	for _, server := range Servers() {
		fmt.Fprintf(&page, "\n## %s\n\n%s\n\n%s", server.Title, server.Intro, server.table())
	}
	return page.String()
}

const documentHead = `<!-- Made by ` + "`make docs`" + ` from the tables in cmd/portico/migrate. Change them there, not this page. -->

# Moving to Portico

` + "```" + `
portico config import /etc/vsftpd.conf >portico.yaml     # or proftpd.conf, pure-ftpd.conf, /etc/pure-ftpd/conf
portico user add alice --config portico.yaml --groups users
portico check --config portico.yaml
` + "```" + `

The import reads the other server's settings and changes nothing. What it could not translate stands in comments at the end of the file that it
prints, each line of it, unknown ones included; a summary goes to standard error. ` + "`--from`" + ` says whose file it is where that is not seen.

Then: set the home of the group ` + "`users`" + `, add the users, give the files to the user that the server runs as, stop the old server, and
start Portico. ` + "`portico check`" + ` says what is still wrong, ` + "`portico firewall`" + ` which ports to open, and ` + "`portico doctor`" + ` from a client's side
whether it works.

In the tables, *imported* is translated by the import, *by hand* has something in its place that a person has to write, *nothing to do*
is how Portico always is, and *not there* is what it does not have.
`

func (s Server) table() string {
	var table strings.Builder
	flagged := false
	for _, setting := range s.Settings {
		flagged = flagged || setting.Flag != ""
	}
	if flagged {
		table.WriteString("| setting | flag | Portico | | |\n|---|---|---|---|---|\n")
	} else {
		table.WriteString("| setting | Portico | | |\n|---|---|---|---|\n")
	}
	for _, setting := range s.Settings {
		fmt.Fprintf(&table, "| `%s` |", setting.Name)
		if flagged {
			flag := ""
			if setting.Flag != "" {
				flag = " `-" + setting.Flag + "`"
			}
			table.WriteString(flag + " |")
		}
		keys := ""
		for _, key := range setting.Keys {
			keys += fmt.Sprintf(", [`%s`](configuration.md#%s)", key, section(key))
		}
		fmt.Fprintf(&table, "%s | %s | %s |\n", strings.TrimPrefix(keys, ","), setting.Fate, strings.ReplaceAll(setting.Note, "|", `\|`))
	}
	return table.String()
}

// section is the heading in configuration.md under which a key stands.
func section(key string) string {
	i := strings.LastIndex(key, ".")
	switch {
	case i >= 0:
		return strings.ReplaceAll(key[:i], ".", "")
	case key == "listeners" || key == "users" || key == "groups" || key == "hooks":
		return key
	default:
		return "top-of-the-file"
	}
}
