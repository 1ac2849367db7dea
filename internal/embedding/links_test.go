package embedding

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/portico-ftp/portico"

// Whoever embeds the server without object storage links no client of a store,
// and whoever names package object links none but his own.
func TestOthersLinkNoStore(t *testing.T) {
	t.Parallel()
	clients := []string{"github.com/aws", "github.com/Azure", "cloud.google.com"}
	for _, test := range []struct {
		packages []string
		banned   []string
	}{
		{[]string{"server/...", "driver", "driver/quota", "portalloc/...", "config"}, append([]string{"gocloud.dev", "google.golang.org/grpc", "google.golang.org/api"}, clients...)},
		{[]string{"driver/object"}, clients},
	} {
		for _, name := range linkedBy(t, test.packages...) {
			for _, prefix := range test.banned {
				if strings.HasPrefix(name+"/", prefix+"/") {
					t.Errorf("%v link %s", test.packages, name)
				}
			}
		}
	}
}

// TestTheModulesInTheDocumentation holds the lists of docs/embedding.md against
// what is linked on Linux.
func TestTheModulesInTheDocumentation(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems link a module more or less")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "embedding.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	core := linkedBy(t, "server", "driver", "portalloc")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z.]+\\.[a-z]+/[^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		listed = append(listed, row[1])
	}
	slices.Sort(listed)
	if !slices.Equal(listed, core) {
		t.Errorf("server, driver and portalloc link\n%s\nand docs/embedding.md lists\n%s", strings.Join(core, "\n"), strings.Join(listed, "\n"))
	}
	if want := fmt.Sprintf("these %d modules", len(core)); !strings.Contains(page, want) {
		t.Errorf("docs/embedding.md does not say %q", want)
	}
	for name := range maps.Keys(publicPackages(t)) {
		more := len(linkedBy(t, "server", "driver", "portalloc", name)) - len(core)
		if want := fmt.Sprintf("| `%s` | %d |", name, more); more > 0 && !strings.Contains(page, want) {
			t.Errorf("docs/embedding.md has no row %s", want)
		}
	}
}

// publicPackages are those that others may import, by their paths in the module,
// with their folders.
func publicPackages(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, line := range list(t, "-f", "{{.ImportPath}} {{.Dir}}", module+"/server/...", module+"/driver/...", module+"/portalloc/...") {
		path, dir, _ := strings.Cut(line, " ")
		found[strings.TrimPrefix(path, module+"/")] = dir
	}
	if len(found) < 10 {
		t.Fatalf("there are %d public packages only: this test looks at nothing", len(found))
	}
	return found
}

// linkedBy is the modules of others that packages link, sorted.
func linkedBy(t *testing.T, packages ...string) []string {
	t.Helper()
	args := []string{"-deps", "-f", "{{with .Module}}{{.Path}}{{end}}"}
	for _, name := range packages {
		args = append(args, module+"/"+name)
	}
	modules := slices.Compact(slices.Sorted(slices.Values(list(t, args...))))
	if !slices.Contains(modules, module) {
		t.Fatalf("%v link no package of Portico: this test looks at nothing", packages)
	}
	return slices.DeleteFunc(modules, func(name string) bool { return name == "" || name == module })
}

// list is the lines that go list prints.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
