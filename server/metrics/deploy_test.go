package metrics_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-ftp/portico/server/metrics"
)

const (
	rules     = "../../deploy/prometheus/portico.rules.yaml"
	dashboard = "../../deploy/grafana/portico.json"
)

// namesOf are the metrics that can be told, as Prometheus names their series.
func namesOf(m *metrics.Metrics) map[string]bool {
	descriptions := make(chan *prometheus.Desc, 1000)
	m.Describe(descriptions)
	close(descriptions)
	names := map[string]bool{}
	for d := range descriptions {
		name := regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
		names[name] = true
		if strings.HasSuffix(name, "_seconds") {
			names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
		}
	}
	return names
}

// TestNamesInDeployExist sees that the dashboard and the alerts ask for nothing
// that is not there.
func TestNamesInDeployExist(t *testing.T) {
	t.Parallel()
	known := namesOf(full())
	for _, file := range []string{rules, dashboard} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\bportico_[a-z0-9_]+`).FindAllString(string(text), -1)
		if len(used) < 10 {
			t.Errorf("%s: only %v are used", file, used)
		}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(used))) {
			if !known[name] {
				t.Errorf("%s asks for %s, which does not exist", file, name)
			}
		}
	}
}

func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
			GridPos struct{ W, X int }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("the panel %d %q is the second of its number, or has no title, no query or no room", p.ID, p.Title)
		}
		seen[p.ID] = true
	}
}

// TestAlerts has Prometheus' own tool check the rules, and play what they are
// for.
func TestAlerts(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not here (Debian: prometheus)")
	}
	for _, args := range [][]string{{"check", "rules", "portico.rules.yaml"}, {"test", "rules", "portico.rules.test.yaml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "../../deploy/prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	// Every expression of the dashboard is one that Prometheus understands.
	text, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, p := range d.Panels {
		for j, target := range p.Targets {
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "1m")
			out.WriteString("  - {record: \"panel_" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + string(rune('a'+j)) + "\", expr: " + quoted(expr) + "}\n")
		}
	}
	file := t.TempDir() + "/dashboard.yaml"
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}
