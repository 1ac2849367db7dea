//go:build linux

package server_test

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// urgent sends p as the end of TCP's urgent data, as Telnet Synch travels.
func (c *client) urgent(p string) {
	c.t.Helper()
	raw, err := c.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	var sendErr error
	if err := raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), []byte(p), syscall.MSG_OOB, nil)
		return sendErr != syscall.EAGAIN
	}); err != nil || sendErr != nil {
		c.t.Fatal(err, sendErr)
	}
}

// Clients send ABOR bare, behind Telnet IP and Synch (RFC 959 §4.1.3), and with
// Synch as urgent data.
func abortWays() map[string]func(*client) {
	return map[string]func(*client){
		"bare":             func(c *client) { c.send("ABOR") },
		"lower case":       func(c *client) { c.send("abor") },
		"behind IP, Synch": func(c *client) { c.send("\xff\xf4\xff\xf2ABOR") },
		"urgent":           func(c *client) { c.urgent("\xff\xf4\xff"); c.send("\xf2ABOR") },
		"all urgent":       func(c *client) { c.urgent("\xff\xf4\xff\xf2"); c.send("ABOR") },
	}
}

func TestAbortInEveryWayAndState(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Ports = freeAllocator(t, 8, portalloc.Options{}) })
	afero.WriteFile(s.fs, "/large", make([]byte, 64<<20), 0o644)
	for name, abort := range abortWays() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := login(t, s.addr)
			expect := func(codes ...int) {
				t.Helper()
				for _, code := range codes {
					c.expect(code)
				}
				c.cmd(257, "PWD")
			}
			abort(c)
			expect(226) // idle

			c.cmd(229, "EPSV")
			abort(c)
			expect(226) // the data connection is given up
			c.cmd(425, "LIST")

			c.cmd(229, "EPSV")
			c.send("RETR large") // nobody connects
			abort(c)
			expect(426, 226)

			c.passive()
			c.cmd(150, "STOR up")
			abort(c)
			expect(426, 226)

			data := c.passive()
			c.cmd(150, "RETR large")
			io.ReadFull(data, make([]byte, 1000))
			abort(c)
			expect(426, 226)

			c.passive()
			c.cmd(150, "STOR up")
			c.cmd(200, "NOOP")
			c.send("SYST") // waits behind the transfer, and the ABOR's reply behind it
			abort(c)
			expect(426, 215, 226)

			c.passive()
			c.cmd(150, "STOR up")
			abort(c)
			abort(c)
			expect(426, 226, 226)
			c.store("after "+name, []byte("works"))
		})
	}
}

func TestTelnetOffersAreIgnored(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(257, "\xff\xfb\x01\xff\xfd\x03PWD") // WILL ECHO, DO SUPPRESS-GO-AHEAD
	c.cmd(257, "\xff\xf1PWD")                 // NOP
	c.cmd(257, "P\xff\xf1WD")
	c.cmd(250, "CWD \xff\xf1/")
}

func TestTransferProgress(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	c.cmd(229, "EPSV")
	c.send("STOR waiting")
	if got := c.cmd(211, "STAT"); !strings.Contains(got, "STOR is waiting for its data connection") {
		t.Errorf("STAT while connecting: %q", got)
	}
	c.send("ABOR")
	c.expect(426)
	c.expect(226)

	data := c.passive()
	c.cmd(150, "STOR up")
	for _, size := range []string{"0", "1000", "3000"} {
		want := "STOR is running, " + size + " bytes so far"
		eventually(t, func() bool { return strings.Contains(c.cmd(211, "STAT"), want) })
		data.Write(make([]byte, map[string]int{"0": 1000, "1000": 2000}[size]))
		c.cmd(200, "NOOP")
	}
	data.Close()
	c.expect(226)
	if got := c.cmd(211, "STAT"); strings.Contains(got, "STOR") {
		t.Errorf("STAT behind the transfer: %q", got)
	}
}

// NOOP during a transfer is answered however often it comes.
func TestKeepAliveDuringTransfer(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR up")
	for range 200 {
		c.cmd(200, "NOOP")
	}
	data.Close()
	c.expect(226)
}

// Many commands in one packet are answered one by one, in their order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Logger = nil })
	c := login(t, s.addr)
	lines := []struct {
		cmd  string
		code int
	}{{"PWD", 257}, {"NOOP", 200}, {"XYZZY", 500}, {"CWD nothing", 550}, {"STAT", 211}, {"MLST nothing", 550}, {"EPSV", 229}, {"ABOR", 226}, {"SYST", 215}, {strings.Repeat("z", 5000), 500}}
	var all strings.Builder
	for i := range 1000 {
		all.WriteString(lines[i%len(lines)].cmd + "\r\n")
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c.conn, all.String())
		sent <- err
	}()
	for i := range 1000 {
		c.expect(lines[i%len(lines)].code)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	c.cmd(214, "HELP NOOP")
}

// So are those that wait behind a transfer, more than are held at one time.
func TestPipeliningBehindATransfer(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Logger = nil })
	c := login(t, s.addr)
	data := c.passive()
	c.cmd(150, "STOR up")
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c.conn, strings.Repeat("PWD\r\nNOOP\r\nXYZZY\r\n", 100)+"QUIT\r\nPWD\r\n")
		sent <- err
	}()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	data.Close()
	c.expect(226)
	for range 100 {
		c.expect(257)
		c.expect(200)
		c.expect(500)
	}
	c.expect(221)
	c.expectEnd()
}
