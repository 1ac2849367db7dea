package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func openTestLog(t *testing.T, path string) *logFile {
	t.Helper()
	file := newLogFile("log.test", io.Discard)
	opened, err := openLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file.goOn(path, opened)
	t.Cleanup(file.close)
	return file
}

func writeLine(t *testing.T, file *logFile, line string) {
	t.Helper()
	if n, err := file.Write([]byte(line + "\n")); err != nil || n != len(line)+1 {
		t.Fatalf("wrote %d bytes of %q: %v", n, line, err)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	if got := readFile(t, path); got != want {
		t.Errorf("%s has\n%q, want\n%q", filepath.Base(path), got, want)
	}
}

func TestLogFileIsReopened(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "a.log", "before\n")
	file := openTestLog(t, path)
	writeLine(t, file, "1")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	writeLine(t, file, "2") // before the signal: into the old file
	if err := file.reopen(); err != nil {
		t.Fatal(err)
	}
	writeLine(t, file, "3")
	if err := file.reopen(); err != nil { // nothing was moved
		t.Fatal(err)
	}
	writeLine(t, file, "4")
	wantText(t, path+".1", "before\n1\n2\n")
	wantText(t, path, "3\n4\n")

	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := file.reopen(); err == nil || !strings.HasPrefix(err.Error(), "log.test: ") {
		t.Errorf("reopening in a directory that is gone: %v", err)
	}
	writeLine(t, file, "5") // into the old file, which is better than nowhere
}

func TestLogFileIsTruncated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	file := openTestLog(t, path)
	file.header = func() []byte { return []byte("#head\n") }
	writeLine(t, file, "1")
	writeLine(t, file, "2")
	wantText(t, path, "#head\n1\n2\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	writeLine(t, file, "3")
	wantText(t, path, "#head\n3\n")
}

func TestLogFileHeader(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "a.log", "old\n")
	file := openTestLog(t, path)
	file.header = func() []byte { return []byte("#head\n") }
	wantText(t, path, "old\n") // not before the first line
	writeLine(t, file, "1")
	if err := file.reopen(); err != nil {
		t.Fatal(err)
	}
	writeLine(t, file, "2")
	wantText(t, path, "old\n#head\n1\n2\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("made by logrotate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.reopen(); err != nil {
		t.Fatal(err)
	}
	writeLine(t, file, "3")
	wantText(t, path, "made by logrotate\n#head\n3\n")
}

func TestLogFileWithoutFile(t *testing.T) {
	t.Parallel()
	var otherwise bytes.Buffer
	file := newLogFile("log.test", &otherwise)
	file.header = func() []byte { return []byte("#head\n") }
	writeLine(t, file, "1")
	if err := file.reopen(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.log")
	opened, err := openLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file.goOn(path, opened)
	writeLine(t, file, "2")
	file.close()
	writeLine(t, file, "3")
	wantText(t, path, "#head\n2\n")
	if got := otherwise.String(); got != "1\n3\n" {
		t.Errorf("without a file: %q", got)
	}
}

// A device that is full takes nothing, and says so.
func TestLogFileTellsOnceOfLostLines(t *testing.T) {
	t.Parallel()
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	file := openTestLog(t, full)
	var told []string
	file.report = func(err error, lost int) { told = append(told, fmt.Sprintf("%t %d", err != nil, lost)) }
	for range 3 {
		if _, err := file.Write([]byte("line\n")); err == nil || !strings.HasPrefix(err.Error(), "log.test: ") {
			t.Errorf("a line that is lost: %v", err)
		}
	}
	other := filepath.Join(t.TempDir(), "a.log")
	opened, err := openLogFile(other)
	if err != nil {
		t.Fatal(err)
	}
	file.goOn(other, opened)
	writeLine(t, file, "4")
	writeLine(t, file, "5")
	if got, want := strings.Join(told, ", "), "true 0, false 3"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	wantText(t, other, "4\n5\n")
}

// What a full disk has left of a line must not spoil the next one.
func TestLogFileGoesOnBehindHalfALine(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "a.log", "whole\nha")
	file := openTestLog(t, path)
	file.torn = true
	writeLine(t, file, "1")
	writeLine(t, file, "2")
	wantText(t, path, "whole\nha\n1\n2\n")
}

func TestLogFileWithManyWriters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.log")
	const writers, lines = 4, 200
	line := strings.Repeat("x", 300) + "\n"
	var all sync.WaitGroup
	for range writers {
		file := openTestLog(t, path) // as several servers
		all.Go(func() {
			for range lines {
				file.Write([]byte(line))
			}
		})
		all.Go(func() {
			for range lines {
				if err := file.reopen(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := readFile(t, path); got != strings.Repeat(line, writers*lines) {
		t.Errorf("%d bytes are not %d whole lines", len(got), writers*lines)
	}
}
