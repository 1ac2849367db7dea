//go:build unix

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// commandTimeout bounds one call of a client program.
const commandTimeout = 90 * time.Second

// program is a client that may be missing, with the arguments of a call that
// shows that it works. Nil: there is no such call.
type program struct {
	name  string
	probe []string
}

func programs() []program {
	return []program{
		{"curl", []string{"--version"}},
		{"lftp", []string{"--version"}},
		{"python3", []string{"-c", "import ftplib, ssl"}},
		{slapdProgram, []string{"-VV"}},
		{"chromium", []string{"--version"}},
		{"webalizer", nil}, // even its version is an error
		{logrotateProgram, []string{"--version"}},
		{haproxyProgram, []string{"-v"}},
	}
}

func (p program) missing() error {
	if p.probe == nil {
		_, err := exec.LookPath(p.name)
		return err
	}
	if err := exec.Command(p.name, p.probe...).Run(); err != nil {
		return fmt.Errorf("%s is not installed or does not work: %w", p.name, err)
	}
	return nil
}

// announceMissing prints why tests are skipped: go test shows the reasons of
// skipped tests only when it is asked to be verbose.
func (f *fixture) announceMissing(w io.Writer) {
	for _, p := range programs() {
		if err := p.missing(); err != nil {
			fmt.Fprintf(w, "e2e: %v: its tests %s\n", err, map[bool]string{true: "fail", false: "are skipped"}[inCI()])
		}
	}
	if curlBreaksActiveTLS() {
		fmt.Fprintln(w, "e2e: this version of curl has no working active mode over TLS: those of its tests are left out")
	}
	if !f.ipv6 {
		fmt.Fprintln(w, "e2e: this machine has no ::1: the tests over IPv6 are skipped")
	}
}

func inCI() bool { return os.Getenv("CI") == "true" }

// need skips the test when the client is missing, and fails it in CI.
func need(t *testing.T, name string) {
	t.Helper()
	for _, p := range programs() {
		if p.name != name {
			continue
		}
		if err := p.missing(); err != nil && inCI() {
			t.Fatal(err)
		} else if err != nil {
			t.Skip(err)
		}
		return
	}
	t.Fatalf("%s is not in the list of client programs", name)
}

// cleanEnvironment keeps the settings of whoever runs the tests away from the
// programs under test.
func cleanEnvironment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"LC_ALL=C.UTF-8", // file names are UTF-8
		"TZ=UTC",
	}
}

// runClient runs a client program and returns what it printed.
func runClient(t *testing.T, home string, trace io.Writer, name string, args ...string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = cleanEnvironment(home)
	cmd.Dir = home
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, trace
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return stdout.Bytes(), nil
}
