//go:build unix

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runPortico runs a command of portico that ends by itself.
func runPortico(t *testing.T, as *identity, args ...string) (exitCode int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite.binary, args...)
	cmd.Dir = suite.dir
	cmd.Env = cleanEnvironment(suite.dir)
	as.apply(cmd)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("portico %s did not end within %v:\n%s", strings.Join(args, " "), startTimeout, errs.String())
	}
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestServeRefusesToStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(*testing.T, *site)
		want  []string // regular expressions, each found in what is said
	}{
		{"an unknown key", set("passive.prots", "21100"), []string{`passive\.prots`, `unknown|not a (known )?setting`}},
		{"an unknown top-level key", set("listners", []any{}), []string{`listners`, `listeners`}},
		{"a reversed range", set("passive.ports", "21199-21100"), []string{`passive\.ports`, `21199-21100`, `21100-21199`}},
		{"overlapping ranges", set("passive.ports", "21100-21110,21105"), []string{`passive\.ports`, `overlap`}},
		{"port 0", set("passive.ports", "0-10"), []string{`passive\.ports`, `1 to 65535`}},
		{"port 70000", set("passive.ports", "70000"), []string{`passive\.ports`, `70000`, `1 to 65535`}},
		{"advertised ports of another number", set("passive.advertised_ports", "40000"), []string{`passive\.advertised_ports`}},
		{"a duration without a unit", set("limits.idle_timeout", "5 parsecs"), []string{`limits\.idle_timeout`, `5 parsecs`}},
		{"a missing home", set("users.0.home", "/nonexistent/home"), []string{`users\[0\]\.home`, `/nonexistent/home`}},
		{"a home that is a file", homeIsAFile, []string{`users\[0\]\.home`, `not a directory`}},
		{"a bad hash", set("users.0.password", "plain text"), []string{`users`, userName, `password`, `portico passwd|argon2id`}},
		{"two users of one name", doubleUser, []string{`users`, userName}},
		{"an unknown permission", set("users.0.permissions", []any{"list", "fly"}), []string{`users`, `permissions`, `fly`, `mkdir`}},
		{"a missing certificate", set("tls.certificate", "/nonexistent/cert.pem"), []string{`tls\.certificate`, `/nonexistent/cert\.pem`}},
		{"a certificate that is none", certificateIsNone, []string{`tls\.certificate`}},
		{"a certificate without a key", set("tls.key", ""), []string{`tls\.key`}},
		{"another certificate's key", set("tls.key", "KEY"), []string{`tls\.(key|certificate)`}},
		{"implicit TLS without a certificate", withoutTLS, []string{`implicit_tls`, `tls\.certificate`}},
		{"two listeners on one address", doubleListener, []string{`listeners`, `127\.0\.0\.1:\d+`}},
		{"a listener inside the passive range", listenerInRange, []string{`listeners|passive\.ports`}},
		{"a taken listen port", takeControlPort, []string{`listeners`, `127\.0\.0\.1:\d+`, `in use`}},
		{"a taken passive port", takePassivePort, []string{`passive\.ports`, `in use`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			test.spoil(t, s)
			code, _, said := runPortico(t, suite.identity, "serve", "--config", s.configFile())
			checkRefusal(t, code, said, test.want)
			checkSilence(t, s)
		})
	}
}

// checkRefusal wants exit code 1 and words for an operator, not a program's
// insides.
func checkRefusal(t *testing.T, code int, said string, want []string) {
	t.Helper()
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, pattern := range want {
		if !regexp.MustCompile(pattern).MatchString(said) {
			t.Errorf("nothing matches %s in:\n%s", pattern, said)
		}
	}
	if strings.Contains(said, "goroutine ") || strings.Contains(said, "Usage:") {
		t.Errorf("a fault in the configuration is answered with a stack or the usage text:\n%s", said)
	}
	if lines := strings.Count(strings.TrimSpace(said), "\n") + 1; lines > 6 {
		t.Errorf("%d lines for one fault:\n%s", lines, said)
	}
	if strings.Contains(said, suite.hash) {
		t.Errorf("a password hash is shown:\n%s", said)
	}
}

// checkSilence wants nothing of the site's ports to answer, other than what
// the test itself has opened.
func checkSilence(t *testing.T, s *site) {
	t.Helper()
	if !refuses(s.controlAddress()) && greets(s.controlAddress()) {
		t.Error("the server listens")
	}
}

func TestServeNamesAllFaultsInOneGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("passive.ports", "21199-21100")
	s.set("limits.idle_timeout", "soon")
	s.set("users.0.permissions", []any{"fly"})
	code, _, said := runPortico(t, suite.identity, "serve", "--config", s.configFile())
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, key := range []string{"passive.ports", "limits.idle_timeout", "permissions"} {
		if !strings.Contains(said, key) {
			t.Errorf("%s is not named in:\n%s", key, said)
		}
	}
}

func TestServeRefusesRoot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be refused as root")
	}
	s := newSite(t)
	code, _, said := runPortico(t, nil, "serve", "--config", s.configFile())
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, way := range []string{"root|uid 0", "User=", "setpriv|sudo -u", "CAP_NET_BIND_SERVICE", "--allow-root"} {
		if !regexp.MustCompile(way).MatchString(said) {
			t.Errorf("%s is not named in:\n%s", way, said)
		}
	}
	checkSilence(t, s)
}

func TestServeStartsAsRootWhenAllowed(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("the tests do not run as root")
	}
	s := newSite(t)
	p := &process{cmd: exec.Command(suite.binary, "serve", "--allow-root", "--config", s.configFile()), done: make(chan struct{})}
	p.cmd.Env = cleanEnvironment(suite.dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.wait()
	t.Cleanup(func() { p.finish(t) })
	p.awaitGreeting(t, s.controlAddress())
}

func TestCheckFindsWhatServeWould(t *testing.T) {
	t.Parallel()
	good := newSite(t)
	if code, out, errs := runPortico(t, suite.identity, "check", "--config", good.configFile()); code != 0 {
		t.Errorf("exit code %d for a good configuration:\n%s%s", code, out, errs)
	}
	bad := newSite(t)
	takePassivePort(t, bad)
	code, out, errs := runPortico(t, suite.identity, "check", "--config", bad.configFile())
	if code != 1 || !strings.Contains(out+errs, "passive.ports") {
		t.Errorf("exit code %d for a taken passive port:\n%s%s", code, out, errs)
	}
}

func set(path string, value any) func(*testing.T, *site) {
	return func(t *testing.T, s *site) {
		if value == "KEY" {
			value = foreignKey(t, s)
		}
		s.set(path, value)
	}
}

// foreignKey is a good key of no certificate of ours.
func foreignKey(t *testing.T, s *site) string {
	dir := filepath.Join(s.dir, "other")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	other, err := newCertificates(dir, suite.identity)
	if err != nil {
		t.Fatal(err)
	}
	return other.key
}

func homeIsAFile(t *testing.T, s *site) {
	s.set("users.0.home", filepath.Join(s.outside, "secret.txt"))
}

func doubleUser(t *testing.T, s *site) {
	users := s.settings["users"].([]any)
	s.set("users", append(users, users[0]))
}

func certificateIsNone(t *testing.T, s *site) {
	s.set("tls.certificate", filepath.Join(s.outside, "secret.txt"))
}

func withoutTLS(t *testing.T, s *site) { delete(s.settings, "tls") }

func doubleListener(t *testing.T, s *site) {
	listeners := s.settings["listeners"].([]any)
	s.set("listeners", append(listeners, map[string]any{"address": s.controlAddress()}))
}

func listenerInRange(t *testing.T, s *site) { s.set("passive.ports", fmt.Sprint(s.control)) }

func takeControlPort(t *testing.T, s *site) { occupy(t, s.controlAddress()) }

func takePassivePort(t *testing.T, s *site) {
	occupy(t, fmt.Sprintf(":%d", s.passive.first+s.passive.n-1))
}

func occupy(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}
