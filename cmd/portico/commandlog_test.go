package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// commandLine is a line of a command log.
type commandLine struct {
	Time           time.Time
	Session        uint64
	User           string
	Verb, Argument string
	Code           int
	Duration       float64
}

func readCommandLog(t *testing.T, file string) []commandLine {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []commandLine
	for line := range strings.Lines(string(text)) {
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		var l commandLine
		if err := decoder.Decode(&l); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

func loggingTo(file string) *setup {
	s := &setup{config: config.Default()}
	s.config.Log.Commands = config.Path(file)
	return s
}

func TestCommandLogAppendsLinesOfJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "commands.log")
	event := server.CommandEvent{SessionID: 7, User: "alice", Verb: "STOR", Argument: "a \"b\".txt", Code: 226, Duration: 1500 * time.Millisecond}
	for range 2 { // a restart keeps what is there
		log, err := loggingTo(file).openCommandLog(zaptest.NewLogger(t))
		if err != nil {
			t.Fatal(err)
		}
		log.record(event)
		if err := log.close(); err != nil {
			t.Fatal(err)
		}
	}
	lines := readCommandLog(t, file)
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2", len(lines))
	}
	for _, got := range lines {
		if age := time.Since(got.Time); age < 0 || age > startTimeout {
			t.Errorf("the time is %v", got.Time)
		}
		want := commandLine{Time: got.Time, Session: 7, User: "alice", Verb: "STOR", Argument: `a "b".txt`, Code: 226, Duration: 1.5}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("the file has the mode %v (%v), want no more than 0640", info.Mode(), err)
	}
}

func TestNoCommandLog(t *testing.T) {
	t.Parallel()
	log, err := loggingTo("").openCommandLog(zaptest.NewLogger(t))
	if log != nil || err != nil {
		t.Errorf("got %v, %v for no file", log, err)
	}
}

func TestCommandLogThatCannotBeOpenedStopsTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nowhere", "commands.log")
	ports := freePorts(t, 2)
	o := execute(t, "", []string{"PORTICO_LOG_COMMANDS=" + file}, "serve", "--allow-root", t.TempDir(), "--listen", "127.0.0.1:"+ports[0], "--passive-ports", ports[1])
	o.want(t, 1, "environment variable PORTICO_LOG_COMMANDS: log.commands: open "+file)
	if o.stdout != "" {
		t.Errorf("a welcome is printed:\n%s", o.stdout)
	}
}

func TestTryCommandLogLeavesNoTrace(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "commands.log")
	if err := loggingTo(absent).tryCommandLog(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(absent); !os.IsNotExist(err) {
		t.Errorf("the file is there now: %v", err)
	}
	present := writeFile(t, "commands.log", "kept\n")
	if err := loggingTo(present).tryCommandLog(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(present); string(text) != "kept\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	err := loggingTo(t.TempDir()).tryCommandLog()
	if err == nil || !strings.Contains(err.Error(), "log.commands: ") {
		t.Errorf("a directory: %v", err)
	}
}
