package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
	"github.com/portico-ftp/portico/server/guard"
)

const (
	within     = 20 * time.Second
	readToken  = "read-5b1e8a1c"
	adminToken = "admin-0c7d6f3e"
)

type anybody struct{ fs afero.Fs }

func (a anybody) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: attempt.User, FS: a.fs}, nil
}

// site is an FTP server with an admin interface.
type site struct {
	*httptest.Server
	t     testing.TB
	ftp   *server.Server
	admin *admin.Admin
	ports *portalloc.Allocator
	guard *guard.Guard
	log   *admin.LogTail
	at    string // of FTP
	token string // that requests carry
}

// start starts one with everything that can be offered and two tokens, unless
// change says otherwise.
func start(t testing.TB, change func(*admin.Options)) *site {
	t.Helper()
	s := &site{t: t, token: adminToken, log: admin.NewLogTail(5), ports: freePorts(t)}
	var err error
	if s.guard, err = guard.New(guard.Options{}); err != nil {
		t.Fatal(err)
	}
	log := zap.New(s.log.Core(zap.InfoLevel))
	s.ftp, err = server.New(server.Options{Auth: anybody{afero.NewMemMapFs()}, Ports: s.ports, Active: server.Active{SourcePort: server.SourcePortEphemeral}, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.at = listener.Addr().String()
	go s.ftp.Serve(listener)
	t.Cleanup(func() { s.ftp.Close() })
	opts := admin.Options{
		Server: s.ftp, Ports: func() *portalloc.Allocator { return s.ports }, Bans: s.guard, Log: s.log,
		Users:  func() []admin.User { return []admin.User{{Name: "alice"}, {Name: "bob", Host: "b.example"}} },
		Reload: func(context.Context) error { return nil }, Drain: func() error { return nil },
		Config: func() admin.ConfigState {
			return admin.ConfigState{Loaded: time.Now(), Tried: time.Now(), Error: "none"}
		},
		Security: func() admin.Security {
			return admin.Security{TLS: "login", Sandbox: "full", SandboxDetail: "all is confined"}
		},
		Tokens:  []admin.Token{{Name: "r", Secret: readToken, Role: admin.RoleRead}, {Name: "a", Secret: adminToken, Role: admin.RoleAdmin}},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "portico_up 1\n") }),
		Debug:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "profile") }),
		Version: "1.2.3", Logger: log,
	}
	if change != nil {
		change(&opts)
	}
	if s.admin, err = admin.New(opts); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s.admin)
	t.Cleanup(s.Close)
	return s
}

func freePorts(t testing.TB) *portalloc.Allocator {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		l.Close()
		if ports, err := portalloc.New(portalloc.Options{Ports: portalloc.PortList{{First: port, Last: port}}}); err == nil {
			t.Cleanup(func() { ports.Close() })
			return ports
		}
	}
	t.Fatal("no free port found")
	return nil
}

// request is a request to the site, with its token.
func (s *site) request(method, path, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (s *site) do(r *http.Request) (status int, body string, header http.Header) {
	s.t.Helper()
	client := http.Client{Timeout: within}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

// get returns what is at a path of the API.
func get[T any](s *site, path string) T {
	s.t.Helper()
	status, body, _ := s.do(s.request("GET", "/api/v1"+path, ""))
	var value T
	if err := json.Unmarshal([]byte(body), &value); status != http.StatusOK || err != nil {
		s.t.Fatalf("GET %s: got %d, %v: %s", path, status, err, body)
	}
	return value
}

// expect makes a request that must be answered so. Errors must be problems.
func (s *site) expect(want int, method, path, body string) string {
	s.t.Helper()
	status, text, header := s.do(s.request(method, path, body))
	if status != want {
		s.t.Errorf("%s %s: got %d, want %d: %s", method, path, status, want, text)
	}
	if kind := header.Get("Content-Type"); status >= 400 && kind != "application/problem+json" {
		s.t.Errorf("%s %s: the error is %s: %s", method, path, kind, text)
	}
	return text
}

// ftpClient is a session of a user.
type ftpClient struct {
	net.Conn
	r *bufio.Reader
	t testing.TB
}

func (s *site) login(user string) *ftpClient {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(within))
	c := &ftpClient{conn, bufio.NewReader(conn), s.t}
	c.expect("220")
	c.cmd("331", "USER "+user)
	c.cmd("230", "PASS x")
	return c
}

func (c *ftpClient) cmd(code, line string) string {
	c.t.Helper()
	fmt.Fprintf(c, "%s\r\n", line)
	return c.expect(code)
}

func (c *ftpClient) expect(code string) string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, code) {
		c.t.Fatalf("got %q and %v, want %s", line, err, code)
	}
	return line
}

// upload begins an upload that does not end by itself.
func (c *ftpClient) upload(path string) net.Conn {
	c.t.Helper()
	reply := c.cmd("229", "EPSV")
	var port int
	if _, err := fmt.Sscanf(reply[strings.Index(reply, "(|||"):], "(|||%d|)", &port); err != nil {
		c.t.Fatal(err)
	}
	data, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(port)))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { data.Close() })
	c.cmd("150", "STOR "+path)
	return data
}

func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not happen")
		}
	}
}

func network(text string) netip.Prefix { return netip.MustParsePrefix(text) }
