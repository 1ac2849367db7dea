package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsInTheDocumentation runs the commands of the page about
// firewalls. Those that look at the machine may find something wrong there.
func TestCommandsInTheDocumentation(t *testing.T) {
	t.Parallel()
	page := readFile(t, filepath.Join("..", "..", "docs", "firewalls.md"))
	settings := writeFile(t, "portico.yaml", `
listeners: [{address: ":2121", proxy_protocol: [10.0.0.0/8]}]
passive: {ports: 21100-21103}
users: [{name: alice, password: $6$salt$3P0, home: `+t.TempDir()+`}]
`)
	commands := documentedCommands(page)
	if len(commands) < 10 {
		t.Fatalf("the page has %d commands: %v", len(commands), commands)
	}
	for _, command := range commands {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(command)[1:]
			for i, arg := range args {
				if arg == "portico.yaml" {
					args[i] = settings
				}
			}
			o := execute(t, "", nil, args...)
			looksAtMachine := args[0] == "check" || strings.Contains(command, "--diff")
			if o.code != 0 && !looksAtMachine {
				t.Errorf("exit code %d:\n%s", o.code, o.stderr)
			}
			if said := o.stderr; strings.Contains(said, "unknown flag") || strings.Contains(said, "unknown command") || strings.Contains(said, "is unknown") {
				t.Errorf("the command is not understood:\n%s", said)
			}
		})
	}
}

// documentedCommands are the lines of code blocks that call portico, up to a
// pipe.
func documentedCommands(page string) []string {
	var commands []string
	inCode := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
		} else if inCode && strings.HasPrefix(line, "portico ") {
			command, _, _ := strings.Cut(line, " | ")
			commands = append(commands, command)
		}
	}
	return commands
}

// TestPicturesInTheDocumentation wants every picture of the page to be there.
func TestPicturesInTheDocumentation(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	page := readFile(t, filepath.Join(docs, "firewalls.md"))
	parts := strings.Split(page, "](")[1:]
	for _, part := range parts {
		name, _, _ := strings.Cut(part, ")")
		if picture := readFile(t, filepath.Join(docs, name)); !strings.HasPrefix(picture, "<svg ") {
			t.Errorf("%s is no SVG picture", name)
		}
	}
	if len(parts) != 4 {
		t.Errorf("the page has %d pictures, want one for each case", len(parts))
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
