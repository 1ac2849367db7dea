package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/manual"
	"github.com/portico-ftp/portico/cmd/portico/migrate"
	"github.com/portico-ftp/portico/config"
)

//go:generate env UPDATE_DOCS=1 go test -count=1 -run ^TestManualIsCurrent$ .

// TestManualIsCurrent holds the pages in docs against what the code makes. With
// UPDATE_DOCS=1 it writes them, which `make docs` does.
func TestManualIsCurrent(t *testing.T) {
	t.Parallel()
	comments, err := manual.ReadComments(filepath.Join("..", "..", "config"))
	if err != nil {
		t.Fatal(err)
	}
	root := (&program{stdout: io.Discard, stderr: io.Discard}).rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	sections := config.Reference()
	for name, want := range map[string]string{
		"configuration.md": manual.Configuration(sections, comments),
		"portico.yaml.5":   manual.ConfigurationPage(sections, comments),
		"portico.1":        manual.CommandPage(root),
		"migrate.md":       migrate.Document(),
	} {
		page := filepath.Join("..", "..", "docs", name)
		if os.Getenv("UPDATE_DOCS") == "1" {
			if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
			continue
		}
		if got, err := os.ReadFile(page); err != nil || string(got) != want {
			t.Errorf("docs/%s is not what the code makes (%v): run `make docs` and commit it (after a conflict in it, too)", name, err)
		}
	}
}
