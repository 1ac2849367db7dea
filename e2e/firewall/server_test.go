//go:build linux

package firewall

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	userName     = "alice"
	serverUser   = 65534 // an ordinary user
	controlPort  = 2121
	passivePorts = "21100-21103"
	startTimeout = 30 * time.Second
	stopTimeout  = 40 * time.Second
)

// settings is a configuration. Its top-level keys may be replaced.
type settings map[string]any

// defaults is a server for everybody, with TLS on offer.
func defaults(t *testing.T) settings {
	t.Helper()
	home, err := os.MkdirTemp(suite.dir, "home-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, serverUser, serverUser); err != nil {
		t.Fatal(err)
	}
	return settings{
		"listeners": []any{map[string]any{"address": fmt.Sprintf(":%d", controlPort)}},
		"passive":   map[string]any{"ports": passivePorts, "accept_timeout": "5s"},
		"active":    map[string]any{"source_port": "ephemeral"},
		"tls":       map[string]any{"certificate": suite.certificate(), "key": suite.key()},
		"users": []any{map[string]any{
			"name": userName, "password": suite.hash, "home": home,
			"permissions": []any{"list", "read", "write", "delete", "rename", "mkdir"},
		}},
	}
}

// without is the same configuration without a key.
func (s settings) without(key string) settings {
	less := settings{}
	for k, v := range s {
		if k != key {
			less[k] = v
		}
	}
	return less
}

// file writes the configuration and returns its path.
func (s settings) file(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(suite.dir, "portico-*.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Chmod(0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(f.Name())
}

// serve runs the server as an ordinary user, with these capabilities, until the
// test ends.
func (ns *namespace) serve(t *testing.T, config string, capabilities ...string) *program {
	t.Helper()
	words := []string{"setpriv", fmt.Sprintf("--reuid=%d", serverUser), fmt.Sprintf("--regid=%d", serverUser), "--clear-groups"}
	for _, c := range capabilities {
		words = append(words, "--inh-caps=+"+c, "--ambient-caps=+"+c)
	}
	p := start(t, ns.command(context.Background(), append(words, suite.binary, "serve", "--config", config)...))
	p.awaitListening(t, ns, controlPort)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%d\t%d\t", serverUser, serverUser)) {
		t.Fatalf("the server is not an ordinary user: %v\n%s", err, status)
	}
	return p
}

// program is one that runs beside the test.
type program struct {
	cmd  *exec.Cmd
	said output
	done chan struct{} // closed when it has ended
}

func start(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.wait()
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *program) wait() {
	_ = p.cmd.Wait() // the exit code is read from ProcessState
	close(p.done)
}

func (p *program) stop(t *testing.T) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Errorf("%s did not end within %v", p.cmd.Path, stopTimeout)
	}
	if t.Failed() {
		log := p.said.String()
		t.Logf("the end of its log:\n%s", log[max(0, len(log)-4000):])
	}
}

// awaitListening waits until a port of its machine is listened on.
func (p *program) awaitListening(t *testing.T, ns *namespace, port int) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		if strings.Contains(ns.run(t, "ss", "-Hltn", "sport", "=", fmt.Sprint(port)), "LISTEN") {
			return
		}
		select {
		case <-p.done:
			t.Fatalf("it ended instead of listening on port %d:\n%s", port, p.said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatalf("nothing listens on port %d within %v:\n%s", port, startTimeout, p.said.String())
}

// output collects what a program writes. The zero value is ready.
type output struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// urlHost is an address as it stands in a URL.
func urlHost(address string) string {
	if ip := net.ParseIP(address); ip != nil && ip.To4() == nil {
		return "[" + address + "]"
	}
	return address
}
