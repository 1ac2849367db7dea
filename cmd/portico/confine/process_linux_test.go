package confine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portico-ftp/portico/cmd/portico/confine"
)

// confinedVariable has the test binary confine itself and try things, instead
// of running tests: it is for good.
const confinedVariable = "PORTICO_TEST_CONFINED"

func TestMain(m *testing.M) {
	if spec := os.Getenv(confinedVariable); spec != "" {
		if err := runConfined(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// attempt is what the confined process is to try, and its needs.
type attempt struct {
	Mode  confine.Mode
	Needs confine.Needs
	// Paths that are there.
	Inside, Outside, Program string
	// Abstract is the name of a Unix socket.
	Abstract string
	// Ports: to bind; what listens.
	Mine, Foreign   uint16
	Served, Refused uint16
}

// outcome is the error of each thing that was tried, empty: none.
type outcome struct {
	State  confine.State
	Covers string
	Tried  map[string]string
}

func runConfined(spec string) error {
	var a attempt
	if err := json.Unmarshal([]byte(spec), &a); err != nil {
		return err
	}
	stop := busyThreads(8)
	state, err := confine.Apply(a.Mode, a.Needs)
	if err != nil {
		return err
	}
	result := outcome{State: state, Tried: map[string]string{}}
	for name, try := range a.tries() {
		// From several threads: all of them must be confined alike.
		result.Tried[name] = text(onThreads(8, try))
	}
	stop()
	return json.NewEncoder(os.Stdout).Encode(result)
}

// busyThreads makes threads that exist before the process is confined.
func busyThreads(n int) (stop func()) {
	var ready, done sync.WaitGroup
	end := make(chan struct{})
	for range n {
		ready.Add(1)
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-end
		})
	}
	ready.Wait()
	return func() { close(end); done.Wait() }
}

// onThreads returns the error that all threads agree on.
func onThreads(n int, try func() error) error {
	results := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			runtime.LockOSThread()
			results[i] = try()
		})
	}
	all.Wait()
	for _, err := range results {
		if text(err) != text(results[0]) {
			return fmt.Errorf("threads disagree: %v, %v", results[0], err)
		}
	}
	return results[0]
}

// text is the error number of the system, or the error.
func text(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	default:
		return err.Error()
	}
}

func (a attempt) tries() map[string]func() error {
	return map[string]func() error{
		"read inside":       func() error { return read(filepath.Join(a.Inside, "file")) },
		"read outside":      func() error { return read(filepath.Join(a.Outside, "file")) },
		"list outside":      func() error { _, err := os.ReadDir(a.Outside); return err },
		"write inside":      func() error { return write(a.Inside) },
		"write outside":     func() error { return write(a.Outside) },
		"move inside":       func() error { return move(a.Inside) },
		"link inside":       func() error { return ignoreExists(os.Symlink("file", filepath.Join(a.Inside, "link"))) },
		"truncate outside":  func() error { return os.Truncate(filepath.Join(a.Outside, "file"), 0) },
		"start a program":   func() error { return exec.Command(a.Program).Run() },
		"bind mine":         func() error { return bind(unix.IPPROTO_TCP, a.Mine) },
		"bind any":          func() error { return bind(unix.IPPROTO_TCP, 0) },
		"bind foreign":      func() error { return bind(unix.IPPROTO_TCP, a.Foreign) },
		"bind foreign 6":    func() error { return bind6(a.Foreign) },
		"mptcp":             func() error { return bind(unix.IPPROTO_MPTCP, a.Foreign) },
		"mptcp in disguise": func() error { return disguisedMPTCP() },
		"sctp":              func() error { return bind(unix.IPPROTO_SCTP, a.Foreign) },
		"packet socket":     func() error { return openSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0) },
		"udp":               func() error { return openSocket(unix.AF_INET, unix.SOCK_DGRAM, 0) },
		"connect served":    func() error { return connect(a.Served) },
		"connect refused":   func() error { return connect(a.Refused) },
		"fast open":         func() error { return fastOpen(a.Refused) },
		"abstract socket":   func() error { return connectAbstract(a.Abstract) },
		"io_uring":          func() error { return call(unix.SYS_IO_URING_SETUP, 1, 0, 0) },
		"user namespace":    func() error { return call(unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0) },
		"bpf":               func() error { return call(unix.SYS_BPF, 0, 0, 0) },
		"ptrace":            func() error { return call(unix.SYS_PTRACE, unix.PTRACE_CONT, 0, 0) }, // of no process
	}
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func write(dir string) error {
	file, err := os.CreateTemp(dir, "new")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// move moves a file between directories.
func move(dir string) error {
	sub, err := os.MkdirTemp(dir, "sub")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "moved")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Rename(file.Name(), filepath.Join(sub, "here")))
}

func ignoreExists(err error) error {
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

func openSocket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func bind(protocol int, port uint16) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, protocol)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
}

func bind6(port uint16) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)})
}

// disguisedMPTCP sets a bit of the argument that the kernel does not look at.
func disguisedMPTCP() error {
	return call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 1<<32|unix.IPPROTO_MPTCP)
}

func connect(port uint16) error {
	conn, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	return conn.Close()
}

func connectAbstract(name string) error {
	conn, err := net.Dial("unix", "@"+name)
	if err != nil {
		return err
	}
	return conn.Close()
}

func fastOpen(port uint16) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, []byte("hello"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}})
}

func call(number, a, b, c uintptr) error {
	if _, _, errno := unix.Syscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// newAttempt has something inside, something outside, and two ports on which
// the test listens.
func newAttempt(t *testing.T) attempt {
	t.Helper()
	a := attempt{Inside: t.TempDir(), Outside: t.TempDir()}
	for _, dir := range []string{a.Inside, a.Outside} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	a.Program = program
	a.Abstract = "portico-test-" + rand.Text()
	l, err := net.Listen("unix", "@"+a.Abstract)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	a.Served, a.Refused = listening(t), listening(t)
	a.Mine, a.Foreign = closedPort(t), closedPort(t)
	return a
}

func listening(t *testing.T) uint16 {
	t.Helper()
	l := listen(t)
	t.Cleanup(func() { l.Close() })
	return portOf(l)
}

// closedPort was free a moment ago, and is no port that the kernel would give
// out: binding it is refused or succeeds.
func closedPort(t *testing.T) uint16 {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return portOf(l)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func portOf(l net.Listener) uint16 { return uint16(l.Addr().(*net.TCPAddr).Port) }

// run has another process try it.
func (a attempt) run(t *testing.T) outcome {
	t.Helper()
	spec, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), confinedVariable+"="+string(spec))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var result outcome
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatalf("%v: %s", err, &stdout)
	}
	return result
}

func (o outcome) want(t *testing.T, want map[string]string) {
	t.Helper()
	for name, code := range want {
		got, tried := o.Tried[name]
		if !tried {
			t.Errorf("%s was not tried", name)
		}
		if got != code {
			t.Errorf("%s: %q, want %q", name, got, code)
		}
	}
}

// needsFull skips where the kernel cannot do what is tested.
func needsFull(t *testing.T) {
	t.Helper()
	state, err := confine.Probe(confine.Auto, confine.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	if state.Level() != confine.LevelFull {
		t.Skip(state)
	}
}

func TestTheKernelRefusesWhatIsNotNeeded(t *testing.T) {
	t.Parallel()
	needsFull(t)
	a := newAttempt(t)
	a.Mode = confine.Required
	a.Needs = confine.Needs{Write: []string{a.Inside}, Bind: confine.Port(a.Mine), Connect: confine.Port(a.Served)}
	result := a.run(t)
	result.want(t, map[string]string{
		"read inside": "", "write inside": "", "move inside": "", "bind mine": "", "bind any": "", "connect served": "", "udp": "",
		"link inside": "EACCES", "read outside": "EACCES", "list outside": "EACCES", "write outside": "EACCES", "truncate outside": "EACCES",
		"start a program": "EACCES",
		"bind foreign":    "EACCES", "bind foreign 6": "EACCES", "connect refused": "EACCES",
		"mptcp": "EPERM", "mptcp in disguise": "EPERM", "sctp": "EPERM", "packet socket": "EPERM", "fast open": "EPERM",
		"io_uring": "EPERM", "user namespace": "EPERM", "bpf": "EPERM", "ptrace": "EPERM", "abstract socket": "EPERM",
	})
	if got := result.State; !got.Files || !got.Ports || !got.SystemCalls || !got.NoNewPrivileges || got.Level() != confine.LevelFull {
		t.Errorf("the state is %+v", got)
	}
}

func TestWhatIsNeededWorks(t *testing.T) {
	t.Parallel()
	needsFull(t)
	a := newAttempt(t)
	a.Needs = confine.Needs{
		Read:       []string{a.Outside, "/nonexistent/file"},
		Write:      []string{a.Inside, os.DevNull},
		Execute:    []string{"/bin", "/usr/bin", "/lib", "/lib64", "/usr/lib"},
		Bind:       confine.Port(a.Foreign),
		AnyConnect: "this test connects",

		AbstractSockets: true,
	}
	result := a.run(t)
	result.want(t, map[string]string{
		"read outside": "", "list outside": "", "write outside": "EACCES", "truncate outside": "EACCES",
		"start a program": "", "bind foreign": "", "bind mine": "EACCES", "connect served": "", "connect refused": "", "abstract socket": "",
	})
	if len(result.State.Open) != 1 {
		t.Errorf("open: %q", result.State.Open)
	}
}

func TestOffConfinesNothing(t *testing.T) {
	t.Parallel()
	a := newAttempt(t)
	a.Mode = confine.Off
	result := a.run(t)
	result.want(t, map[string]string{
		"read outside": "", "write outside": "", "start a program": "", "bind foreign": "", "connect refused": "",
	})
	if result.State.Level() != confine.LevelNone {
		t.Errorf("the level is %s", result.State.Level())
	}
}

// The holes that the filter closes must be there without it, or the test of the
// filter proves nothing.
func TestTheFilterClosesWhatWouldBeOpen(t *testing.T) {
	t.Parallel()
	a := newAttempt(t)
	a.Mode = confine.Off
	result := a.run(t)
	if result.Tried["fast open"] != "" {
		t.Errorf("fast open: %s", result.Tried["fast open"])
	}
	if code := result.Tried["mptcp"]; code != "" && code != "EPROTONOSUPPORT" && code != "ENOPROTOOPT" {
		t.Errorf("mptcp: %s", code)
	} else if code != result.Tried["mptcp in disguise"] {
		t.Errorf("in disguise: %q, undisguised: %q", result.Tried["mptcp in disguise"], code)
	}
}
