package server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
	"go.uber.org/zap/zaptest"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// within bounds every wait of a test that has gone wrong.
const within = 10 * time.Second

const testPassword = "correct horse"

// oneUser lets the user alice in, to the files of fs.
type oneUser struct{ fs afero.Fs }

func (u oneUser) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	if attempt.User != "alice" || attempt.Password != testPassword {
		return nil, driver.ErrDenied
	}
	return &driver.Account{Name: "alice", FS: u.fs}, nil
}

// site is a running server and what it serves.
type site struct {
	*server.Server
	fs    afero.Fs
	ports *portalloc.Allocator
	addr  string
}

// startSite serves on 127.0.0.1, with two passive ports unless change sets others.
func startSite(t testing.TB, change func(*server.Options)) *site {
	t.Helper()
	s := &site{fs: afero.NewMemMapFs()}
	opts := server.Options{Auth: oneUser{s.fs}, Logger: zaptest.NewLogger(t), Active: server.Active{SourcePort: server.SourcePortEphemeral}}
	if change != nil {
		change(&opts)
	}
	if opts.Ports == nil {
		opts.Ports = freeAllocator(t, 2, portalloc.Options{})
	}
	s.ports = opts.Ports
	opts.OnCommand = checkCodes(t, opts.OnCommand)
	var err error
	if s.Server, err = server.New(opts); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != server.ErrServerClosed {
			t.Errorf("Serve returned %v, want ErrServerClosed", err)
		}
	})
	return s
}

// checkCodes reports final replies that their commands must not have, in every
// test, and passes the events on to next.
func checkCodes(t testing.TB, next func(server.CommandEvent)) func(server.CommandEvent) {
	codes := server.FinalReplyCodes()
	return func(e server.CommandEvent) {
		allowed, known := codes[e.Verb]
		if !known {
			allowed = codes[""]
		}
		if e.Code == 150 || !slices.Contains(allowed, e.Code) {
			t.Errorf("%s had the final reply %d, which is not one of its own", e.Verb, e.Code)
		}
		if next != nil {
			next(e)
		}
	}
}

// freeAllocator holds n ports that nothing else holds.
func freeAllocator(t testing.TB, n int, opts portalloc.Options) *portalloc.Allocator {
	t.Helper()
	for range 100 {
		opts.Ports = freePorts(n)
		if a, err := portalloc.New(opts); err == nil {
			t.Cleanup(func() { a.Close() })
			return a
		}
	}
	t.Fatal("no free ports found")
	return nil
}

// freePorts are n ports that nothing held a moment ago.
func freePorts(n int) (list portalloc.PortList) {
	for range n {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			panic(err)
		}
		defer l.Close() // together at the end, so that all are different
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		list = append(list, portalloc.PortRange{First: port, Last: port})
	}
	return list
}

// client is a control connection under the test's control.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
	tls  *tls.Config
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &client{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// login dials, reads the greeting and logs alice in.
func login(t testing.TB, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.expect(220)
	c.logIn()
	return c
}

func (c *client) logIn() {
	c.t.Helper()
	c.cmd(331, "USER alice")
	c.cmd(230, "PASS "+testPassword)
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	c.conn.SetWriteDeadline(time.Now().Add(within))
	if _, err := fmt.Fprintf(c.conn, format+"\r\n", args...); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next reply, all its lines.
func (c *client) read() (string, error) {
	c.conn.SetReadDeadline(time.Now().Add(within))
	var all strings.Builder
	code := ""
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return all.String(), err
		}
		all.WriteString(line)
		if code == "" && len(line) > 3 {
			code = line[:3]
		}
		c.check(code, line)
		if strings.HasPrefix(line, code+" ") {
			return strings.TrimSuffix(all.String(), "\r\n"), nil
		}
	}
}

// check reports what no line of a reply may have, whatever the command.
func (c *client) check(code, line string) {
	c.t.Helper()
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		c.t.Errorf("reply line %q is broken up", line)
	}
	if !strings.HasPrefix(text, code+" ") && !strings.HasPrefix(text, code+"-") && !strings.HasPrefix(text, " ") {
		c.t.Errorf("reply line %q within a %s reply", line, code)
	}
	for _, leak := range []string{ // " EOF" with a space: names that STOU draws have any letters
		"server:", "driver:", "portalloc:", "network error", "no such file", "file does not exist", "file already exists",
		"open /", "stat /", "remove /", "read tcp", "write tcp", "use of closed", " EOF", "%!", "panic", "nil pointer", os.TempDir(),
	} {
		if strings.Contains(text, leak) {
			c.t.Errorf("reply line %q shows %q", line, leak)
		}
	}
}

func (c *client) expect(code int) string {
	c.t.Helper()
	reply, err := c.read()
	if err != nil {
		c.t.Fatalf("got %q and %v, want a %d reply", reply, err, code)
	}
	if !strings.HasPrefix(reply, fmt.Sprint(code)) {
		c.t.Fatalf("got reply %q, want %d", reply, code)
	}
	return reply
}

func (c *client) cmd(code int, format string, args ...any) string {
	c.t.Helper()
	c.send(format, args...)
	return c.expect(code)
}

func (c *client) expectEnd() {
	c.t.Helper()
	if reply, err := c.read(); err == nil {
		c.t.Fatalf("got reply %q, want the end of the connection", reply)
	}
}

// passive opens a data connection by EPSV.
func (c *client) passive() net.Conn {
	c.t.Helper()
	reply := c.cmd(229, "EPSV")
	var port int
	if _, err := fmt.Sscanf(reply[strings.Index(reply, "(|||"):], "(|||%d|)", &port); err != nil {
		c.t.Fatalf("reply %q: %v", reply, err)
	}
	host, _, _ := net.SplitHostPort(c.conn.RemoteAddr().String())
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, fmt.Sprint(port)), within)
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(within))
	c.t.Cleanup(func() { conn.Close() })
	return conn
}

// retrieve downloads a file, or whatever cmd lists.
func (c *client) retrieve(cmd string) []byte {
	c.t.Helper()
	data := c.passive()
	c.cmd(150, "%s", cmd)
	content, err := io.ReadAll(data)
	if err != nil {
		c.t.Fatal(err)
	}
	c.expect(226)
	return content
}

// store uploads a file.
func (c *client) store(name string, content []byte) {
	c.t.Helper()
	data := c.passive()
	c.cmd(150, "STOR %s", name)
	if _, err := io.Copy(data, bytes.NewReader(content)); err != nil {
		c.t.Fatal(err)
	}
	data.Close()
	c.expect(226)
}

// testCertificate is a self-signed certificate for 127.0.0.1.
func testCertificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
