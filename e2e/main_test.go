//go:build unix

package e2e

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// suite is what all tests share. TestMain has no other way to hand it to them;
// it is never written after TestMain has set it.
var suite *fixture

// fixture is made once for a run of the test binary.
type fixture struct {
	dir      string // readable by the server's user
	binary   string
	identity *identity // nil: the server runs as the user of the tests
	ports    *portBlock
	tls      *certificates
	password string
	hash     string // of password, as portico passwd prints it
	ipv6     bool
	large    func() (sample, error) // 64 MiB
}

func TestMain(m *testing.M) {
	if program := os.Getenv(hideVariable); program != "" {
		fmt.Fprintln(os.Stderr, "e2e:", becomeHidden(program))
		os.Exit(1)
	}
	os.Exit(runSuite(m))
}

func runSuite(m *testing.M) int {
	// Not below HOME or a test's own directory: the server's user must be able
	// to walk here.
	dir, err := os.MkdirTemp("", "portico-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if suite, err = newFixture(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer suite.ports.release()
	suite.announceMissing(os.Stderr)
	return m.Run()
}

func newFixture(dir string) (*fixture, error) {
	f := &fixture{
		dir:      dir,
		binary:   filepath.Join(dir, "portico"),
		identity: unprivileged(),
		password: "correct-" + rand.Text(),
		ipv6:     haveIPv6(),
	}
	f.large = sync.OnceValues(func() (sample, error) {
		return writeSample(filepath.Join(dir, "large.bin"), 64<<20)
	})
	var err error
	if err = os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if err = build(f.binary); err != nil {
		return nil, err
	}
	if f.tls, err = newCertificates(dir, f.identity); err != nil {
		return nil, err
	}
	if f.hash, err = f.hashPassword(f.password); err != nil {
		return nil, err
	}
	f.ports, err = claimPorts()
	return f, err
}

func build(binary string) error {
	args := []string{"build", "-buildvcs=false", "-o", binary}
	if os.Getenv("E2E_RACE") == "1" {
		args = append(args, "-race")
	}
	args = append(args, "github.com/portico-ftp/portico/cmd/portico")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (f *fixture) hashPassword(password string) (string, error) {
	cmd := exec.Command(f.binary, "passwd")
	cmd.Stdin = strings.NewReader(password + "\n")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("portico passwd: %w: %s", err, stderr.Bytes())
	}
	hash := strings.TrimSuffix(stdout.String(), "\n")
	if hash == "" || strings.ContainsAny(hash, " \n") {
		return "", errors.New("portico passwd prints something else than one hash: " + stdout.String())
	}
	return hash, nil
}
