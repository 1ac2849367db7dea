package embedding

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// snippets are the packages whose documentation opens with a piece of a program:
// what it takes from around it, and what it makes for the rest.
func snippets() map[string]struct{ given, made string } {
	return map[string]struct{ given, made string }{
		"server":              {"accounts server.Authenticator", ""},
		"server/admin":        {"srv *server.Server, ports *portalloc.Allocator", ""},
		"server/admin/web":    {"srv *server.Server", "control"},
		"server/guard":        {"ctx context.Context, accounts server.Authenticator, logger *zap.Logger", "srv"},
		"server/metrics":      {"registry *prometheus.Registry, serverOptions server.Options, portOptions portalloc.Options", ""},
		"server/notify":       {"ctx context.Context, accounts server.Authenticator, secret string, logger *zap.Logger", "srv"},
		"server/pace":         {"ctx context.Context, conn net.Conn, data []byte", ""},
		"server/shared":       {"users server.Authenticator", "srv"},
		"server/tracing":      {"provider trace.TracerProvider, accounts server.Authenticator", "srv"},
		"driver/httpusers":    {"", "users"},
		"driver/ldapusers":    {"", "users"},
		"driver/object":       {"ctx context.Context, hash string", "users"},
		"driver/object/cloud": {"ctx context.Context", "home"},
		"driver/quota":        {"list []driver.User", "users"},
		"driver/sqlusers":     {"", "users"},
		"driver/timing":       {"opts driver.UsersOptions", ""},
	}
}

// programs are those whose documentation opens with a whole program.
func programs() []string { return []string{"driver", "portalloc"} }

// TestTheDocumentationCompiles builds what package comments open with.
func TestTheDocumentationCompiles(t *testing.T) {
	t.Parallel()
	public := publicPackages(t)
	for name := range public {
		if _, isSnippet := snippets()[name]; !isSnippet && !slices.Contains(programs(), name) {
			t.Errorf("%s is in neither list of this test", name)
		}
	}
	for name, around := range snippets() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := opening(t, public[name])
			if around.made != "" {
				body += "\n_ = " + around.made
			}
			text := "func snippet(" + around.given + ") error {\n" + body + "\nreturn nil\n}\n"
			compile(t, "package snippet\n\n"+imports(text)+text)
		})
	}
	for _, name := range programs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, isProgram := strings.CutPrefix(opening(t, public[name]), "package main\n")
			if !isProgram {
				t.Fatal("the documentation opens with no program")
			}
			compile(t, "package snippet\n"+text) // what is no program is not linked
		})
	}
}

// opening is the first code in a package's comment.
func opening(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		var code []string
		for line := range strings.SplitSeq(file.Doc.Text(), "\n") {
			text, isCode := strings.CutPrefix(line, "\t")
			if len(code) > 0 && !isCode && line != "" || strings.HasPrefix(line, "# ") {
				break
			}
			if isCode || len(code) > 0 {
				code = append(code, text)
			}
		}
		if len(code) > 0 {
			return strings.TrimSpace(strings.Join(code, "\n"))
		}
	}
	t.Fatal("the documentation opens with no code")
	return ""
}

// imports names what a text uses of other packages.
func imports(text string) string {
	const own = module + "/"
	var lines strings.Builder
	for _, path := range []string{
		"context", "database/sql", "log", "net", "os", "time",
		"github.com/prometheus/client_golang/prometheus", "github.com/spf13/afero", "go.opentelemetry.io/otel/trace", "go.uber.org/zap", "gocloud.dev/blob",
		own + "driver", own + "driver/httpusers", own + "driver/ldapusers", own + "driver/object", own + "driver/object/cloud",
		own + "driver/quota", own + "driver/sqlusers", own + "driver/timing", own + "portalloc",
		own + "server", own + "server/admin", own + "server/admin/web", own + "server/guard", own + "server/metrics", own + "server/notify", own + "server/pace", own + "server/shared", own + "server/tracing",
	} {
		name := path[strings.LastIndex(path, "/")+1:]
		if regexp.MustCompile(`(^|[^.\w"/])` + name + `\.[A-Z]`).MatchString(text) {
			lines.WriteString("import \"" + path + "\"\n")
		}
	}
	return lines.String()
}

func compile(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snippet.go")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, text)
	}
}
