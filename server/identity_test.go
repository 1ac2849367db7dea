package server_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// protect starts TLS on the control and data connections of a client that
// keeps its session tickets for both.
func (c *client) protect(change func(*tls.Config)) {
	c.t.Helper()
	c.tls = &tls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	if change != nil {
		change(c.tls)
	}
	c.cmd(234, "AUTH TLS")
	conn := tls.Client(c.conn, c.tls)
	if err := conn.Handshake(); err != nil {
		c.t.Fatal(err)
	}
	c.conn, c.r = conn, bufio.NewReader(conn)
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
}

// download is retrieve under TLS. The handshake comes behind the 150, as some
// clients have it.
func (c *client) download(name string) ([]byte, *tls.ConnectionState, error) {
	data := tls.Client(c.passive(), c.tls)
	c.cmd(150, "RETR %s", name)
	content, err := io.ReadAll(data)
	state := data.ConnectionState()
	data.Close()
	if err == nil {
		c.expect(226)
	}
	return content, &state, err
}

func tlsSite(t *testing.T, ports *portalloc.Allocator, change func(*server.Options)) *site {
	t.Helper()
	return startSite(t, func(o *server.Options) {
		o.TLS, o.Ports = testCertificate(t), ports
		if change != nil {
			change(o)
		}
	})
}

// One port serves any number of FTPS clients behind one address, each of which
// gets its own file and nobody else's.
func TestOnePortServesManyResumingClients(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			ports := freeAllocator(t, 1, portalloc.Options{Wait: within})
			s := tlsSite(t, ports, nil)
			var clients sync.WaitGroup
			for i := range 16 {
				content := bytes.Repeat([]byte{byte(i)}, 10_000+i)
				afero.WriteFile(s.fs, fmt.Sprintf("/%d", i), content, 0o644)
				clients.Go(func() {
					c := dial(t, s.addr)
					c.expect(220)
					c.protect(func(config *tls.Config) { config.MaxVersion = version })
					c.logIn()
					c.cmd(200, "TYPE I")
					for round := range 20 {
						got, state, err := c.download(fmt.Sprint(i))
						if err != nil || !bytes.Equal(got, content) {
							t.Errorf("client %d, round %d: %d bytes and %v, want %d of its own", i, round, len(got), err, len(content))
							return
						}
						if !state.DidResume {
							t.Errorf("client %d, round %d did not resume", i, round)
						}
					}
				})
			}
			clients.Wait()
		})
	}
}

// Two leases of clients of one address stand on one port at the same time.
func TestPendingLeasesShareAPort(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{Wait: -1})
	s := tlsSite(t, ports, nil)
	afero.WriteFile(s.fs, "/a", []byte("a"), 0o644)
	afero.WriteFile(s.fs, "/b", []byte("b"), 0o644)
	var clients []*client
	for range 2 {
		c := dial(t, s.addr)
		c.expect(220)
		c.protect(nil)
		c.logIn()
		clients = append(clients, c)
	}
	proveApart(t, clients...)
	var data []net.Conn
	for _, c := range clients {
		data = append(data, c.passive())
	}
	for i, c := range clients {
		c.cmd(150, "RETR %s", string("ab"[i]))
	}
	for i := range data { // in the order that is hardest to guess
		conn := tls.Client(data[1-i], clients[i].tls)
		if got, err := io.ReadAll(conn); err != nil || string(got) != string("ab"[i]) {
			t.Errorf("client %d got %q and %v", i, got, err)
		}
		clients[i].expect(226)
	}
}

// proveApart makes transfers until the server knows that the clients show
// tickets of their own only: each shows one while the others have newer ones.
func proveApart(t *testing.T, clients ...*client) {
	t.Helper()
	for range 2 {
		for _, c := range clients {
			if _, _, err := c.download("a"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Two sessions of a program that keeps all tickets in one place never share a
// port: their data connections could be taken for each other's.
func TestSessionsThatMixTicketsDoNotShare(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{Wait: -1})
	s := tlsSite(t, ports, nil)
	afero.WriteFile(s.fs, "/a", []byte("a"), 0o644)
	cache := tls.NewLRUClientSessionCache(1)
	var clients []*client
	for range 2 {
		c := dial(t, s.addr)
		c.expect(220)
		c.protect(func(config *tls.Config) { config.ClientSessionCache = cache })
		c.logIn()
		clients = append(clients, c)
	}
	proveApart(t, clients...)
	clients[0].cmd(229, "EPSV")
	clients[1].cmd(425, "EPSV")
}

// A ticket that another server has made proves nothing: the program that shows it
// keeps tickets in one place, so its sessions here may show each other's.
func TestAForeignTicketIsNoProof(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{Wait: -1})
	here, elsewhere := tlsSite(t, ports, nil), tlsSite(t, freeAllocator(t, 1, portalloc.Options{}), nil)
	afero.WriteFile(here.fs, "/a", []byte("a"), 0o644)
	cache := tls.NewLRUClientSessionCache(1)
	logIn := func(s *site) *client {
		c := dial(t, s.addr)
		c.expect(220)
		c.protect(func(config *tls.Config) { config.ClientSessionCache = cache })
		c.logIn()
		return c
	}
	first := logIn(here)
	if _, _, err := first.download("a"); err != nil {
		t.Fatal(err)
	}
	logIn(elsewhere)
	second := logIn(here) // shows the ticket that it has from elsewhere
	if _, _, err := second.download("a"); err != nil {
		t.Fatal(err)
	}
	first.cmd(229, "EPSV")
	second.cmd(425, "EPSV")
}

func TestSessionReuseRequired(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{})
	s := tlsSite(t, ports, func(o *server.Options) { o.SessionReuse = server.SessionReuseRequired })
	afero.WriteFile(s.fs, "/a", []byte("content"), 0o644)

	resumes := dial(t, s.addr)
	resumes.expect(220)
	resumes.protect(nil)
	resumes.logIn()
	if got, _, err := resumes.download("a"); err != nil || string(got) != "content" {
		t.Errorf("a client that resumes got %q and %v", got, err)
	}

	doesNot := dial(t, s.addr)
	doesNot.expect(220)
	doesNot.protect(nil)
	doesNot.logIn()
	for name, config := range map[string]*tls.Config{
		"no ticket":        {InsecureSkipVerify: true},
		"another's ticket": resumes.tls,
	} {
		data := tls.Client(doesNot.passive(), config)
		doesNot.cmd(150, "RETR a")
		if got, _ := io.ReadAll(data); len(got) > 0 {
			t.Errorf("%s: got %q, want nothing", name, got)
		}
		if reply := doesNot.expect(522); !strings.Contains(reply, "resume") {
			t.Errorf("%s: reply %q", name, reply)
		}
	}
	if n := s.Statistics().NotResumed; n != 2 {
		t.Errorf("%d data connections counted as not resumed, want 2", n)
	}
}

// What is no ClientHello, or never comes, costs the others nothing.
func TestGarbageOnASharedPort(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{Wait: -1})
	s := tlsSite(t, ports, nil)
	afero.WriteFile(s.fs, "/a", []byte("a"), 0o644)
	c := dial(t, s.addr)
	c.expect(220)
	c.protect(nil)
	c.logIn()
	other := dial(t, s.addr)
	other.expect(220)
	other.protect(nil)
	other.logIn()
	proveApart(t, c, other)
	other.cmd(229, "EPSV") // two leases: connections must be told apart

	reply := c.cmd(229, "EPSV")
	var port int
	fmt.Sscanf(reply[strings.Index(reply, "(|||"):], "(|||%d|)", &port)
	for garbage, unfinished := range map[string]bool{
		"": true, "x": true, "\x16\x03\x01\x00\x05\x01\x00\xff\xff\xff": true,
		"GET / HTTP/1.1\r\n\r\n": false, "\x16\x03\x01\xff\xff" + strings.Repeat("x", 70_000): false,
	} {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), within)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(within))
		io.WriteString(conn, garbage)
		if unfinished {
			continue // the server waits for the rest beside the others
		}
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("garbage %.20q: %d bytes and %v, want the end", garbage, n, err)
		}
	}
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), within)
	if err != nil {
		t.Fatal(err)
	}
	data := tls.Client(conn, c.tls)
	c.cmd(150, "RETR a")
	if got, err := io.ReadAll(data); err != nil || string(got) != "a" {
		t.Errorf("got %q and %v", got, err)
	}
	c.expect(226)
}

// An upload that ends without close_notify was cut short.
func TestTruncatedTLSUpload(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{})
	s := tlsSite(t, ports, nil)
	c := dial(t, s.addr)
	c.expect(220)
	c.protect(nil)
	c.logIn()
	for _, inOrder := range []bool{true, false} {
		raw := c.passive()
		data := tls.Client(raw, c.tls)
		c.cmd(150, "STOR up")
		io.WriteString(data, "part")
		if inOrder {
			data.Close()
			c.expect(226)
		} else {
			raw.(*net.TCPConn).CloseWrite()
			c.expect(426)
		}
	}
}

// A download ends with close_notify, so that the client can tell it is whole.
func TestTLSDownloadEndsInOrder(t *testing.T) {
	t.Parallel()
	s := tlsSite(t, freeAllocator(t, 1, portalloc.Options{}), nil)
	c := dial(t, s.addr)
	c.expect(220)
	c.protect(nil)
	c.logIn()
	for _, size := range []int{0, 1, 1 << 20} {
		afero.WriteFile(s.fs, "/file", make([]byte, size), 0o644)
		c.cmd(200, "TYPE I")
		socket := &endNoter{Conn: c.passive()}
		c.cmd(150, "RETR file")
		got, err := io.ReadAll(tls.Client(socket, c.tls))
		if len(got) != size || err != nil || socket.ended {
			t.Errorf("%d bytes: got %d and %v, without close_notify: %v", size, len(got), err, socket.ended)
		}
		c.expect(226)
	}
}

// endNoter notes that its end was read, before which TLS stops in order.
type endNoter struct {
	net.Conn
	ended bool
}

func (c *endNoter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.ended = c.ended || err != nil
	return n, err
}

// A client that waits for a port gives up its place by its next command.
func TestWaitingForAPortEndsWithTheNextCommand(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{Wait: time.Hour, ReclaimAfter: time.Hour})
	s := startSite(t, func(o *server.Options) { o.Ports = ports })
	holder, waiter := login(t, s.addr), login(t, s.addr)
	holder.cmd(229, "EPSV")
	waiter.send("EPSV\r\nNOOP")
	waiter.expect(425)
	waiter.expect(200)

	waiter.send("EPSV")
	eventually(t, func() bool { return ports.Snapshot().Waiting == 1 })
	holder.cmd(226, "ABOR") // gives its port back
	waiter.expect(229)
	waiter.cmd(226, "ABOR")

	holder.cmd(229, "EPSV")
	waiter.send("EPSV")
	eventually(t, func() bool { return ports.Snapshot().Waiting == 1 })
	waiter.conn.Close()
	eventually(t, func() bool { return ports.Snapshot().Waiting == 0 })
}
