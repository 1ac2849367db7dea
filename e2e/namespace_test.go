//go:build linux

package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// namespace is a network of its own, with a loopback interface. A nil pointer
// is the network of the tests.
type namespace struct {
	name string
}

// newNamespace makes a network that ends with the test. It skips the test
// where that cannot be done.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	needRoot(t)
	for _, name := range []string{"ip", "nft", "setpriv", "sysctl"} {
		if _, err := exec.LookPath(name); err != nil && inCI() {
			t.Fatal(err)
		} else if err != nil {
			t.Skip(err)
		}
	}
	ns := &namespace{name: "portico-" + strings.ToLower(rand.Text()[:8])}
	if out, err := exec.Command("ip", "netns", "add", ns.name).CombinedOutput(); err != nil {
		t.Skipf("no network namespace can be made: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "delete", ns.name).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	ns.run(t, "ip", "link", "set", "lo", "up")
	return ns
}

// command is a command inside; its words may come in several lists.
func (ns *namespace) command(first []string, rest ...string) *exec.Cmd {
	words := append(append([]string(nil), first...), rest...)
	if ns != nil {
		words = append([]string{"ip", "netns", "exec", ns.name}, words...)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = suite.dir
	cmd.Env = append(cleanEnvironment(suite.dir), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	return cmd
}

// run runs a command inside that must succeed, and returns what it prints.
func (ns *namespace) run(t *testing.T, words ...string) string {
	t.Helper()
	out, err := ns.command(words).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// Addresses of two connected namespaces.
const (
	insideAddress  = "10.77.0.1"
	outsideAddress = "10.77.0.2"
)

// connect lays a cable to another namespace.
func (ns *namespace) connect(t *testing.T, other *namespace) {
	t.Helper()
	ns.run(t, "ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", other.name)
	for _, end := range []struct {
		*namespace
		address string
	}{{ns, insideAddress}, {other, outsideAddress}} {
		end.run(t, "ip", "address", "add", end.address+"/24", "dev", "wire")
		end.run(t, "ip", "link", "set", "wire", "up")
	}
}

// awaitGreeting waits until the server can be reached from inside.
func (ns *namespace) awaitGreeting(t *testing.T, p *process, host string, port int) {
	t.Helper()
	eventually(t, startTimeout, fmt.Sprintf("a listing from %s port %d", host, port), func() bool {
		if p.ended() {
			t.Fatalf("the server ended with exit code %d", p.cmd.ProcessState.ExitCode())
		}
		return ns.command([]string{"curl", "-s", "--max-time", "5", "--user", userName + ":" + suite.password, fmt.Sprintf("ftp://%s:%d/", host, port)}).Run() == nil
	})
}
