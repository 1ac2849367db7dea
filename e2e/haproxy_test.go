//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// haproxyProgram is not in everybody's PATH.
const haproxyProgram = "/usr/sbin/haproxy"

// Which block of the page about replicas is which.
const (
	slicedBalancing = iota
	stickyBalancing
)

// documentedBalancing is a configuration of HAProxy from the page about replicas.
func documentedBalancing(t *testing.T, which int) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "replicas.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "\n```haproxy\n")[1:]
	if len(blocks) != 2 {
		t.Fatalf("the page has %d configurations, want 2", len(blocks))
	}
	text, _, ended := strings.Cut(blocks[which], "\n```\n")
	if !ended {
		t.Fatal("a block of the page does not end")
	}
	return text + "\n"
}

// replaced exchanges one text for another, which must be there.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the configuration of the page has no %q:\n%s", old, text)
	}
	return strings.ReplaceAll(text, old, with)
}

// startHAProxy runs a configuration until the test ends.
func startHAProxy(t *testing.T, dir, config string) {
	t.Helper()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(haproxyProgram, "-db", "-f", file)
	suite.identity.apply(cmd)
	cmd.Dir = suite.dir
	var log output
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // a signal is how it ends
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-ended
			t.Error("HAProxy did not end after SIGTERM")
		}
		if t.Failed() {
			t.Logf("HAProxy said:\n%s\nof\n%s", log.String(), config)
		}
	})
	select {
	case <-ended:
		t.Fatal("HAProxy does not run:", log.String())
	default:
	}
}
