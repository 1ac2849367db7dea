//go:build unix

package notify_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

// openCommand makes a command that runs a shell script with args as $1 and on.
func openCommand(t *testing.T, change func(*notify.CommandOptions), script string, args ...string) (*notify.Command, *observer.ObservedLogs) {
	t.Helper()
	logger, logs := observed()
	opts := notify.CommandOptions{Argv: append([]string{"sh", "-c", script, "script"}, args...), Logger: logger}
	if change != nil {
		change(&opts)
	}
	command, err := notify.NewCommand(opts)
	if err != nil {
		t.Fatal(err)
	}
	return command, logs
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// fifo is a named pipe. What is written to it arrives on the channel when the
// last process that holds it open for writing has ended.
func fifo(t *testing.T) (path string, closed <-chan string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	content := make(chan string, 1)
	go func() {
		read, _ := os.ReadFile(path)
		content <- string(read)
	}()
	return path, content
}

func receive(t *testing.T, from <-chan string, what string) string {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(30 * time.Second):
		t.Fatalf("timed out: %s", what)
		return ""
	}
}

func TestCommandEnvironment(t *testing.T) {
	t.Setenv("PORTICO_SECRET_OF_THE_SERVER", "hidden")
	t.Setenv("HOME", "/home/of/the/server")
	out := filepath.Join(t.TempDir(), "out")
	command, _ := openCommand(t, nil, `env >"$1"`, out)
	e := upload("/dir/file")
	e.Kind, e.Target, e.TargetFile = server.EventRename, "/dir/other", "/srv/alice/dir/other"
	command.Notify(e)
	mustClose(t, command)
	got := strings.Split(strings.TrimSpace(readFile(t, out)), "\n")
	for _, want := range []string{
		"PORTICO_EVENT=rename", "PORTICO_TIME=2026-07-01T10:30:00.5Z", "PORTICO_USER=alice",
		"PORTICO_CLIENT=192.0.2.1:40000", "PORTICO_PATH=/dir/file", "PORTICO_TARGET=/dir/other", "PORTICO_BYTES=7",
		"PORTICO_HOST=ftp.example.org", "PORTICO_FILE=/srv/alice/dir/file", "PORTICO_TARGET_FILE=/srv/alice/dir/other",
		"PORTICO_DURATION=1.250", "PORTICO_SESSION_ID=42", "PORTICO_TLS=true",
		"PATH=" + os.Getenv("PATH"), "HOME=/home/of/the/server",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	if slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, "hidden") }) {
		t.Errorf("the server's environment is seen: %q", got)
	}
}

func TestCommandTakesHostileNamesAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"/$(touch pwned)", "/`touch pwned`", "/; touch pwned", "/ & | > pwned", "/'\"\\", "--version", "-rf /", "/a\nPORTICO_USER=root",
		"/caf\xe9", "/ünï", "/%s%n", "/${PATH}", "/*",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			command, _ := openCommand(t, nil,
				`cd "$1" && printf %s "$PORTICO_PATH" >path && printf %s "$PORTICO_USER" >user && printf %s "$#" >count`, dir)
			command.Notify(upload(name))
			mustClose(t, command)
			if got := readFile(t, filepath.Join(dir, "path")); got != name {
				t.Errorf("PORTICO_PATH is %q, want %q", got, name)
			}
			if got := readFile(t, filepath.Join(dir, "user")); got != "alice" {
				t.Errorf("PORTICO_USER is %q", got)
			}
			if got := readFile(t, filepath.Join(dir, "count")); got != "1" {
				t.Errorf("%s arguments", got)
			}
			if got := fileNames(t, dir); len(got) != 3 {
				t.Errorf("the name was run: %v", got)
			}
		})
	}
}

func TestCommandNeedsNoShell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	command, _ := openCommand(t, func(o *notify.CommandOptions) {
		o.Argv = []string{"mkdir", filepath.Join(dir, "$PORTICO_PATH; $(id)")}
	}, "")
	command.Notify(upload("/file"))
	mustClose(t, command)
	if got := fileNames(t, dir); !slices.Equal(got, []string{"$PORTICO_PATH; $(id)"}) {
		t.Errorf("got %q", got)
	}
}

func TestCommandSelectsEvents(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	command, _ := openCommand(t, func(o *notify.CommandOptions) {
		o.On, o.Concurrency = []server.EventKind{server.EventDelete, server.EventUpload}, 1
	}, `echo "$PORTICO_EVENT" >>"$1"`, out)
	for kind := server.EventLogin; kind <= server.EventMkdir; kind++ {
		command.Notify(server.Event{Kind: kind})
	}
	mustClose(t, command)
	if got := readFile(t, out); got != "upload\ndelete\n" {
		t.Errorf("run for %q", got)
	}
}

func TestCommandTimeoutKillsItsChildren(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script string }{
		{"a child, waited for", `(exec 3>"$1"; echo begun >&3; sleep 1000) & wait`},
		{"a child that ignores signals", `(trap "" TERM INT HUP; exec 3>"$1"; echo begun >&3; sleep 1000) & wait`},
		{"a child, left behind with the output", `(exec 3>"$1"; echo begun >&3; sleep 1000) & exit 0`},
		{"a grandchild without output", `(exec 3>"$1"; echo begun >&3; (sleep 1000 >/dev/null 2>&1) & wait) & wait`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, closed := fifo(t)
			command, logs := openCommand(t, func(o *notify.CommandOptions) { o.Timeout = 2 * time.Second }, test.script, path)
			command.Notify(upload("/file"))
			if got := receive(t, closed, "the child still runs"); got != "begun\n" {
				t.Fatalf("the child had not begun at the time-out: %q", got)
			}
			mustClose(t, command)
			if !strings.Contains(logText(t, logs), "killed after the time-out of 2s") {
				t.Errorf("the log does not say so: %s", logText(t, logs))
			}
		})
	}
}

func TestCommandDoesNotWaitForADaemonThatHoldsItsOutput(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("setsid is missing: ", err)
	}
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(gate, os.O_RDWR, 0) // when it is closed, the daemon ends
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	command, _ := openCommand(t, func(o *notify.CommandOptions) { o.Timeout = time.Second },
		`setsid sh -c 'exec cat <"$1"' daemon "$1" & exit 0`, gate)
	command.Notify(upload("/file"))
	closed := make(chan string, 1)
	go func() {
		mustClose(t, command)
		closed <- "closed"
	}()
	receive(t, closed, "close waits for the daemon")
}

func TestCommandFullQueueDropsTheNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begun, closed := fifo(t)
	gate := filepath.Join(dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	command, logs := openCommand(t, func(o *notify.CommandOptions) { o.Concurrency, o.Queue = 1, 2 },
		`echo "$PORTICO_PATH" >>"$1"; if [ "$PORTICO_PATH" = /1 ]; then echo begun >"$2"; read line <"$3"; fi`, out, begun, gate)
	command.Notify(upload("/1"))
	receive(t, closed, "the first command has not begun")
	for _, path := range []string{"/2", "/3", "/4", "/5", "/6"} {
		command.Notify(upload(path))
	}
	if got := command.Dropped(); got != 3 {
		t.Errorf("dropped %d, want 3", got)
	}
	if err := os.WriteFile(gate, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	mustClose(t, command)
	if got := readFile(t, out); got != "/1\n/2\n/3\n" {
		t.Errorf("run for %q", got)
	}
	if !strings.Contains(logText(t, logs), `"reason":"queue full"`) {
		t.Error("the loss was not logged")
	}
}

func TestCommandCloseKillsWhenTimeIsUp(t *testing.T) {
	t.Parallel()
	path, closed := fifo(t)
	out := filepath.Join(t.TempDir(), "out")
	command, logs := openCommand(t, func(o *notify.CommandOptions) { o.Concurrency = 1 },
		`echo run >>"$2"; (exec 3>"$1"; sleep 1000) & wait`, path, out)
	for range 3 {
		command.Notify(upload("/file"))
	}
	for ran := false; !ran; _, ran = fileExists(out) {
		select {
		case <-closed:
			t.Fatal("the command ended by itself")
		case <-time.After(time.Millisecond):
		}
	}
	if err := command.Close(cancelled()); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	command.Notify(upload("/late"))
	if got := command.Dropped(); got != 3 {
		t.Errorf("dropped %d, want the two that waited and the late one", got)
	}
	if got := readFile(t, out); got != "run\n" {
		t.Errorf("%q has run", got)
	}
	if !strings.Contains(logText(t, logs), "killed because the server stops") {
		t.Error("the log does not say so")
	}
	mustClose(t, command)
}

func fileExists(path string) (os.FileInfo, bool) {
	info, err := os.Stat(path)
	return info, err == nil
}

func TestCommandLogs(t *testing.T) {
	t.Parallel()
	const bounded = 4 << 10
	tests := []struct {
		name, script string
		failed       bool
		output       string
		cut          bool
	}{
		{"success", `echo out; echo err >&2`, false, "out\nerr\n", false},
		{"failure", `echo why; exit 3`, true, "why\n", false},
		{"a flood of output", `head -c 1000000 /dev/zero | tr '\0' x`, false, strings.Repeat("x", bounded), true},
		{"closed output", `exec >&- 2>&-; true`, false, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			command, logs := openCommand(t, nil, test.script)
			command.Notify(upload("/file"))
			mustClose(t, command)
			failures := logs.FilterMessage("command failed").All()
			if (len(failures) == 1) != test.failed {
				t.Errorf("failures logged: %v", failures)
			}
			ended := logs.FilterMessage("command ended").All()
			if len(ended) != 1 || ended[0].Level != zap.DebugLevel {
				t.Fatalf("logged %v", ended)
			}
			fields := ended[0].ContextMap()
			if fields["output"] != test.output || fields["output_cut"] != test.cut {
				t.Errorf("output %q, cut %v", fields["output"], fields["output_cut"])
			}
			if command.Dropped() != 0 {
				t.Errorf("dropped %d", command.Dropped())
			}
		})
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("neither script nor binary"), 0o700); err != nil {
		t.Fatal(err)
	}
	command, logs := openCommand(t, func(o *notify.CommandOptions) { o.Argv = []string{program} }, "")
	command.Notify(upload("/file"))
	command.Notify(upload("/nul\x00byte"))
	mustClose(t, command)
	if n := logs.FilterMessage("command failed").Len(); n != 2 {
		t.Errorf("%d failures logged, want 2", n)
	}
}

func TestCommandRunsSideBySide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left, right := filepath.Join(dir, "left"), filepath.Join(dir, "right")
	for _, path := range []string{left, right} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Each waits for the other: one after the other, they never end.
	command, logs := openCommand(t, func(o *notify.CommandOptions) { o.Concurrency = 2 },
		`if [ "$PORTICO_PATH" = /1 ]; then echo >"$1"; read x <"$2"; else read x <"$1"; echo >"$2"; fi`, left, right)
	command.Notify(upload("/1"))
	command.Notify(upload("/2"))
	mustClose(t, command)
	if n := logs.FilterMessage("command failed").Len(); n != 0 {
		t.Errorf("%d failed", n)
	}
}

func TestCommandOptionErrors(t *testing.T) {
	t.Parallel()
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		opts notify.CommandOptions
		want string
	}{
		{"no argv", notify.CommandOptions{}, "Argv"},
		{"empty program", notify.CommandOptions{Argv: []string{""}}, "Argv"},
		{"missing program", notify.CommandOptions{Argv: []string{"/nowhere/program"}}, "Argv"},
		{"not executable", notify.CommandOptions{Argv: []string{plain}}, "Argv"},
		{"unknown event", notify.CommandOptions{Argv: []string{"sh"}, On: []server.EventKind{99}}, "On"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := notify.NewCommand(test.opts); err == nil || !strings.Contains(err.Error(), "CommandOptions."+test.want) {
				t.Errorf("error %v does not name %s", err, test.want)
			}
		})
	}
}
