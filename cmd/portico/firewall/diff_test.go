package firewall_test

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/firewall"
	"github.com/portico-ftp/portico/portalloc"
)

func TestDiffOfLoadedNftRulesIsEmpty(t *testing.T) {
	t.Parallel()
	need(t, "nft", true)
	for _, c := range goldenCases() {
		if !slices.Contains(c.targets, "nftables") {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			loaded := loadRules(t, "nft -f - && nft -j list ruleset", render(t, c.request, "nftables"))
			lines, err := newPlan(t, c.request).DiffNftables(loaded)
			if err != nil || len(lines) > 0 {
				t.Errorf("got %v, %v after loading the rules; want none", lines, err)
			}
		})
	}
}

func TestDiffOfLoadedIptablesRulesIsEmpty(t *testing.T) {
	t.Parallel()
	need(t, "iptables", true)
	families := map[string]firewall.Family{"iptables-save": firewall.IPv4, "ip6tables-save": firewall.IPv6}
	for _, c := range goldenCases() {
		if !slices.Contains(c.targets, "iptables") {
			continue
		}
		for save, family := range families {
			t.Run(c.name+" "+save, func(t *testing.T) {
				t.Parallel()
				loaded := loadRules(t, "sh && "+save, render(t, c.request, "iptables"))
				if lines := newPlan(t, c.request).DiffIptables(family, string(loaded)); len(lines) > 0 {
					t.Errorf("got %v after loading the rules; want none", lines)
				}
			})
		}
	}
}

// loadRules runs a script with the rules as its input, in a network namespace
// that ends with it.
func loadRules(t *testing.T, script, rules string) []byte {
	t.Helper()
	cmd := inNamespace(t.Context(), t, "sh", "-c", script)
	cmd.Stdin = strings.NewReader(rules)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, stderr.String())
	}
	return out
}

// TestDiff compares rules of one range with a plan for another one.
func TestDiff(t *testing.T) {
	t.Parallel()
	const ruleset = `{"nftables": [{"metainfo": {"json_schema_version": 1}},
		{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"jump": {"target": "portico-in"}}]}},
		{"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}]}},
		{"rule": {"family": "inet", "table": "filter", "chain": "portico-in", "comment": "old words", "expr": [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"counter": {"packets": 3, "bytes": 180}}, {"accept": null}]}},
		{"rule": {"family": "inet", "table": "filter", "chain": "portico-in", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"set": [{"range": [21000, 21099]}, 21160]}}}, {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": "new"}}, {"accept": null}]}},
		{"rule": {"family": "ip", "table": "other", "chain": "portico-in", "expr": [{"accept": null}]}}]}`
	const saved = `*filter
:INPUT DROP [0:0]
-A INPUT -j PORTICO-IN
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A PORTICO-IN -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A PORTICO-IN -p tcp -m tcp --dport 21000:21099 -m conntrack --ctstate NEW -m comment --comment "FTP data, passive mode" -j ACCEPT
COMMIT
`
	service := typical()
	service.Listeners, service.Passive = service.Listeners[:1], portalloc.PortList{{First: 21100, Last: 21103}}
	plan := newPlan(t, firewall.Request{Service: service, Mode: firewall.ModePassive})
	tests := map[string]struct {
		got  func() ([]string, error)
		want []string
	}{
		"nftables": {
			func() ([]string, error) { return plan.DiffNftables([]byte(ruleset)) },
			[]string{
				"- portico-in: tcp dport { 21000-21099, 21160 } ct state new accept",
				"+ output: jump portico-out",
				"+ portico-out: ct state established,related accept",
				"+ portico-in: tcp dport 2121 ct state new accept",
				"+ portico-in: tcp dport 21100-21103 ct state new accept",
			},
		},
		"iptables": {
			func() ([]string, error) { return plan.DiffIptables(firewall.IPv4, saved), nil },
			[]string{
				`- filter: -A PORTICO-IN -p tcp -m tcp --dport 21000:21099 -m conntrack --ctstate NEW -m comment --comment "FTP data, passive mode" -j ACCEPT`,
				`+ filter: -A PORTICO-IN -p tcp -m tcp --dport 2121 -m conntrack --ctstate NEW -m comment --comment "FTP control" -j ACCEPT`,
				`+ filter: -A PORTICO-IN -p tcp -m tcp --dport 21100:21103 -m conntrack --ctstate NEW -m comment --comment "FTP data, passive mode" -j ACCEPT`,
				`+ filter: -A OUTPUT -j PORTICO-OUT`,
				`+ filter: -A PORTICO-OUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.got()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestDiffSaysWhatKeepsItFromReading(t *testing.T) {
	t.Parallel()
	plan := newPlan(t, firewall.Request{Service: typical()})
	refused := errors.New("operation not permitted")
	tests := map[string]struct {
		target string
		err    error
		isRoot bool
		want   string
	}{
		"another target":  {"ufw", nil, true, "use --for nftables or iptables"},
		"not root":        {"nftables", refused, false, "shown to root alone"},
		"root is refused": {"iptables", refused, true, "--diff: operation not permitted"},
		"no such program": {"nftables", exec.ErrNotFound, false, "install it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Diff(t.Context(), test.target, func(context.Context, string, ...string) ([]byte, error) { return nil, test.err }, test.isRoot)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestDiffOfNonsenseIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := newPlan(t, firewall.Request{Service: typical()}).DiffNftables([]byte("table inet filter")); err == nil {
		t.Error("what is not JSON is accepted")
	}
}
