//go:build unix

package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// awkwardNames are what a script that is careless with quotes would choke on.
func awkwardNames() []string {
	return []string{
		"plain.txt", "with spaces in it", "it's \"quoted\"", "$(touch pwned)", "`touch pwned`", "; touch pwned ;", "a & touch pwned",
		"| tee pwned", "> pwned", "*", "${HOME}", "-rf", "--help", `back\slash`, `\n`, "%s%n%0a", "PORTICO_USER=root", "ünïcödé", "#comment", "~",
		"tab\there", "escape\x1b[31m", "line\vfeeds\u2028of\u0085sorts", "caf\xe9",
	}
}

// hookScript writes a script that adds its environment to a file, one record
// for each call, and works in a directory in which it may write.
func (s *site) hookScript() (script, out string) {
	s.t.Helper()
	dir := filepath.Join(s.dir, "hook")
	script, out = filepath.Join(dir, "on event.sh"), filepath.Join(dir, "out")
	const text = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "noise on the standard output"
[ "$#,$1" = "2,it's one" ] || exit 2
{ env -0; printf 'END\0'; } >>"$2"
`
	for _, err := range []error{os.Mkdir(dir, 0o755), os.WriteFile(script, []byte(text), 0o755), suite.identity.own(dir)} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.set("sandbox_allow.write", []any{dir})
	return script, out
}

// hookCalls reads what the script has written.
func hookCalls(t *testing.T, out string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(out)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var calls []map[string]string
	call := map[string]string{}
	for _, variable := range strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00") {
		if variable == "END" {
			calls = append(calls, call)
			call = map[string]string{}
			continue
		}
		name, value, _ := strings.Cut(variable, "=")
		call[name] = value
	}
	return calls
}

func TestCommandHookWithRealClients(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "lftp"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			need(t, program)
			s := newSite(t)
			script, out := s.hookScript()
			s.set("hooks", []any{map[string]any{
				"events":  []any{"login", "upload", "download", "rename", "delete", "mkdir"},
				"command": []any{script, "it's one", out}, "concurrency": 1, "timeout": "1m",
			}})
			p := s.start()
			e := s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())
			var c client = &curl{t: t, endpoint: e}
			if program == "lftp" {
				c = newLftp(t, e)
			}
			file := newSample(t, 12_345)
			for i, err := range []error{
				c.put(file.path, "/first file"),
				c.get("/first file", filepath.Join(t.TempDir(), "back")),
				c.rename("/first file", "/it's renamed"),
				c.makeDir("/a directory"),
				c.removeDir("/a directory"),
				c.remove("/it's renamed"),
			} {
				if err != nil {
					t.Fatalf("step %d: %v\n%s", i, err, c.trace())
				}
			}
			p.finish(t) // runs what waits
			s.wantCalls(t, hookCalls(t, out), file.size)
		})
	}
}

// wantCalls checks the facts of the session in TestCommandHookWithRealClients.
func (s *site) wantCalls(t *testing.T, calls []map[string]string, size int64) {
	t.Helper()
	first, renamed, dir := "/first file", "/it's renamed", "/a directory"
	want := map[string][4]string{ // path, target, file, target's file
		"upload":   {first, "", s.home + first, ""},
		"download": {first, "", s.home + first, ""},
		"rename":   {first, renamed, s.home + first, s.home + renamed},
		"mkdir":    {dir, "", s.home + dir, ""},
		"delete":   {"", "", "", ""}, // of both
	}
	var deleted []string
	for _, call := range calls {
		event := call["PORTICO_EVENT"]
		if event == "login" {
			continue
		}
		wanted, known := want[event]
		got := [4]string{call["PORTICO_PATH"], call["PORTICO_TARGET"], call["PORTICO_FILE"], call["PORTICO_TARGET_FILE"]}
		if event == "delete" {
			deleted = append(deleted, got[0])
			wanted = [4]string{got[0], "", s.home + got[0], ""}
		}
		if !known || got != wanted {
			t.Errorf("%s: got %q, want %q", event, got, wanted)
		}
		if event != "delete" {
			delete(want, event)
		}
		bytes := "0"
		if event == "upload" || event == "download" {
			bytes = strconv.FormatInt(size, 10)
		}
		seconds, err := strconv.ParseFloat(call["PORTICO_DURATION"], 64)
		if call["PORTICO_BYTES"] != bytes || err != nil || seconds < 0 {
			t.Errorf("%s: %s bytes in %q s, want %s", event, call["PORTICO_BYTES"], call["PORTICO_DURATION"], bytes)
		}
	}
	if slices.Sort(deleted); !slices.Equal(deleted, []string{dir, renamed}) || len(want) != 1 {
		t.Errorf("deleted %q; never called for %v", deleted, slices.Collect(maps.Keys(want)))
	}
	for _, call := range calls {
		if _, err := time.Parse(time.RFC3339Nano, call["PORTICO_TIME"]); err != nil {
			t.Error(err)
		}
		if call["PORTICO_USER"] != userName || call["PORTICO_TLS"] != "true" || call["PORTICO_HOST"] != "" ||
			call["PORTICO_SESSION_ID"] == "" || !strings.HasPrefix(call["PORTICO_CLIENT"], "127.0.0.1:") {
			t.Errorf("the call does not tell who it was: %q", call)
		}
		for name, value := range call {
			known := strings.HasPrefix(name, "PORTICO_") || slices.Contains([]string{"PATH", "HOME", "LANG", "PWD", "OLDPWD", "SHLVL", "_"}, name)
			if !known || strings.Contains(value, suite.hash) {
				t.Errorf("the script sees %s", name)
			}
		}
	}
}

func TestCommandHookTakesAwkwardNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	script, out := s.hookScript()
	s.set("hooks", []any{map[string]any{"events": []any{"upload"}, "command": []any{script, "it's one", out}, "concurrency": 1}})
	p := s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	names := awkwardNames()
	for _, name := range names {
		_ = r.stor("/" + name).Close()
		r.expect(226)
	}
	p.finish(t)
	calls := hookCalls(t, out)
	if len(calls) != len(names) {
		t.Fatalf("the script was run %d times, want %d", len(calls), len(names))
	}
	for i, name := range names {
		call := calls[i]
		if call["PORTICO_PATH"] != "/"+name || call["PORTICO_FILE"] != filepath.Join(s.home, name) || call["PORTICO_USER"] != userName {
			t.Errorf("%q arrived as %q, %q of %q", name, call["PORTICO_PATH"], call["PORTICO_FILE"], call["PORTICO_USER"])
		}
		if _, err := os.Stat(call["PORTICO_FILE"]); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{filepath.Dir(out), suite.dir, s.dir} {
		if _, err := os.Stat(filepath.Join(dir, "pwned")); !os.IsNotExist(err) {
			t.Errorf("a name was run in %s: %v", dir, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 2 {
		t.Errorf("the script's directory holds %v, %v", entries, err)
	}
}

func TestCommandHookHearsOfInterruptedUploads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	script, out := s.hookScript()
	s.set("hooks", []any{map[string]any{"events": []any{"upload", "upload_interrupted"}, "command": []any{script, "it's one", out}, "concurrency": 1}})
	s.set("drain.timeout", "100ms")
	p := s.start()
	file := newSample(t, 100_000)
	for _, way := range []string{"ABOR", "reset", "the server is stopped"} {
		r := dialRaw(t, s.controlAddress())
		r.login()
		conn := r.stor("/" + way)
		writeHalf(t, file, conn)
		s.awaitBytes(t, file.size/2)
		switch way {
		case "ABOR":
			r.send("ABOR")
			r.expect(426)
		case "reset":
			reset(t, conn)
			r.expect(426)
		default:
			p.finish(t)
		}
	}
	var got []string
	for _, call := range hookCalls(t, out) {
		got = append(got, call["PORTICO_EVENT"]+call["PORTICO_PATH"])
		if n, err := strconv.ParseInt(call["PORTICO_BYTES"], 10, 64); err != nil || n > file.size/2 {
			t.Errorf("%s of %d bytes have come", call["PORTICO_BYTES"], file.size/2)
		}
	}
	if want := []string{"upload_interrupted/ABOR", "upload_interrupted/reset", "upload_interrupted/the server is stopped"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
