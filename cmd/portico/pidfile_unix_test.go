//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPIDFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "portico.pid")
	if err := os.WriteFile(path, []byte("123456789 of an earlier server\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first, err := lockPIDFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.write(); err != nil {
		t.Fatal(err)
	}
	wantPID(t, path, strconv.Itoa(os.Getpid())+"\n")
	if _, err := lockPIDFile(path, nil); err == nil || !strings.Contains(err.Error(), "process id "+strconv.Itoa(os.Getpid())) {
		t.Errorf("a second server: %v", err)
	}
	seen, err := lookForServer(path)
	if err != nil || seen.pid != os.Getpid() {
		t.Errorf("found %d, %v", seen.pid, err)
	}

	copied, err := first.copy()
	if err != nil {
		t.Fatal(err)
	}
	second, err := lockPIDFile(path, copied)
	if err != nil {
		t.Fatalf("a successor: %v", err)
	}
	if _, err := second.file.WriteAt([]byte("1234567\n"), 0); err != nil { // as another process would
		t.Fatal(err)
	}
	first.close()
	wantPID(t, path, "1234567\n")
	if _, err := lookForServer(path); err != nil {
		t.Errorf("the lock has not gone over: %v", err)
	}
	if err := second.write(); err != nil {
		t.Fatal(err)
	}
	second.close()
	wantPID(t, path, "")
	if _, err := lookForServer(path); !errors.Is(err, errNoServer) {
		t.Errorf("after the end: %v", err)
	}
}

func wantPID(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("the file holds %q (%v), want %q", got, err, want)
	}
}

func TestAHandedPIDFileOfAnotherNameIsNotUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other, err := os.Create(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "portico.pid")
	p, err := lockPIDFile(path, other)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.write(); err != nil {
		t.Fatal(err)
	}
	wantPID(t, path, strconv.Itoa(os.Getpid())+"\n")
	if _, err := other.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the other file is open: %v", err)
	}
}

func TestAPIDFileThatCannotBeMade(t *testing.T) {
	t.Parallel()
	_, err := lockPIDFile(filepath.Join(t.TempDir(), "none", "portico.pid"), nil)
	if err == nil || !strings.Contains(err.Error(), "name a file that the user whom Portico runs as can write") {
		t.Errorf("got %v", err)
	}
}
