//go:build unix

package e2e

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	pollInterval = 10 * time.Millisecond
	startTimeout = 20 * time.Second
	stopTimeout  = 40 * time.Second
	logTail      = 6000 // bytes of the server's log that a failed test shows
)

// process is a running portico.
type process struct {
	cmd  *exec.Cmd
	log  output
	done chan struct{} // closed when the process has ended
}

// startProcess runs portico as the unprivileged user. When the test ends, it
// is stopped by SIGTERM and must exit with 0, unless the test has seen it end
// by then; in both cases its log must name no password.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := exec.Command(suite.binary, args...)
	suite.identity.apply(cmd)
	return launch(t, cmd)
}

// launch does the same for a command that becomes portico.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.cmd.Dir = suite.dir
	p.cmd.Env = cleanEnvironment(suite.dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.wait()
	t.Cleanup(func() { p.finish(t) })
	return p
}

func (p *process) wait() {
	_ = p.cmd.Wait() // the exit code is read from ProcessState
	close(p.done)
}

// finish is the end of every process, whatever the test did to it.
func (p *process) finish(t *testing.T) {
	if !p.ended() {
		p.signal(t, syscall.SIGTERM)
		if code := p.exitCode(t, stopTimeout); code != 0 {
			t.Errorf("exit code %d after SIGTERM, want 0", code)
		}
	}
	log := p.log.String()
	for _, banned := range []string{suite.password, wrongPassword, "DATA RACE", "panic:", "goroutine "} {
		if strings.Contains(log, banned) {
			t.Errorf("the server's log contains %q", banned)
		}
	}
	if t.Failed() {
		t.Logf("the end of the server's log:\n%s", log[max(0, len(log)-logTail):])
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Errorf("%v: %v", s, err)
	}
}

// exitCode waits for the end and kills what does not end in time.
func (p *process) exitCode(t *testing.T, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(timeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Errorf("the server did not end within %v", timeout)
	}
	return p.cmd.ProcessState.ExitCode()
}

// awaitGreeting waits until a 220 comes from address.
func (p *process) awaitGreeting(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		if greets(address) {
			return
		}
		select {
		case <-p.done:
			t.Fatalf("the server ended with exit code %d instead of listening on %s", p.cmd.ProcessState.ExitCode(), address)
		case <-time.After(pollInterval):
		}
	}
	t.Fatalf("no greeting from %s within %v", address, startTimeout)
}

func greets(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	greeting := make([]byte, 4)
	if _, err := conn.Read(greeting); err != nil {
		return false
	}
	return bytes.Equal(greeting, []byte("220 ")) || bytes.Equal(greeting, []byte("220-"))
}

// awaitLog waits until the log holds all these words.
func (p *process) awaitLog(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		eventually(t, startTimeout, "the log says "+word, func() bool { return strings.Contains(p.log.String(), word) })
	}
}

// eventually waits until condition holds.
func eventually(t *testing.T, timeout time.Duration, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for deadline := time.Now().Add(timeout); !condition(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", timeout, what)
		}
	}
}

// refuses says whether nothing listens on address.
func refuses(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// output collects what a process writes. The zero value is ready.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
