package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// openTestLogs opens the logs that set names.
func openTestLogs(t *testing.T, stderr io.Writer, set func(*config.Log)) *logs {
	t.Helper()
	s := &setup{config: config.Default()}
	set(&s.config.Log)
	l, err := s.openLogs(stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

func TestOrdinaryLogInFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "portico.log")
	var stderr bytes.Buffer
	l := openTestLogs(t, &stderr, func(c *config.Log) { c.File, c.Format = config.Path(file), "json" })
	l.ordinary.Info("first")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	l.ordinary.Info("second")
	for name, want := range map[string]string{file + ".1": "first", file: "second"} {
		var line struct{ Msg string }
		if err := json.Unmarshal([]byte(readFile(t, name)), &line); err != nil || line.Msg != want {
			t.Errorf("%s has %q (%v), want %q", filepath.Base(name), line.Msg, err, want)
		}
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error has %q", stderr.String())
	}
}

// A full disk must not make a line for each line that it cannot take.
func TestFailuresOfLogsAreToldOnce(t *testing.T) {
	t.Parallel()
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct {
		set   func(*config.Log)
		write func(*logs)
	}{
		"log.file":     {func(c *config.Log) { c.File = full }, func(l *logs) { l.ordinary.Info("hello") }},
		"log.audit":    {func(c *config.Log) { c.Audit = full }, func(l *logs) { l.audit.record(server.SecurityEvent{}) }},
		"log.commands": {func(c *config.Log) { c.Commands = full }, func(l *logs) { l.commands.record(server.CommandEvent{}) }},
		"log.xferlog":  {func(c *config.Log) { c.Xferlog = full }, func(l *logs) { l.transfer(server.Event{Kind: server.EventUpload}) }},
		"log.w3c":      {func(c *config.Log) { c.W3C = full }, func(l *logs) { l.transfer(server.Event{Path: "/a"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			l := openTestLogs(t, &stderr, test.set)
			for range 5 {
				test.write(l)
			}
			said := stderr.String()
			if strings.Count(said, "\n") != 1 || !strings.Contains(said, name) || !strings.Contains(said, "no space left") {
				t.Errorf("standard error has %q, want one line about %s", said, name)
			}
		})
	}
}

func TestLogsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	nowhere := config.Path(filepath.Join(t.TempDir(), "nowhere", "a.log"))
	opened := config.Path(filepath.Join(t.TempDir(), "b.log"))
	s := &setup{config: config.Default()}
	s.config.Log = config.Log{Level: "info", Format: "console", Audit: nowhere, W3C: nowhere, Xferlog: opened}
	l, err := s.openLogs(io.Discard)
	if l != nil || err == nil {
		t.Fatalf("got %v, %v", l, err)
	}
	if text := err.Error(); !strings.Contains(text, "log.audit: open ") || !strings.Contains(text, "log.w3c: open ") {
		t.Errorf("the error names not both: %v", text)
	}
}

func TestLogThatCannotBeOpenedStopsTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nowhere", "commands.log")
	ports := freePorts(t, 2)
	o := execute(t, "", []string{"PORTICO_LOG_COMMANDS=" + file}, "serve", "--allow-root", t.TempDir(), "--listen", "127.0.0.1:"+ports[0], "--passive-ports", ports[1])
	o.want(t, 1, "environment variable PORTICO_LOG_COMMANDS: log.commands: open "+file)
	if o.stdout != "" {
		t.Errorf("a welcome is printed:\n%s", o.stdout)
	}
}

func TestTryLogLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	absent := filepath.Join(t.TempDir(), "commands.log")
	if err := s.tryLog(logPath{"log.commands", absent}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(absent); !os.IsNotExist(err) {
		t.Errorf("the file is there now: %v", err)
	}
	present := writeFile(t, "commands.log", "kept\n")
	if err := s.tryLog(logPath{"log.commands", present}); err != nil {
		t.Error(err)
	}
	wantText(t, present, "kept\n")
	if err := s.tryLog(logPath{"log.commands", t.TempDir()}); err == nil || !strings.Contains(err.Error(), "log.commands: ") {
		t.Errorf("a directory: %v", err)
	}
}

func TestLogFilesAreForTheirGroupAtMost(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	openTestLogs(t, io.Discard, func(c *config.Log) { c.Audit = config.Path(file) })
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("the file has the mode %v (%v), want no more than 0640", info.Mode(), err)
	}
}

func TestSamplingInTheConfiguration(t *testing.T) {
	t.Parallel()
	for sampling, want := range map[string]int{"auto": sampledFirst + 1 + 1, "off": 2 * sampledEach} {
		var stderr bytes.Buffer
		l := openTestLogs(t, &stderr, func(c *config.Log) { c.Sampling = sampling })
		l.ordinary = l.ordinary.WithOptions(zap.WithClock(stoppedClock{}))
		for range 2 * sampledEach {
			l.ordinary.Info("hello")
		}
		l.close()
		if got := strings.Count(stderr.String(), "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", sampling, got, want)
		}
	}
}

// A reload and a signal at the same moment must not leave a log in its former
// file.
func TestReopeningWhileFilesChange(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	paths := []config.Path{config.Path(filepath.Join(t.TempDir(), "a")), config.Path(filepath.Join(t.TempDir(), "b"))}
	s.config.Log.Audit = paths[0]
	l, err := s.openLogs(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 500 {
			if err := l.reopen(); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 500 {
		s.config.Log.Audit = paths[i%2]
		change, err := l.prepare(s)
		if err != nil {
			t.Fatal(err)
		}
		change.commit()
		if got := l.files["log.audit"].now(); got != string(paths[i%2]) {
			t.Fatalf("the file is %s, want %s", got, paths[i%2])
		}
	}
	<-ended
	if got := l.files["log.audit"].now(); got != string(paths[1]) {
		t.Errorf("the file is %s in the end, want %s", got, paths[1])
	}
}
