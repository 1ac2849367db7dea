package helm

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const chart = "portico"

// helmPath is the pinned helm, which the first call builds.
var helmPath = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "helm").Output()
	return strings.TrimSpace(string(out)), err
})

// helm returns what the program prints to standard output, and its words when
// it fails.
func helm(t *testing.T, args ...string) (out, fault string) {
	t.Helper()
	path, err := helmPath()
	if err != nil {
		t.Fatal("build helm:", err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(path, args...)
	cmd.Env = isolated(t)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), stderr.String() + err.Error()
	}
	return stdout.String(), ""
}

// isolated keeps helm away from settings and clusters of whoever runs the tests.
func isolated(t *testing.T) []string {
	home := t.TempDir()
	return []string{"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home, "KUBECONFIG=" + filepath.Join(home, "none")}
}

// render renders the chart with helm template, which must succeed.
func render(t *testing.T, args ...string) string {
	t.Helper()
	out, fault := helm(t, append([]string{"template", chart, chart}, args...)...)
	if fault != "" {
		t.Fatalf("helm template %q: %s", args, fault)
	}
	return out
}

// profile is one way to use the chart.
type profile struct {
	name string
	args []string
}

// profiles are the chart's default, and each file of its folder profiles.
func profiles(t *testing.T) []profile {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chart, "profiles", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no profiles (%v)", err)
	}
	all := []profile{{name: "default"}}
	for _, file := range files {
		all = append(all, profile{strings.TrimSuffix(filepath.Base(file), ".yaml"), []string{"--values", file}})
	}
	return all
}

// everything turns on what no profile has, so that it is tested, too.
func everything() profile {
	return profile{"everything", []string{"--values", filepath.Join("testdata", "everything.yaml")}}
}

func forEachProfile(t *testing.T, test func(t *testing.T, p profile)) {
	for _, p := range slices.Concat(profiles(t), []profile{everything()}) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}
