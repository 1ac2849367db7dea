//go:build unix

package notify_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/server"
)

// TestDocumentationNamesEveryFact holds the table of docs/hooks.md against what
// a command and a receiver get.
func TestDocumentationNamesEveryFact(t *testing.T) {
	t.Parallel()
	page := readFile(t, filepath.Join("..", "..", "docs", "hooks.md"))
	_, facts, _ := strings.Cut(page, "\n## Facts\n")
	facts, _, _ = strings.Cut(facts, "\n## ")
	var variables, fields []string
	for line := range strings.Lines(facts) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		variables = append(variables, quotedWords(cells[1])...)
		fields = append(fields, quotedWords(cells[2])...)
	}

	e := upload("/caf\xe9")
	e.Target, e.TargetFile = "/\xff", "/srv/\xff"
	out := filepath.Join(t.TempDir(), "out")
	command, _ := openCommand(t, nil, `env >"$1"`, out)
	command.Notify(upload("/file"))
	mustClose(t, command)
	var set []string
	for line := range strings.Lines(readFile(t, out)) {
		if name, _, _ := strings.Cut(line, "="); strings.HasPrefix(name, "PORTICO_") {
			set = append(set, name)
		}
	}
	wantSame(t, "variables", variables, set)

	rec := &receiver{}
	hook, _ := openWebhook(t, rec, nil)
	hook.Notify(e)
	mustClose(t, hook)
	request := rec.received()[0]
	var body map[string]any
	if err := json.Unmarshal(request.body, &body); err != nil {
		t.Fatal(err)
	}
	wantSame(t, "fields", fields, slices.Collect(maps.Keys(body)))
	for name := range request.header {
		if strings.HasPrefix(name, "X-Portico-") && !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("the page says nothing of the header %s", name)
		}
	}
	for kind := server.EventLogin; !strings.HasPrefix(kind.String(), "unknown"); kind++ {
		if !strings.Contains(page, "\n| `"+kind.String()+"` |") {
			t.Errorf("the page says nothing of the event %v", kind)
		}
	}
}

// quotedWords are the words between back-quotes.
func quotedWords(cell string) []string {
	var words []string
	for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		words = append(words, match[1])
	}
	return words
}

func wantSame(t *testing.T, what string, documented, real []string) {
	t.Helper()
	slices.Sort(documented)
	slices.Sort(real)
	if !slices.Equal(documented, real) {
		t.Errorf("%s: documented %q, real %q", what, documented, real)
	}
}
