//go:build unix

package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	userName   = "alice"
	secretText = "nobody outside may read this\n"
)

// site is a place for one server: a user's home with something outside it, and
// a configuration that no other site's ports overlap.
type site struct {
	t        *testing.T
	dir      string
	home     string // of userName
	outside  string // beside home; the links leak.txt and leakdir lead here
	control  int    // plain, and explicit TLS
	implicit int
	passive  ports
	settings map[string]any
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp(suite.dir, "site-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{
		t:        t,
		dir:      dir,
		home:     filepath.Join(dir, "home"),
		outside:  filepath.Join(dir, "outside"),
		control:  suite.ports.take(t, 1).first,
		implicit: suite.ports.take(t, 1).first,
		passive:  suite.ports.take(t, 16),
	}
	s.furnish()
	s.settings = s.defaults()
	return s
}

// furnish makes the directories. Everything outside the home is readable and
// writable for the server's user: what keeps a client inside is the server.
func (s *site) furnish() {
	s.t.Helper()
	secret := filepath.Join(s.outside, "secret.txt")
	for _, err := range []error{
		os.Mkdir(s.home, 0o755),
		os.Mkdir(s.outside, 0o755),
		os.WriteFile(secret, []byte(secretText), 0o644),
		os.Symlink(secret, filepath.Join(s.home, "leak.txt")),
		os.Symlink(s.outside, filepath.Join(s.home, "leakdir")),
		os.Chmod(s.dir, 0o755),
		suite.identity.own(s.dir),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) defaults() map[string]any {
	var listeners []any
	for _, host := range s.hosts() {
		listeners = append(listeners,
			map[string]any{"address": net.JoinHostPort(host, strconv.Itoa(s.control))},
			map[string]any{"address": net.JoinHostPort(host, strconv.Itoa(s.implicit)), "implicit_tls": true})
	}
	return map[string]any{
		"listeners": listeners,
		"passive":   map[string]any{"ports": s.passive.String()},
		"tls":       map[string]any{"certificate": suite.tls.certificate, "key": suite.tls.key},
		"users": []any{map[string]any{
			"name":        userName,
			"password":    suite.hash,
			"home":        s.home,
			"permissions": []any{"list", "read", "write", "delete", "rename", "mkdir", "overwrite", "chmod"},
		}},
	}
}

func (s *site) hosts() []string {
	if suite.ipv6 {
		return []string{"127.0.0.1", "::1"}
	}
	return []string{"127.0.0.1"}
}

// set changes one setting; a path's parts are keys and list indexes.
func (s *site) set(path string, value any) {
	s.t.Helper()
	var at any = s.settings
	parts := strings.Split(path, ".")
	for i, part := range parts {
		last := i == len(parts)-1
		switch node := at.(type) {
		case map[string]any:
			if last {
				node[part] = value
				return
			}
			if node[part] == nil {
				node[part] = map[string]any{}
			}
			at = node[part]
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n >= len(node) {
				s.t.Fatalf("setting %s: no element %s", path, part)
			}
			if last {
				node[n] = value
				return
			}
			at = node[n]
		default:
			s.t.Fatalf("setting %s: %s is below a value", path, part)
		}
	}
}

// narrow gives the site a passive range of n ports.
func (s *site) narrow(n int) {
	s.t.Helper()
	s.passive = suite.ports.take(s.t, n)
	s.set("passive.ports", s.passive.String())
}

// configFile writes the configuration and returns its path.
func (s *site) configFile() string {
	s.t.Helper()
	text, err := json.MarshalIndent(s.settings, "", "  ")
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, "portico.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// controlAddress is where the plain listener of the first host answers.
func (s *site) controlAddress() string { return fmt.Sprintf("127.0.0.1:%d", s.control) }

// start starts a server and waits until it greets.
func (s *site) start() *process {
	s.t.Helper()
	p := startProcess(s.t, "serve", "--config", s.configFile())
	p.awaitGreeting(s.t, s.controlAddress())
	return p
}
