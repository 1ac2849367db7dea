//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portico-ftp/portico/server"
)

// banTimeout is generous: a lifted ban is noticed within a second.
const banTimeout = 20 * time.Second

// guarded is a site that bans after three wrong passwords.
type guarded struct {
	*site
	bans, audit string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	secondClient(t) // skips where there is no such address
	need(t, "curl")
	s := newSite(t)
	g := &guarded{s, filepath.Join(s.dir, "bans.json"), filepath.Join(s.dir, "audit.log")}
	s.set("defence", map[string]any{"threshold": 6, "ban_file": g.bans})
	s.set("log", map[string]any{"audit": g.audit})
	return g
}

// list lists the home with curl from an address.
func (g *guarded) list(from, password string) error {
	cmd := exec.Command("curl", "-sS", "--max-time", "20", "--interface", from, "--user", userName+":"+password, fmt.Sprintf("ftp://127.0.0.1:%d/", g.control))
	cmd.Env = cleanEnvironment(g.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("curl: %w: %s", err, out)
	}
	return nil
}

func (g *guarded) mustList(from string) {
	g.t.Helper()
	if err := g.list(from, suite.password); err != nil {
		g.t.Fatalf("%s is closed out: %v", from, err)
	}
}

func (g *guarded) attack(from string) {
	g.t.Helper()
	for range 3 {
		if err := g.list(from, wrongPassword); err == nil {
			g.t.Fatal("a wrong password is accepted")
		}
	}
	if err := g.list(from, suite.password); err == nil {
		g.t.Fatalf("%s is not banned after three wrong passwords", from)
	}
}

// portico runs a command on the file of bans, as the user of the tests: it is
// root who does so on most servers.
func (g *guarded) portico(args ...string) string {
	g.t.Helper()
	out, err := exec.Command(suite.binary, append(args, "--config", filepath.Join(g.dir, "portico.json"))...).CombinedOutput()
	if err != nil {
		g.t.Fatalf("portico %v: %v: %s", args, err, out)
	}
	return string(out)
}

// events reads the audit log.
func (g *guarded) events() (events []server.SecurityEvent, text string) {
	g.t.Helper()
	content, err := os.ReadFile(g.audit)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var e server.SecurityEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			g.t.Fatalf("%v in %q", err, line)
		}
		events = append(events, e)
	}
	return events, string(content)
}

func TestAttackerIsBanned(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	p := g.start()
	g.mustList("127.0.0.2")
	g.attack("127.0.0.2")
	g.mustList("127.0.0.4")
	g.mustList("127.0.0.1")

	p.signal(t, syscall.SIGTERM)
	p.exitCode(t, stopTimeout)
	p = g.start()
	if err := g.list("127.0.0.2", suite.password); err == nil {
		t.Fatal("the ban is forgotten after a restart")
	}
	if list := g.portico("ban", "list"); !strings.Contains(list, "127.0.0.2/32") || !strings.Contains(list, "wrong_password") {
		t.Errorf("portico ban list does not tell of the ban:\n%s", list)
	}
	g.portico("ban", "del", "127.0.0.2")
	eventually(t, banTimeout, "127.0.0.2 is let in after portico ban del", func() bool { return g.list("127.0.0.2", suite.password) == nil })
	g.portico("ban", "add", "127.0.0.4", "--for", "1h")
	eventually(t, banTimeout, "127.0.0.4 is closed out after portico ban add", func() bool { return g.list("127.0.0.4", suite.password) != nil })
	g.attack("127.0.0.5") // the server can still write the file that root has replaced
	eventually(t, banTimeout, "the new ban is in the file", func() bool { return strings.Contains(g.portico("ban", "list"), "127.0.0.5/32") })

	if err := os.WriteFile(g.bans, []byte(`{"bans":[{"netw`), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, banTimeout, "the log tells of a file that is no file of bans", func() bool { return strings.Contains(p.log.String(), "file of bans cannot be used") })
	if err := g.list("127.0.0.4", suite.password); err == nil {
		t.Error("a half-written file lets those in who are banned")
	}

	events, text := g.events()
	seen := map[string]int{}
	for _, e := range events {
		key := e.Kind.String() + " " + e.Reason
		switch e.Kind {
		case server.SecurityLoginFailed, server.SecurityLoginOK:
			key += " " + e.Client.Addr().String()
		case server.SecurityBan, server.SecurityUnban:
			key = e.Kind.String() + " " + e.Network.String()
		}
		seen[key]++
	}
	for key, want := range map[string]int{
		"config_changed start":                  2,
		"login_failed wrong_password 127.0.0.2": 3,
		"login_ok  127.0.0.2":                   2,
		"ban 127.0.0.2/32":                      1,
		"unban 127.0.0.2/32":                    1,
		"ban 127.0.0.4/32":                      1,
		"ban 127.0.0.5/32":                      1,
	} {
		if seen[key] < want || strings.HasPrefix(key, "ban") && seen[key] != want {
			t.Errorf("the audit log has %q %d times, want %d; all: %v", key, seen[key], want, seen)
		}
	}
	if seen["session_refused ban"] == 0 {
		t.Errorf("the audit log does not tell of refused connections: %v", seen)
	}
	for _, secret := range []string{suite.password, wrongPassword} {
		if strings.Contains(text, secret) {
			t.Error("the audit log has a password")
		}
	}
}

// Behind a load balancer the client is banned, and never the balancer.
func TestAttackerBehindLoadBalancerIsBanned(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	attacker, other := balancerOf(t, g.site, 1, "203.0.113.7"), balancerOf(t, g.site, 2, "203.0.113.8")
	g.start()
	for range 3 {
		r := attacker.session(t, g.site)
		r.send("USER %s", userName)
		r.expect(331)
		r.send("PASS %s", wrongPassword)
		r.expect(530)
	}
	conn := attacker.dial(t, g.control)
	if n, err := conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("a banned client behind a load balancer is told %d bytes", n)
	}
	other.session(t, g.site).login()
	events, _ := g.events()
	for _, e := range events {
		if e.Kind == server.SecurityBan && e.Network != netip.MustParsePrefix("203.0.113.7/32") {
			t.Errorf("banned is %v", e.Network)
		}
	}
}
