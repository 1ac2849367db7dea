//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// documented is the only code block of a language in the page about hooks.
func documented(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "hooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n```"+language+"\n")
	code, after, ended := strings.Cut(rest, "\n```\n")
	if !found || !ended || strings.Contains(after, "```"+language) {
		t.Fatalf("the page has not one block of %s", language)
	}
	return code + "\n"
}

func TestDocumentedScriptMovesWhatHasArrived(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	script, done := filepath.Join(s.outside, "arrived"), filepath.Join(s.outside, "done")
	for _, err := range []error{
		os.WriteFile(script, []byte(documented(t, "sh")), 0o755), os.Mkdir(done, 0o755), suite.identity.own(s.outside),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.set("sandbox_allow.write", []any{done})
	s.set("hooks", []any{map[string]any{"events": []any{"upload"}, "command": []any{script, done}}})
	p := s.start()
	names := awkwardNames()
	for _, name := range names {
		s.upload(t, "/"+name)
	}
	p.finish(t)
	moved, err := os.ReadDir(done)
	if err != nil || len(moved) != len(names) {
		t.Errorf("%d of %d files were moved (%v): %v", len(moved), len(names), err, moved)
	}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(s.home, name)); !os.IsNotExist(err) {
			t.Errorf("%q is still in the home: %v", name, err)
		}
	}
}

func TestDocumentedReceiver(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	s, r := newSite(t), newReceiver(t)
	s.webhook(r, "upload")
	script := filepath.Join(t.TempDir(), "receiver.py")
	if err := os.WriteFile(script, []byte(documented(t, "python")), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, secret := range []string{hookSecret, "another-secret-of-that-length"} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var said output
		cmd := exec.Command("python3", script, strings.TrimPrefix(r.address, "127.0.0.1:"), file)
		cmd.Env, cmd.Stdout, cmd.Stderr = cleanEnvironment(t.TempDir()), &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, startTimeout, "the receiver listens", func() bool { return !refuses(r.address) })
		p := s.start()
		s.upload(t, fmt.Sprintf("/file %d", i))
		p.finish(t) // posts what waits
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		taken := strings.Contains(said.String(), fmt.Sprintf("upload %s /file %d\n", userName, i))
		refused := strings.Contains(p.log.String(), "webhook refused an event for good")
		if right := secret == hookSecret; taken != right || refused == right {
			t.Errorf("with the secret %q: taken is %v, refused is %v:\n%s", secret, taken, refused, said.String())
		}
	}
}
