package firewall_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// need skips the test when a program is missing. In CI, where the programs of
// a Linux firewall are installed, their absence is an error.
func need(t *testing.T, program string, inCI bool) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if inCI && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

// inNamespace is a command in a network namespace of its own, which takes root.
func inNamespace(ctx context.Context, t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a network namespace takes root on Linux")
	}
	if out, err := exec.Command("unshare", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made: %v: %s", err, out)
	}
	return exec.CommandContext(ctx, "unshare", append([]string{"--net", name}, args...)...)
}

func accepts(t *testing.T, cmd *exec.Cmd, rules string) {
	t.Helper()
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v: %s\nin:\n%s", cmd.Args, err, out, rules)
	}
}

// forEachGolden calls test for the rules of every golden case that has the
// target.
func forEachGolden(t *testing.T, target string, test func(t *testing.T, rules string)) {
	t.Helper()
	for _, c := range goldenCases() {
		for _, has := range c.targets {
			if has == target {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					test(t, render(t, c.request, target))
				})
			}
		}
	}
}

func TestNftAcceptsTheRules(t *testing.T) {
	t.Parallel()
	need(t, "nft", true)
	forEachGolden(t, "nftables", func(t *testing.T, rules string) {
		accepts(t, inNamespace(t.Context(), t, "nft", "-c", "-f", "-"), rules)
	})
}

// TestIptablesAcceptsTheRules also applies them twice: nothing may be there
// two times.
func TestIptablesAcceptsTheRules(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"iptables-restore", "ip6tables-restore"} {
		need(t, program, true)
	}
	forEachGolden(t, "iptables", func(t *testing.T, rules string) {
		tested := strings.ReplaceAll(rules, "-restore --noflush", "-restore --noflush --test")
		accepts(t, inNamespace(t.Context(), t, "sh", "-c", onlyRestore(tested)), "")
		cmd := inNamespace(t.Context(), t, "sh", "-c", rules+"\n"+rules+"\niptables-save; ip6tables-save")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		seen := map[string]int{}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "-A ") {
				seen[line]++
			} else if strings.HasPrefix(line, "*") {
				clear(seen)
			}
			if seen[line] > 1 {
				t.Errorf("twice: %s", line)
			}
		}
		if !strings.Contains(string(out), "-j PORTICO-") {
			t.Errorf("no chain leads to the rules:\n%s", out)
		}
	})
}

// onlyRestore drops the lines that need the chains to exist.
func onlyRestore(script string) string {
	var kept strings.Builder
	for line := range strings.Lines(script) {
		if !strings.Contains(line, " -w -t ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestUfwAcceptsTheRules(t *testing.T) {
	t.Parallel()
	need(t, "ufw", false)
	forEachGolden(t, "ufw", func(t *testing.T, rules string) {
		accepts(t, inNamespace(t.Context(), t, "sh", "-c", "ufw() { command ufw --dry-run \"$@\" >/dev/null; }\n"+rules), "")
	})
}

func TestFirewalldAcceptsTheRules(t *testing.T) {
	t.Parallel()
	need(t, "firewall-offline-cmd", false)
	forEachGolden(t, "firewalld", func(t *testing.T, rules string) {
		if os.Getuid() != 0 {
			t.Skip("firewall-offline-cmd takes root")
		}
		offline := "set -e\nfirewall-cmd() { [ \"$1\" = --reload ] || { shift; firewall-offline-cmd --system-config '" + t.TempDir() + "' \"$@\"; }; }\n"
		cmd := exec.CommandContext(t.Context(), "bash", "-c", offline+rules)
		accepts(t, cmd, "")
	})
}

func TestHaproxyAcceptsTheSection(t *testing.T) {
	t.Parallel()
	need(t, "haproxy", false)
	forEachGolden(t, "haproxy", func(t *testing.T, rules string) {
		accepts(t, exec.CommandContext(t.Context(), "haproxy", "-c", "-f", writeTemporary(t, rules)), "")
	})
}

func TestNginxAcceptsTheBlock(t *testing.T) {
	t.Parallel()
	need(t, "nginx", false)
	const module = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(module); err != nil {
		t.Skip("the stream module is not where Debian puts it")
	}
	forEachGolden(t, "nginx-stream", func(t *testing.T, rules string) {
		dir := t.TempDir()
		settings := "load_module " + module + ";\npid " + filepath.Join(dir, "pid") + ";\nerror_log stderr;\nevents {}\n"
		accepts(t, inNamespace(t.Context(), t, "nginx", "-t", "-c", writeTemporary(t, settings+rules)), "")
	})
}

func TestTerraformAcceptsTheResource(t *testing.T) {
	t.Parallel()
	need(t, "terraform", false)
	forEachGolden(t, "aws-terraform", func(t *testing.T, rules string) {
		accepts(t, exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-diff", "-"), rules)
	})
}

func TestShellAcceptsTheScripts(t *testing.T) {
	t.Parallel()
	need(t, "sh", false)
	for _, target := range []string{"iptables", "ufw", "firewalld", "aws", "gcp", "azure", "docker"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			forEachGolden(t, target, func(t *testing.T, rules string) {
				accepts(t, exec.CommandContext(t.Context(), "sh", "-n"), rules)
			})
		})
	}
}

func writeTemporary(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.conf")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
