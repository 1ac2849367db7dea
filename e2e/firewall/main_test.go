//go:build linux

package firewall

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// suite is what all tests share. TestMain has no other way to hand it to them;
// it is never written after TestMain has set it.
var suite *fixture

// fixture is made once for a run of the test binary.
type fixture struct {
	dir      string // readable by the server's user
	binary   string
	password string
	hash     string // of password
	missing  error  // why no test can run, nil if all can
	matrix   matrix
}

func TestMain(m *testing.M) { os.Exit(runSuite(m)) }

func runSuite(m *testing.M) int {
	if os.Getenv(decoyVariable) != "" {
		return serveDecoy()
	}
	suite = &fixture{missing: findMissing()}
	if suite.missing != nil {
		fmt.Fprintf(os.Stderr, "e2e/firewall: %v: its tests %s\n", suite.missing, map[bool]string{true: "fail", false: "are skipped"}[inCI()])
		return m.Run()
	}
	// Not below HOME or a test's own directory: the server's user must be able
	// to walk here.
	dir, err := os.MkdirTemp("", "portico-firewall-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e/firewall:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := suite.furnish(dir); err != nil {
		fmt.Fprintln(os.Stderr, "e2e/firewall:", err)
		return 1
	}
	code := m.Run()
	suite.matrix.print(os.Stdout)
	return code
}

// findMissing looks for what every test needs: root, programs, and a kernel
// that knows namespaces, nftables and FTP.
func findMissing() error {
	if os.Getuid() != 0 {
		return fmt.Errorf("network namespaces take root")
	}
	for _, name := range []string{"ip", "nft", "iptables", "conntrack", "setpriv", "sysctl", "curl", "lftp", "haproxy"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	name := "portico-try-" + strings.ToLower(rand.Text()[:8])
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		return fmt.Errorf("no network namespace can be made: %v: %s", err, out)
	}
	defer func() { _ = exec.Command("ip", "netns", "delete", name).Run() }()
	const rules = `table inet try { ct helper ftp { type "ftp" protocol tcp; }
		chain pre { type filter hook prerouting priority 0; tcp dport 21 ct helper set "ftp"; }
		chain post { type nat hook postrouting priority 100; masquerade; }
	}`
	cmd := exec.Command("ip", "netns", "exec", name, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the kernel has no NAT or no FTP helper for nftables: %v: %s", err, out)
	}
	return nil
}

// need skips the test where it cannot run, and fails it in CI.
func need(t *testing.T) {
	t.Helper()
	if suite.missing != nil && inCI() {
		t.Fatal(suite.missing)
	} else if suite.missing != nil {
		t.Skip(suite.missing)
	}
}

func inCI() bool { return os.Getenv("CI") == "true" }

func (f *fixture) furnish(dir string) error {
	f.dir, f.binary, f.password = dir, filepath.Join(dir, "portico"), "correct-"+rand.Text()
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", f.binary, "github.com/portico-ftp/portico/cmd/portico")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	if err := writeCertificate(f.certificate(), f.key()); err != nil {
		return err
	}
	passwd := exec.Command(f.binary, "passwd")
	passwd.Stdin = strings.NewReader(f.password + "\n")
	hash, err := passwd.Output()
	if err != nil {
		return fmt.Errorf("portico passwd: %w", err)
	}
	f.hash = strings.TrimSpace(string(hash))
	return nil
}

func (f *fixture) certificate() string { return filepath.Join(f.dir, "cert.pem") }

func (f *fixture) key() string { return filepath.Join(f.dir, "key.pem") }

// environment keeps the settings of whoever runs the tests away from the
// programs under test, and lets the Go programs among them trust the server.
func (f *fixture) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin",
		"HOME=" + f.dir,
		"LC_ALL=C.UTF-8",
		"SSL_CERT_FILE=" + f.certificate(),
		"PORTICO_PASSWORD=" + f.password,
	}
}
