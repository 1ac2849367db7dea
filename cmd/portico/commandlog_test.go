package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestCommandLogAppendsLinesOfJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "commands.log")
	event := server.CommandEvent{SessionID: 7, User: "alice", Verb: "STOR", Argument: "a \"b\".txt", Code: 226, Duration: 1500 * time.Millisecond}
	for range 2 { // a restart keeps what is there
		l := openTestLogs(t, io.Discard, func(c *config.Log) { c.Commands = config.Path(file) })
		l.commands.record(event)
		l.close()
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
}
