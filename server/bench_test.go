//go:build unix

package server_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// BenchmarkControlChannel is one NOOP, PWD and CWD over a pipe in memory: with
// this package in front of the engine, and with the engine alone. The
// difference in cpu-ns/command is what this package adds.
func BenchmarkControlChannel(b *testing.B) {
	fs := afero.NewMemMapFs()
	fs.Mkdir("/dir", 0o755)
	b.Run("ours", func(b *testing.B) { benchmarkCommands(b, serveOurs(b, fs)) })
	b.Run("engine", func(b *testing.B) { benchmarkCommands(b, serveEngine(b, fs)) })
}

func benchmarkCommands(b *testing.B, conn net.Conn) {
	lines := bufio.NewReader(conn)
	do := func(command string) {
		io.WriteString(conn, command)
		if _, err := lines.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
	}
	lines.ReadSlice('\n') // the greeting
	do("USER alice\r\n")
	do("PASS " + testPassword + "\r\n")
	dialogue := []string{"NOOP\r\n", "PWD\r\n", "CWD /dir\r\n"}
	before := cpuTime(b)
	for b.Loop() {
		for _, command := range dialogue {
			do(command)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*len(dialogue)), "cpu-ns/command")
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func serveOurs(b *testing.B, fs afero.Fs) net.Conn {
	s, err := server.New(server.Options{Auth: oneUser{fs}, Active: server.Active{Disabled: true}})
	if err != nil {
		b.Fatal(err)
	}
	l := newPipeListener()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	b.Cleanup(func() { s.Close(); <-served })
	return l.dial()
}

// serveEngine serves one session by the engine alone.
func serveEngine(b *testing.B, fs afero.Fs) net.Conn {
	l := newPipeListener()
	startEngine(b, bareDriver{fs: fs, listener: l})
	return l.dial()
}

func startEngine(b *testing.B, d bareDriver) {
	engine := ftpserver.NewFtpServer(d)
	engine.Logger = slog.New(slog.DiscardHandler)
	served := make(chan error, 1)
	go func() { served <- engine.ListenAndServe() }()
	b.Cleanup(func() { d.listener.Close(); <-served })
}

// bareDriver is as little as the engine needs.
type bareDriver struct {
	fs       afero.Fs
	listener net.Listener
}

func (d bareDriver) GetSettings() (*ftpserver.Settings, error) {
	return &ftpserver.Settings{Listener: d.listener}, nil
}

func (bareDriver) ClientConnected(ftpserver.ClientContext) (string, error) { return "ready", nil }

func (bareDriver) ClientDisconnected(ftpserver.ClientContext) {}

func (d bareDriver) AuthUser(_ ftpserver.ClientContext, user, password string) (ftpserver.ClientDriver, error) {
	if user != "alice" || password != testPassword {
		return nil, driver.ErrDenied
	}
	return d.fs, nil
}

func (bareDriver) GetTLSConfig() (*tls.Config, error) { return nil, errors.New("no TLS") }

// pipeListener accepts connections in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   *sync.Once
}

func newPipeListener() pipeListener {
	return pipeListener{make(chan net.Conn), make(chan struct{}), new(sync.Once)}
}

func (l pipeListener) dial() net.Conn {
	client, conn := net.Pipe()
	l.conns <- conn
	return client
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Err: net.ErrClosed}
	}
}

func (l pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// BenchmarkFEATBesideIdleSessions tells how long a FEAT takes while 500 other
// sessions do nothing.
func BenchmarkFEATBesideIdleSessions(b *testing.B) {
	s := startSite(b, func(o *server.Options) { o.Logger = nil })
	for range 500 {
		login(b, s.addr)
	}
	c := login(b, s.addr)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		c.cmd(211, "FEAT")
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkListing lists a directory of 10,000 files, by this package and by
// the engine alone over afero's BasePathFs. The client is part of the figures.
func BenchmarkListing(b *testing.B) {
	const files = 10_000
	dir := b.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%05d.csv", i)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { root.Close() })
	list := func(b *testing.B, c *client) {
		before := cpuTime(b)
		for b.Loop() {
			if got := strings.Count(string(c.retrieve("LIST")), "\n"); got != files {
				b.Fatalf("%d entries", got)
			}
		}
		b.ReportMetric(files*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/files, "cpu-ns/entry")
	}
	b.Run("ours", func(b *testing.B) {
		s := startSite(b, func(o *server.Options) { o.Logger, o.Auth = nil, oneUser{driver.NewLocal(root)} })
		list(b, login(b, s.addr))
	})
	b.Run("engine", func(b *testing.B) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		startEngine(b, bareDriver{fs: afero.NewBasePathFs(afero.NewOsFs(), dir), listener: listener})
		list(b, login(b, listener.Addr().String()))
	})
}

// A command that the engine does not see costs nearly no memory, from the line
// to the reply. Everything else in this process stands still meanwhile.
func TestCommandsCost(t *testing.T) {
	for _, test := range []struct {
		line string
		most float64 // allocations
		why  string
	}{
		{"NOOP", 1, "its verb"},
		{"TYPE I", 2, "its verb and its argument"},
		{"SIZE file", 2, "its verb and its argument"},
		{"EPSV", 5, "its verb, its lease and its reply"},
	} {
		t.Run(test.line, func(t *testing.T) {
			s := startSite(t, func(o *server.Options) { o.Logger = nil })
			afero.WriteFile(s.fs, "/file", []byte("x"), 0o600)
			c := login(t, s.addr)
			line, reply := []byte(test.line+"\r\n"), make([]byte, 100)
			if got := testing.AllocsPerRun(1000, func() {
				c.conn.Write(line)
				if _, err := c.conn.Read(reply); err != nil {
					t.Fatal(err)
				}
			}); got > test.most {
				t.Errorf("%s makes %v allocations, want %v at the most: %s", test.line, got, test.most, test.why)
			}
		})
	}
}
