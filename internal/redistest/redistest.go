//go:build unix

// Package redistest runs real Redis servers for tests, without persistence and
// each in a directory of its own.
package redistest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a Redis server, run by the tests' user. It can be taken away and come
// back, then without its data. One goroutine uses it.
type Server struct {
	t       testing.TB
	options []string
	address string
	dir     string
	cmd     *exec.Cmd
	client  *redis.Client
}

// Start runs a server at "host:port", or at a socket if the address is empty,
// until the test ends. Options are those of redis-server, as on its command line.
// Without the program the test is skipped, in CI it fails.
func Start(t testing.TB, address string, options ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: make test installs it")
		}
		t.Skip("redis-server is missing: make test installs it")
	}
	dir, err := os.MkdirTemp("", "redis-") // a test's own directory may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, options: options, address: address, dir: dir}
	network, at := s.network()
	s.client = redis.NewClient(&redis.Options{
		Network: network, Addr: at, Password: passwordOf(options), MaxRetries: -1, Protocol: 2, DisableIdentity: true,
	})
	t.Cleanup(func() {
		s.client.Close()
		s.Stop()
		os.RemoveAll(dir)
	})
	s.Start()
	return s
}

// passwordOf is the one that a server with these options wants.
func passwordOf(options []string) string {
	if i := slices.Index(options, "--requirepass"); i >= 0 {
		return options[i+1]
	}
	return ""
}

func (s *Server) network() (network, address string) {
	if s.address != "" {
		return "tcp", s.address
	}
	return "unix", filepath.Join(s.dir, "socket")
}

// URL is where the server is.
func (s *Server) URL() string {
	if s.address != "" {
		return "redis://" + s.address + "/0"
	}
	return "unix://" + filepath.Join(s.dir, "socket")
}

// Client is a client of the server.
func (s *Server) Client() *redis.Client { return s.client }

// Start runs the server again after Stop.
func (s *Server) Start() {
	s.t.Helper()
	args := []string{"--save", "", "--appendonly", "no", "--dir", s.dir, "--daemonize", "no"}
	if host, port, err := net.SplitHostPort(s.address); err == nil {
		args = append(args, "--bind", host, "--port", port)
	} else {
		args = append(args, "--port", "0", "--unixsocket", filepath.Join(s.dir, "socket"), "--unixsocketperm", "700")
	}
	s.cmd = exec.Command("redis-server", append(args, s.options...)...)
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := s.client.Ping(ctx).Err()
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("redis-server does not answer: %v\n%s", err, text)
		}
	}
}

// Stop kills the server.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // also one that hangs
	var exit *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	s.cmd = nil
}

// Hang has the server accept and never answer, until Resume.
func (s *Server) Hang() { s.signal(syscall.SIGSTOP) }

// Resume ends Hang. The server then answers what was sent meanwhile.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}
