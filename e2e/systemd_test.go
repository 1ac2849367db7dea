//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// worstExposure is what systemd-analyze security may give the units at most,
// from 0 to 10.
const worstExposure = 2.0

func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	installUnit(t, "portico.service", dir)
	installUnit(t, "portico.socket", dir)
	t.Run("are valid", func(t *testing.T) {
		for _, unit := range []string{"portico.service", "portico.socket"} {
			cmd := exec.Command("systemd-analyze", "verify", filepath.Join(dir, unit))
			cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Contains(string(out), "portico") {
				t.Errorf("%s: %v: %s", unit, err, out)
			}
		}
	})
	t.Run("are tight", func(t *testing.T) { checkExposure(t, filepath.Join(dir, "portico.service")) })
	dropIn := filepath.Join(dir, "portico.service.d")
	if err := os.Mkdir(dropIn, 0o755); err != nil {
		t.Fatal(err)
	}
	installUnit(t, "source-port-20.conf", dropIn)
	t.Run("are tight with source port 20", func(t *testing.T) { checkExposure(t, filepath.Join(dir, "portico.service")) })
}

// installUnit copies a unit and names the program under test in it.
func installUnit(t *testing.T, name, dir string) {
	t.Helper()
	unit, err := os.ReadFile(filepath.Join("..", "deploy", "systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(unit), "/usr/local/bin/portico", suite.binary)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func checkExposure(t *testing.T, unit string) {
	t.Helper()
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", unit).CombinedOutput()
	if err != nil && strings.Contains(string(out), "--offline") {
		t.Skip("this systemd-analyze looks at loaded units only")
	}
	score := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if score == nil {
		t.Fatalf("no score: %v: %s", err, out)
	}
	exposure, err := strconv.ParseFloat(string(score[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exposure %.1f", exposure)
	if exposure > worstExposure {
		t.Errorf("exposure %.1f, want at most %.1f:\n%s", exposure, worstExposure, out)
	}
}
