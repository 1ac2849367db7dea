package manual

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
)

func readComments(t *testing.T) Comments {
	t.Helper()
	comments, err := ReadComments(filepath.Join("..", "..", "..", "config"))
	if err != nil {
		t.Fatal(err)
	}
	return comments
}

// TestEveryKeyIsExplained fails for a key whose field, or a section whose type,
// has no doc comment.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	sections := config.Reference()
	texts := newTranslator(readComments(t), sections)
	for _, section := range sections {
		if section.Path != "" && texts.section(section) == "" {
			t.Errorf("%s: give the type %s in package config a doc comment", section.Path, section.Type)
		}
		for _, key := range section.Keys {
			text := texts.key(section, key)
			if text == "" || !strings.HasSuffix(text, ".") {
				t.Errorf("%s in %q is explained by %q: give the field %s.%s in package config a doc comment", key.Name, section.Path, text, key.Type, key.Field)
			}
		}
	}
}

func TestCommentsSpeakOfKeys(t *testing.T) {
	t.Parallel()
	section := config.Section{Path: "users[]", Type: "User", Keys: []config.Key{
		{Name: "home", Type: "Account", Field: "Home"}, {Name: "create_home", Type: "Account", Field: "CreateHome"},
	}}
	other := config.Section{Path: "tls", Type: "TLS", Keys: []config.Key{{Name: "key", Type: "TLS", Field: "Key"}}}
	for comment, want := range map[string]string{
		"Home is where files are. Empty: nowhere.":            "Where files are. Empty: nowhere.",
		"Home are a few.":                                     "A few.",
		"Home says where, as CreateHome does. Homes may vary": "Says where, as `create_home` does. Homes may vary",
		"Home and CreateHome are one.":                        "`home` and `create_home` are one.",
		"Home is a PEM file as TLS.Key is, not TLS.Nothing.":  "A PEM file as `tls.key` is, not TLS.Nothing.",
		"Home is one. This package does not know which. Two.": "One. Two.",
		"": "",
	} {
		texts := newTranslator(Comments{"Account.Home": comment}, []config.Section{section, other})
		if got := texts.key(section, section.Keys[0]); got != want {
			t.Errorf("%q becomes %q, want %q", comment, got, want)
		}
	}
}

func TestReadCommentsOfFieldsDeclaredTogether(t *testing.T) {
	t.Parallel()
	comments := readComments(t)
	if comments["Hook"] == "" || comments["Hook.Queue"] == "" || comments["Hook.Queue"] == comments["Hook.Timeout"] {
		t.Errorf("got %q and %q", comments["Hook.Queue"], comments["Hook.Timeout"])
	}
	if got := comments["AccountLimits.DownloadRate"]; !strings.HasPrefix(got, "UploadRate and DownloadRate are") {
		t.Errorf("a field that shares a comment has %q", got)
	}
	if _, err := ReadComments(t.TempDir()); err == nil {
		t.Error("a directory without Go files is no error")
	}
}

func TestMarkdownTakesTextsAsTheyAre(t *testing.T) {
	t.Parallel()
	section := config.Section{Path: "a.b[]", Type: "T", Keys: []config.Key{{Name: "k", Takes: "x", Default: "a|b", Type: "T", Field: "K"}}}
	page := Configuration([]config.Section{section}, Comments{"T": "T is one.", "T.K": "K is $5$ or <b> or * | all."})
	for _, want := range []string{"\n## `a.b[]`\n\nOne.\n", "| `k` | x | `a\\|b` | \\$5\\$ or &lt;b> or \\* \\| all. |\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if got := anchor("users[].mounts[]"); got != "usersmounts" {
		t.Errorf("the anchor is %q", got)
	}
}

func TestRoffTakesTextsAsTheyAre(t *testing.T) {
	t.Parallel()
	page := &roff{}
	page.text(".hidden\nline-2\n\n'x \\n `code`\n  .literal\n\there\nodd ` quote …\n")
	want := ".PP\n\\&.hidden line\\-2\n.PP\n\\(aqx \\en \\fBcode\\fR\n.PP\n.nf\n  .literal\n\there\n.fi\n.PP\nodd \\(ga quote \\[u2026]\n"
	if got := page.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCommandPage(t *testing.T) {
	t.Parallel()
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "prog", Short: "Does it"}
	group, hidden := &cobra.Command{Use: "group", Short: "Not told"}, &cobra.Command{Use: "hidden", Short: "Not told", Hidden: true, Run: run}
	leaf := &cobra.Command{Use: "leaf [DIR]", Short: "Tell", Long: "More of it.", Example: "  prog group leaf /srv", Run: run}
	leaf.Flags().Int("count", 3, "how many")
	leaf.Flags().StringArrayP("name", "n", nil, "a `NAME`")
	leaf.Flags().Bool("off", false, "nothing")
	group.AddCommand(leaf)
	root.AddCommand(group, hidden)
	page := CommandPage(root)
	for _, want := range []string{
		".SS \"prog group leaf [DIR] [flags]\"", "Tell.", "More of it.", "\\fB\\-\\-count\\fR int (default 3)\nhow many",
		"\\fB\\-n, \\-\\-name\\fR NAME\n", "\\fB\\-\\-off\\fR\nnothing", ".nf\n  prog group leaf /srv\n.fi",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
	if strings.Contains(page, "Not told") {
		t.Errorf("a command that nobody can run is told of:\n%s", page)
	}
}

// TestManPagesAreValid has groff read the pages.
func TestManPagesAreValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"portico.1", "portico.yaml.5"} {
		out, err := exec.Command("groff", "-man", "-ww", "-Tutf8", "-z", filepath.Join("..", "..", "..", "docs", name)).CombinedOutput()
		// What cannot be adjusted to the width of a line is no fault.
		lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
			return line == "" || strings.Contains(line, "adjust") || strings.Contains(line, "break line")
		})
		if err != nil || len(lines) > 0 {
			t.Errorf("%s: %v: %q", name, err, lines)
		}
	}
}
