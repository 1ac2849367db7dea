//go:build linux

package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/portico-ftp/portico/bench/provide"
)

const (
	userName   = "bench"
	smallFile  = "small.bin"
	smallSize  = 1 << 10
	largeFile  = "large.bin"
	largeSize  = 1 << 30
	nobody     = 65534
	startLimit = 20 * time.Second
	stopLimit  = 40 * time.Second
)

// lab is where servers are measured: programs in a folder that an unprivileged
// user can reach, files in memory.
type lab struct {
	programs string
	home     string
	binary   string // a copy of the server
	password string
	hash     string
}

// inMemory is where files are in memory: a tmpfs.
const inMemory = "/dev/shm"

// newLab makes a lab whose files are in a folder of their own in dir.
func newLab(binary, dir string) (*lab, error) {
	programs, err := os.MkdirTemp("", "portico-bench-")
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp(dir, "portico-bench-")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(programs))
	}
	l := &lab{programs: programs, home: home, binary: filepath.Join(programs, "portico"), password: rand.Text()}
	if err := l.furnish(binary); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() {
	_ = os.RemoveAll(l.home)
	_ = os.RemoveAll(l.programs)
}

func (l *lab) furnish(binary string) error {
	for dir, mode := range map[string]os.FileMode{l.programs: 0o755, l.home: 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
	}
	if err := provide.Program(binary, l.binary); err != nil {
		return fmt.Errorf("the server to measure: %w: build it first (make build)", err)
	}
	if err := provide.File(filepath.Join(l.home, smallFile), smallSize); err != nil {
		return err
	}
	cmd := exec.Command(l.binary, "passwd")
	cmd.Stdin = strings.NewReader(l.password + "\n")
	hash, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("portico passwd: %w", err)
	}
	l.hash = strings.TrimSpace(string(hash))
	return nil
}

// provideLarge makes the large file where it is needed.
func (l *lab) provideLarge() (string, error) {
	path := filepath.Join(l.home, largeFile)
	return path, provide.File(path, largeSize)
}

// server is a process under measurement.
type server struct {
	cmd     *exec.Cmd
	address string
}

// startPortico starts portico with a range of usual size.
func (l *lab) startPortico() (*server, error) { return l.startWithPorts(100) }

// startWithPorts starts portico with so many passive ports.
func (l *lab) startWithPorts(passivePorts int) (*server, error) {
	return l.startWith(passivePorts, nil)
}

// startWith does the same with other settings besides, or instead, and waits
// for the greeting.
func (l *lab) startWith(passivePorts int, settings map[string]any) (*server, error) {
	control, err := freePorts(1 + passivePorts)
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", control)
	all := map[string]any{
		"listeners": []any{map[string]any{"address": address}},
		"passive":   map[string]any{"ports": fmt.Sprintf("%d-%d", control+1, control+passivePorts)},
		"users":     []any{map[string]any{"name": userName, "password": l.hash, "home": l.home, "permissions": []any{"list", "read", "write", "overwrite"}}},
		"tls":       map[string]any{"self_signed": true},
		"log":       map[string]any{"level": "warn"},
	}
	maps.Copy(all, settings)
	config, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.programs, "portico.json")
	if err := os.WriteFile(path, config, 0o644); err != nil {
		return nil, err
	}
	s := &server{cmd: unprivileged(l.binary, "serve", "--config", path), address: address}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := s.awaitGreeting(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// startSelf starts this program again as one of the servers that portico is
// compared with.
func (l *lab) startSelf(args ...string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(l.programs, args[0])
	if err := provide.Program(self, program); err != nil {
		return nil, err
	}
	s := &server{cmd: unprivileged(program, args...)}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", args[0], err), s.stop())
	}
	s.address = strings.TrimSpace(line)
	return s, nil
}

// unprivileged is a command that does not run as root.
func unprivileged(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

func (s *server) awaitGreeting() error {
	for deadline := time.Now().Add(startLimit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := dial(s.address); err == nil {
			return c.close()
		}
	}
	return fmt.Errorf("no greeting from %s within %v", s.address, startLimit)
}

// stop ends the process, by force if it must.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	defer time.AfterFunc(stopLimit, func() { _ = s.cmd.Process.Kill() }).Stop()
	if err := s.cmd.Wait(); err != nil && s.cmd.ProcessState.ExitCode() > 0 {
		return fmt.Errorf("%s: %w", filepath.Base(s.cmd.Path), err)
	}
	return nil
}

// firstPort and lastPort bound the ports of servers: below those that the kernel
// gives to outgoing connections.
const firstPort, lastPort = 15000, 32000

// freePorts finds n free ports in a row.
func freePorts(n int) (first int, err error) {
	for first = firstPort; first+n < lastPort; first += n {
		if allFree(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row", n)
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}
