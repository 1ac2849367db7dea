//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// elsewhere is a directory that everybody may read and write, and that no
// configuration names.
func elsewhere(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "portico-e2e-elsewhere-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "secret.txt"), []byte(secretText), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// needSandbox skips where the kernel confines less than these tests prove.
func needSandbox(t *testing.T) {
	t.Helper()
	s := newSite(t)
	code, out, errs := runPortico(t, suite.identity, "check", "--json", "--config", s.configFile())
	var report struct {
		Sandbox struct{ Level string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
		t.Fatalf("%v, exit code %d: %s%s", err, code, out, errs)
	}
	if report.Sandbox.Level != "full" {
		t.Skipf("the level of the sandbox is %q: %s", report.Sandbox.Level, out)
	}
}

// With links that may lead anywhere, nothing but the kernel keeps clients
// inside.
func TestTheKernelKeepsLinksInside(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	for mode, refused := range map[string]bool{"required": true, "auto": true, "off": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, outside := newSite(t), elsewhere(t)
			s.set("sandbox", mode)
			s.set("users.0.symlinks", "anywhere")
			if err := os.Symlink(outside, filepath.Join(s.home, "out")); err != nil {
				t.Fatal(err)
			}
			p := s.start()
			r := dialRaw(t, s.controlAddress())
			r.login()
			conn := r.data(r.epsv())
			r.send("RETR /out/secret.txt")
			if refused {
				r.expect(550)
			} else {
				r.expect(150)
				if content, err := io.ReadAll(conn); err != nil || string(content) != secretText {
					t.Errorf("%q, %v", content, err)
				}
				r.expect(226)
			}
			r.send("MKD /out/made")
			if refused {
				r.expect(550)
			} else {
				r.expect(257)
			}
			if _, err := os.Stat(filepath.Join(outside, "made")); (err == nil) == refused {
				t.Errorf("made outside: %v", err)
			}
			r.send("MKD /made") // inside it works
			r.expect(257)
			p.awaitLog(t, `"level": "`+map[bool]string{true: "full", false: "none"}[refused]+`"`)
		})
	}
}

// attemptScript is what a hook tries; it is confined as the server is.
const attemptScript = `
import json, socket, sys
mine, foreign, served, secret, out = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
def attempt(do):
    try:
        do()
        return "done"
    except OSError as e:
        return e.strerror
def bind(port, protocol=0):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
def fast_open(port):
    with socket.socket() as s:
        s.sendto(b"x", 0x20000000, ("127.0.0.1", port))
result = {
    "read": attempt(lambda: open(secret).read()),
    "write": attempt(lambda: open(secret + ".new", "w")),
    "bind a port of the range": attempt(lambda: bind(mine)),
    "bind": attempt(lambda: bind(foreign)),
    "bind with Multipath TCP": attempt(lambda: bind(foreign, 262)),
    "connect": attempt(lambda: socket.create_connection(("127.0.0.1", served)).close()),
    "connect by fast open": attempt(lambda: fast_open(served)),
}
with open(out + ".tmp", "w") as f:
    json.dump(result, f)
import os
os.rename(out + ".tmp", out)
`

func TestTheKernelRefusesForeignPorts(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	const python = "/usr/bin/python3" // others may be in a home that the server may not enter
	if _, err := os.Stat(python); err != nil {
		t.Skip(err)
	}
	const denied = "Permission denied"
	limited := map[string]string{
		"read": denied, "write": denied, "bind": denied, "bind a port of the range": "Address already in use",
		"bind with Multipath TCP": "Operation not permitted", "connect": denied, "connect by fast open": "Operation not permitted",
	}
	open := map[string]string{
		"read": "done", "write": "done", "bind": "done", "bind a port of the range": "Address already in use", "connect": "done",
	}
	active := map[string]string{
		"read": denied, "bind": denied, "bind with Multipath TCP": "Operation not permitted", "connect": "done",
	}
	allowed := map[string]string{"read": "done", "write": denied, "bind": denied, "connect": "done", "connect by fast open": "Operation not permitted"}
	tests := map[string]struct {
		change func(s *site, outside string)
		want   map[string]string
	}{
		"passive mode alone": {func(*site, string) {}, limited},
		"the sandbox is off": {func(s *site, _ string) { s.set("sandbox", "off") }, open},
		"active mode":        {func(s *site, _ string) { s.set("active.enabled", true) }, active},
		"what is allowed is there": {func(s *site, outside string) {
			s.set("sandbox_allow.read", []any{outside})
			s.set("sandbox_allow.connect", s.control)
		}, allowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, outside := newSite(t), elsewhere(t)
			dir := filepath.Join(s.dir, "hook")
			script, out := filepath.Join(dir, "attempt.py"), filepath.Join(dir, "out")
			for _, err := range []error{os.Mkdir(dir, 0o755), os.WriteFile(script, []byte(attemptScript), 0o644), suite.identity.own(dir)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			s.set("active.enabled", false)
			s.set("sandbox_allow.write", []any{dir})
			foreign := suite.ports.take(t, 1).first
			s.set("hooks", []any{map[string]any{"events": []any{"login"}, "command": []any{
				python, script, fmt.Sprint(s.passive.first), fmt.Sprint(foreign), fmt.Sprint(s.control), filepath.Join(outside, "secret.txt"), out,
			}}})
			test.change(s, outside)
			s.start()
			dialRaw(t, s.controlAddress()).login()
			eventually(t, startTimeout, "the hook has tried everything", func() bool {
				_, err := os.Stat(out)
				return err == nil
			})
			text, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			for attempt, want := range test.want {
				if got[attempt] != want {
					t.Errorf("%s: %q, want %q", attempt, got[attempt], want)
				}
			}
		})
	}
}

// The server of a kernel without Landlock: its system call is hidden.
func TestWithoutLandlock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("sandbox", "required")
	code, out, errs := runHidden(t, "serve", "--config", s.configFile())
	if code != 1 || !strings.Contains(errs, "sandbox: it is required") || !strings.Contains(errs, "no Landlock") {
		t.Errorf("required: exit code %d: %s%s", code, out, errs)
	}
	checkSilence(t, s)
	s.set("sandbox", "auto")
	code, out, errs = runHidden(t, "check", "--config", s.configFile())
	if code != 0 || !strings.Contains(out, "note  sandbox: ") || !strings.Contains(out, "no Landlock") {
		t.Errorf("check: exit code %d: %s%s", code, out, errs)
	}
	p := startProgram(t, hidden("serve", "--config", s.configFile()))
	p.awaitGreeting(t, s.controlAddress())
	p.awaitLog(t, "the process is not wholly confined", `"system_calls": true`)
	if status := p.status(t, "NoNewPrivs"); status != "1" {
		t.Errorf("no_new_privs is %s", status)
	}
}

// Users who come while the server runs have what its sandbox knows.
func TestUsersWhoComeLaterAreConfinedToo(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	s, outside := newSite(t), elsewhere(t)
	file := filepath.Join(s.dir, "users", "users.json")
	homes := filepath.Join(s.dir, "homes")
	beside := func(name string) string { return filepath.Join(homes, name) }
	for _, dir := range []string{filepath.Dir(file), homes, beside("first"), beside("second")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list := func(homes map[string]string) {
		var users []any
		for name, home := range homes {
			users = append(users, map[string]any{"name": name, "password": suite.hash, "home": home})
		}
		text, err := json.Marshal(map[string]any{"users": users})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{os.WriteFile(file+".new", text, 0o644), os.Rename(file+".new", file), suite.identity.own(s.dir)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	list(map[string]string{"first": beside("first")})
	s.set("auth.file.path", file)
	p := s.start()
	list(map[string]string{"first": beside("first"), "second": beside("second")})
	login := func(name string) int {
		r := dialRaw(t, s.controlAddress())
		r.send("USER %s", name)
		r.expect(331)
		r.send("PASS %s", suite.password)
		code, _, err := r.reply()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		return code
	}
	eventually(t, startTimeout, "the second user gets in", func() bool { return login("second") == 230 })
	list(map[string]string{"first": beside("first"), "second": beside("second"), "third": outside})
	eventually(t, startTimeout, "the log tells of the third user", func() bool {
		if code := login("third"); code != 530 {
			t.Fatalf("the third user: %d", code)
		}
		return strings.Contains(p.log.String(), "user third: the sandbox of the running process does not let it write "+outside)
	})
	if code := login("second"); code != 230 {
		t.Errorf("the second user: %d", code)
	}
}

func TestOffLeavesTheProcessAsItIs(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"off": "0", "auto": "1"} {
		s := newSite(t)
		s.set("sandbox", mode)
		if got := s.start().status(t, "NoNewPrivs"); got != want {
			t.Errorf("%s: no_new_privs is %s, want %s", mode, got, want)
		}
	}
}

// status is a line of /proc/PID/status.
func (p *process) status(t *testing.T, label string) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "\n"+label+":")
	value, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(value)
}

// A reload that needs more than the sandbox of the running process has says what
// that is, and changes nothing.
func TestReloadInsideTheSandbox(t *testing.T) {
	t.Parallel()
	needSandbox(t)
	s, outside := newSite(t), elsewhere(t)
	s.set("active.enabled", false)
	inside := filepath.Join(s.home, "below")
	for _, err := range []error{os.Mkdir(inside, 0o755), suite.identity.own(inside)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := s.start()
	reload := func(path string, value any) {
		s.set(path, value)
		s.configFile()
		p.signal(t, syscall.SIGHUP)
	}
	before := s.settings["passive"].(map[string]any)["ports"]
	foreign := suite.ports.take(t, 1).first
	reload("passive.ports", fmt.Sprint(foreign))
	p.awaitLog(t, fmt.Sprintf("does not let it listen on port %d", foreign), "the old one stays in force")
	s.set("passive.ports", before)

	reload("users.0.home", outside)
	p.awaitLog(t, "does not let it write "+outside)
	dialRaw(t, s.controlAddress()).login()

	reload("users.0.home", inside)
	p.awaitLog(t, "configuration reloaded")
	r := dialRaw(t, s.controlAddress())
	r.login()
	r.send("MKD /made")
	r.expect(257)
	if _, err := os.Stat(filepath.Join(inside, "made")); err != nil {
		t.Error(err)
	}
}
