package server_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

func TestFilesGoUpAndDown(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	for _, size := range []int{0, 1, 1000, 300_000} {
		content := make([]byte, size)
		rand.Read(content)
		name := fmt.Sprintf("file %d ü", size)
		c.store(name, content)
		if got := c.retrieve("RETR " + name); !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d", size, len(got))
		}
	}
	if got := c.retrieve("NLST"); bytes.Count(got, []byte("\r\n")) != 4 {
		t.Errorf("NLST: %q, want 4 names", got)
	}
	c.cmd(257, "MKD dir")
	c.cmd(250, "CWD dir")
	if got := c.cmd(257, "PWD"); !strings.HasPrefix(got, `257 "/dir"`) {
		t.Errorf("PWD: %q", got)
	}
	c.cmd(550, "SIZE nothing")
	c.cmd(221, "QUIT")
	c.expectEnd()
}

func TestActiveMode(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	afero.WriteFile(s.fs, "/hello", []byte("hello"), 0o644)
	for _, verb := range []string{"PORT", "EPRT"} {
		c := login(t, s.addr)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).Port
		if verb == "PORT" {
			c.cmd(200, "PORT 127,0,0,1,%d,%d", port>>8, port&0xff)
		} else {
			c.cmd(200, "EPRT |1|127.0.0.1|%d|", port)
		}
		c.send("RETR hello")
		data, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.expect(150)
		if got, _ := io.ReadAll(data); string(got) != "hello" {
			t.Errorf("%s: got %q", verb, got)
		}
		c.expect(226)
	}
}

func TestActiveModeRefusesBounces(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	for _, cmd := range []string{
		"PORT 127,0,0,2,40,0", "PORT 127,0,0,1,0,25", "EPRT |1|192.0.2.1|2000|", "EPRT |2|::1|2000|",
		"PORT 127,0,0,1,1", "PORT 127,0,0,1,1,256", "EPRT |1|nonsense|1|", "EPRT |1|127.0.0.1|0|",
	} {
		c.cmd(501, "%s", cmd)
	}
	c.cmd(522, "EPRT |3|x|2000|")
	c.cmd(425, "LIST")
}

func TestTransferCommandsWaitForTheTransfer(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR slow")
	c.cmd(200, "NOOP") // answered beside the transfer
	if got := c.cmd(211, "STAT"); !strings.Contains(got, "STOR is running") {
		t.Errorf("STAT: %q", got)
	}
	c.send("PWD\r\nNOOP\r\nSYST") // all behind it: replies keep the order of the commands
	io.WriteString(data, "content")
	data.Close()
	for _, code := range []int{226, 257, 200, 215} {
		c.expect(code)
	}
	if got, _ := afero.ReadFile(s.fs, "/slow"); string(got) != "content" {
		t.Errorf("the upload is %q", got)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(226, "ABOR") // idle

	c.passive()
	c.cmd(150, "STOR cut")
	c.send("\xff\xf4\xff\xf2ABOR") // with Telnet IP and Synch, as RFC 959 has it
	c.expect(426)
	c.expect(226)

	c.cmd(229, "EPSV") // nobody connects
	c.send("RETR cut")
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	c.store("after", []byte("works"))
}

func TestQuitDuringTransferLetsItEnd(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR last")
	c.send("QUIT")
	c.conn.(*net.TCPConn).CloseWrite()
	io.WriteString(data, "all of it")
	data.Close()
	c.expect(226)
	c.expect(221)
	if got, _ := afero.ReadFile(s.fs, "/last"); string(got) != "all of it" {
		t.Errorf("the upload is %q", got)
	}
}

func TestLoginFailures(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := dial(t, s.addr)
	c.expect(220)
	c.cmd(503, "PASS x")
	c.cmd(530, "PWD")
	c.cmd(331, "USER alice")
	c.cmd(530, "PASS wrong")
	c.cmd(331, "USER nobody")
	c.cmd(530, "PASS "+testPassword)
	c.logIn()
	c.cmd(331, "USER alice") // logs out
	c.cmd(530, "PWD")
	c.cmd(421, "PASS wrong")
	c.expectEnd()
}

func TestBadLines(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(500, "%s", strings.Repeat("x", 5000))
	c.cmd(500, "%s", strings.Repeat("y", 100_000))
	c.cmd(501, "CWD a\x00b")
	c.cmd(501, "CWD a\rb")
	c.cmd(500, "")
	c.cmd(500, "XYZZY")
	c.cmd(501, "RETR")
	io.WriteString(c.conn, "NO")
	io.WriteString(c.conn, "OP\n") // bare LF, in pieces
	c.expect(200)
}

func TestSilentClients(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) {
		o.Limits.LoginTimeout = 200 * time.Millisecond
		o.Limits.IdleTimeout = 400 * time.Millisecond
	})
	c := dial(t, s.addr)
	c.expect(220)
	c.expect(421)
	c.expectEnd()
	c = login(t, s.addr)
	c.expect(421)
	c.expectEnd()
}

func TestStalledTransferEnds(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.StallTimeout = 200 * time.Millisecond })
	c := login(t, s.addr)
	c.passive()
	c.cmd(150, "STOR stalled")
	c.expect(426)
	c.cmd(200, "NOOP")
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		limits server.Limits
		last   func(*client)
	}{
		"in all":   {server.Limits{Sessions: 2}, func(c *client) { c.expect(421) }},
		"per IP":   {server.Limits{SessionsPerIP: 2}, func(c *client) { c.expect(421) }},
		"per user": {server.Limits{SessionsPerUser: 2}, func(c *client) { c.expect(220); c.cmd(331, "USER alice"); c.cmd(530, "PASS "+testPassword) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t, func(o *server.Options) { o.Limits = test.limits })
			first := login(t, s.addr)
			login(t, s.addr)
			test.last(dial(t, s.addr))
			first.cmd(221, "QUIT")
			first.expectEnd()
			eventually(t, func() bool { return s.Statistics().Sessions <= 2 })
		})
	}
}

func TestNothingLeaks(t *testing.T) {
	s := startSite(t, func(o *server.Options) { o.Limits.StallTimeout = 5 * time.Second })
	login(t, s.addr).cmd(221, "QUIT")
	eventually(t, func() bool { return s.Statistics().Sessions == 0 })
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for _, leave := range []func(*client){
		func(c *client) { c.cmd(229, "EPSV") },
		func(c *client) { c.cmd(229, "EPSV"); c.cmd(229, "EPSV") },
		func(c *client) { c.cmd(229, "EPSV"); c.cmd(200, "PORT 127,0,0,1,100,100") },
		func(c *client) { c.passive() },
		func(c *client) { c.cmd(229, "EPSV"); c.send("RETR nothing") },
		func(c *client) { c.cmd(229, "EPSV"); c.send("LIST") },
		func(c *client) { c.passive(); c.cmd(150, "STOR cut") },
		func(c *client) { c.passive().Close(); c.send("STOR empty") },
		func(c *client) { c.send("NOO") },
	} {
		c := login(t, s.addr)
		leave(c)
		c.conn.Close()
	}
	eventually(t, func() bool { return s.Statistics().Sessions == 0 })
	for _, p := range s.ports.Snapshot().Ports {
		if len(p.Pending) > 0 {
			t.Errorf("port %d has %d pending leases", p.Port, len(p.Pending))
		}
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines })
	// The clients' own sockets are closed at the end of the test.
	eventually(t, func() bool { return openFiles(t) <= files+3 })
}

func TestTwoServersShareAnAllocator(t *testing.T) {
	t.Parallel()
	ports := freeAllocator(t, 1, portalloc.Options{})
	for range 2 {
		s := startSite(t, func(o *server.Options) { o.Ports = ports })
		login(t, s.addr).store("file", []byte("content"))
	}
}

// eventually waits for what happens on another goroutine without a signal.
func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	timeout := time.After(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("what was waited for did not happen")
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	return len(entries)
}
