//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The ways to port 21 for a server that is not root. In each the server runs
// as an ordinary user, and a client uploads and downloads in passive and in
// active mode.

func TestPort21FromTheServiceManager(t *testing.T) {
	t.Parallel()
	needRoot(t)
	control, passive := lowSocket(t, 21), lowSocket(t, 990)
	s := newSite(t)
	s.set("listeners", []any{map[string]any{"address": fmt.Sprintf(":%d", control.port)}})
	s.set("passive.ports", fmt.Sprint(passive.port))
	file := s.configFile()

	code, out, errs := runHanded(t, []*os.File{control.file(t), passive.file(t)}, "check", "--config", file)
	if code != 0 || !strings.Contains(out, `handed over by the service manager (socket "portico.socket")`) || !strings.Contains(out, "1 of them handed over") {
		t.Errorf("exit code %d, or check does not tell of the sockets:\n%s%s", code, out, errs)
	}
	p := startProgram(t, handed(t, []*os.File{control.file(t), passive.file(t)}, "serve", "--config", file))
	control.close(t)
	passive.close(t)
	p.awaitGreeting(t, fmt.Sprintf("127.0.0.1:%d", control.port))
	p.checkUnprivileged(t, noCapability)
	thereAndBack(t, s, nil, "127.0.0.1", control.port)
	if port := fmt.Sprintf(`"port": %d`, passive.port); !strings.Contains(p.log.String(), port) {
		t.Errorf("no transfer used passive port %d", passive.port)
	}
}

func TestSocketThatBelongsToNothingStopsTheStart(t *testing.T) {
	t.Parallel()
	needRoot(t)
	stray := lowSocket(t, 0)
	code, _, said := runHanded(t, []*os.File{stray.file(t)}, "serve", "--config", newSite(t).configFile())
	if code != 1 || !strings.Contains(said, "portico.socket") || !strings.Contains(said, "belongs to none of listeners and passive.ports") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}

func TestPort21ByCapability(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	s := lowSite(t)
	s.set("active.source_port", 20)
	p := startProgram(t, ns.command(asUser("--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"), suite.binary, "serve", "--config", s.configFile()))
	ns.awaitGreeting(t, p, "127.0.0.1", 21)
	p.checkUnprivileged(t, bindCapability)
	thereAndBack(t, s, ns, "127.0.0.1", 21)
	if !strings.Contains(p.log.String(), `"active_source_port": "20"`) {
		t.Error("the log does not tell the source port")
	}
}

func TestPort21BySetting(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	ns.run(t, "sysctl", "-q", "-w", "net.ipv4.ip_unprivileged_port_start=20")
	s := lowSite(t)
	file := s.configFile()
	out := ns.run(t, append(asUser(), suite.binary, "check", "--config", file)...)
	for _, want := range []string{"ip_unprivileged_port_start is 20", "active source port: auto: 20"} {
		if !strings.Contains(out, want) {
			t.Errorf("check does not say %q:\n%s", want, out)
		}
	}
	p := startProgram(t, ns.command(asUser(), suite.binary, "serve", "--config", file))
	ns.awaitGreeting(t, p, "127.0.0.1", 21)
	p.checkUnprivileged(t, noCapability)
	thereAndBack(t, s, ns, "127.0.0.1", 21)
}

func TestPort21ByRedirect(t *testing.T) {
	t.Parallel()
	inside, outside := newNamespace(t), newNamespace(t)
	inside.connect(t, outside)
	inside.run(t, "nft", `
		add table inet portico
		add chain inet portico prerouting { type nat hook prerouting priority dstnat; }
		add rule inet portico prerouting tcp dport 21 redirect to :2121`)
	s := lowSite(t)
	s.set("listeners", []any{map[string]any{"address": ":2121"}})
	p := startProgram(t, inside.command(asUser(), suite.binary, "serve", "--config", s.configFile()))
	outside.awaitGreeting(t, p, insideAddress, 21)
	p.checkUnprivileged(t, noCapability)
	thereAndBack(t, s, outside, insideAddress, 21)
}

func TestPort21WithoutTheRight(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	s := lowSite(t)
	s.set("active.source_port", 20)
	cmd := ns.command(asUser(), suite.binary, "check", "--config", s.configFile())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	for _, want := range []string{
		"listeners[0].address: cannot listen on :21", "active.source_port: this process may not use port 20",
		"socket activation", "CAP_NET_BIND_SERVICE", "ip_unprivileged_port_start", "redirect",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not said in:\n%s", want, out)
		}
	}
}

// lowSite is a site whose server listens on port 21, in a network of its own.
func lowSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.set("listeners", []any{map[string]any{"address": ":21"}})
	return s
}

// asUser runs a program as the unprivileged user, without any capability but
// those that the options add.
func asUser(options ...string) []string {
	return append([]string{"setpriv", fmt.Sprintf("--reuid=%d", suite.identity.uid), fmt.Sprintf("--regid=%d", suite.identity.gid), "--clear-groups"}, options...)
}

func needRoot(t *testing.T) {
	t.Helper()
	if suite.identity == nil {
		t.Skip("opening sockets below 1024 and network namespaces takes root")
	}
	need(t, "curl")
}

// startProgram starts a prepared command as startProcess does.
func startProgram(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.wait()
	t.Cleanup(func() { p.finish(t) })
	return p
}

// Effective capabilities as proc(5) prints them.
const (
	noCapability   = "0000000000000000"
	bindCapability = "0000000000000400" // CAP_NET_BIND_SERVICE
)

// checkUnprivileged wants the server to be an ordinary user with exactly these
// capabilities.
func (p *process) checkUnprivileged(t *testing.T, capabilities string) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fmt.Sprintf("\nUid:\t%d\t", suite.identity.uid), "\nCapEff:\t" + capabilities + "\n", "\nName:\tportico\n"} {
		if !strings.Contains("\n"+string(status), want) {
			t.Errorf("%q is not in the server's status:\n%s", want, status)
		}
	}
}

// thereAndBack uploads a file and downloads it again, in passive and active mode.
func thereAndBack(t *testing.T, s *site, ns *namespace, host string, port int) {
	t.Helper()
	const content = "through the door\n"
	local := filepath.Join(s.dir, "local.txt")
	if err := os.WriteFile(local, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]string{"passive": nil, "active": {"--ftp-port", "-"}} {
		url := fmt.Sprintf("ftp://%s:%d/%s.txt", host, port, name)
		curl := append([]string{"curl", "-sS", "--max-time", "30", "--user", userName + ":" + suite.password}, options...)
		for _, args := range [][]string{{"-T", local, url}, {url}} {
			cmd := ns.command(append(curl, args...))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s mode: %v: %s", name, err, out)
			}
			if len(args) == 1 && string(out) != content {
				t.Errorf("%s mode: got %q, want %q", name, out, content)
			}
		}
	}
}

// openedSocket is a listening socket of the test's, as a service manager opens
// one.
type openedSocket struct {
	*net.TCPListener
	port int
}

// lowSocket listens on a port that takes root: the given one, or another one
// below 1024 where that is taken.
func lowSocket(t *testing.T, preferred int) *openedSocket {
	t.Helper()
	for port := preferred; port < 1024; port = max(port+1, 600) {
		if port == 0 {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return &openedSocket{l.(*net.TCPListener), port}
	}
	t.Fatal("no port below 1024 is free")
	return nil
}

func (s *openedSocket) file(t *testing.T) *os.File {
	t.Helper()
	file, err := s.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// close leaves the socket to the server alone.
func (s *openedSocket) close(t *testing.T) {
	t.Helper()
	if err := s.TCPListener.Close(); err != nil {
		t.Error(err)
	}
}

// handed is portico as a service manager starts it. LISTEN_PID is the process
// that the shell becomes.
func handed(t *testing.T, sockets []*os.File, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$0" "$@"`, suite.binary}, args...)...)
	cmd.Cancel = func() error { return nil } // the harness ends it
	cmd.Dir = suite.dir
	cmd.ExtraFiles = sockets
	cmd.Env = append(cleanEnvironment(suite.dir), fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES=portico.socket:data.socket")
	suite.identity.apply(cmd)
	return cmd
}

func runHanded(t *testing.T, sockets []*os.File, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := handed(t, sockets, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
