//go:build unix

package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestLinesThatNoClientSends(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	tests := []struct{ name, line string }{
		{"a line over 4 KiB", "NOOP " + strings.Repeat("a", 5000)},
		{"a line of 1 MiB", "NOOP " + strings.Repeat("a", 1<<20)},
		{"a NUL byte in an argument", "CWD a\x00b"},
		{"NUL bytes alone", "\x00\x00\x00"},
		{"a NUL byte in a verb", "NO\x00OP"},
		{"bytes that are no text", "CWD \xff\xfe\x80"},
		{"Telnet negotiation", "\xff\xf4\xff\xf2XYZZY"},
		{"a verb that does not exist", "XYZZY plugh"},
		{"a verb without its argument", "RETR"},
	}
	for _, loggedIn := range []bool{false, true} {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%s, logged in %v", test.name, loggedIn), func(t *testing.T) {
				t.Parallel()
				r := dialRaw(t, s.controlAddress())
				if loggedIn {
					r.login()
				}
				r.send("%s", test.line)
				code, text, err := r.reply()
				if err != nil || code/100 != 5 {
					t.Fatalf("reply %d %s (%v), want 5xx", code, text, err)
				}
				if strings.HasPrefix(test.name, "a line") && code != 500 {
					t.Errorf("reply %d %s, want 500", code, text)
				}
				if strings.ContainsAny(text, "\x00\r") {
					t.Errorf("the reply repeats control characters: %q", text)
				}
				if !loggedIn {
					r.login()
				}
				r.send("NOOP")
				r.expect(200)
			})
		}
	}
}

func TestRandomBytesEndNothingButTheirSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	for _, listener := range []int{s.control, s.implicit} {
		noise := make([]byte, 64<<10)
		_, _ = rand.Read(noise)
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", listener))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(rawTimeout))
		_, _ = conn.Write(noise) // fails when the server has had enough
		_ = conn.(*net.TCPConn).CloseWrite()
		if _, err := closed(conn, rawTimeout); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
	r := dialRaw(t, s.controlAddress())
	r.login()
	r.list()
}

func TestLoginTimeout(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("limits.login_timeout", "1s")
	s.start()
	tests := []struct {
		name   string
		port   int
		behave func(net.Conn)
	}{
		{"a client that says nothing", s.control, func(net.Conn) {}},
		{"a client that says nothing where TLS is expected", s.implicit, func(net.Conn) {}},
		{"a client that stops in the middle of a line", s.control, func(c net.Conn) { _, _ = io.WriteString(c, "USER al") }},
		{"a client that stops after its name", s.control, func(c net.Conn) { _, _ = io.WriteString(c, "USER alice\r\n") }},
		{"a client that stops before the TLS handshake", s.control, func(c net.Conn) { _, _ = io.WriteString(c, "AUTH TLS\r\n") }},
		{"a client that only chats", s.control, chat},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", test.port))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			test.behave(conn)
			if _, err := closed(conn, 15*time.Second); err != nil {
				t.Error(err)
			}
		})
	}
}

// chat sends commands that need no login for as long as they are answered.
func chat(conn net.Conn) {
	_ = conn.SetDeadline(time.Now().Add(15 * time.Second))
	reply := make([]byte, 4096)
	for {
		if _, err := io.WriteString(conn, "NOOP\r\n"); err != nil {
			return
		}
		if _, err := conn.Read(reply); err != nil {
			return
		}
	}
}

func TestStallTimeoutEndsATransferThatMovesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("limits.stall_timeout", "1s")
	s.provide(t, "large.bin")
	s.start()
	download := dialRaw(t, s.controlAddress())
	download.login()
	readSome(t, download.retr("/large.bin"))
	upload := dialRaw(t, s.controlAddress())
	upload.login()
	upload.stor("/stalled.bin")
	for _, r := range []*raw{download, upload} {
		if code, text, err := r.reply(); err != nil || code != 426 && code/100 != 4 && code/100 != 5 {
			t.Errorf("a stalled transfer ends with %d %s (%v), want an error", code, text, err)
		}
		r.send("NOOP")
		r.expect(200)
	}
}

// Clients that vanish leave nothing behind: no descriptor in the server and no
// lease on its only two ports.
func TestVanishedClientsLeaveNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.narrow(2)
	s.provide(t, "large.bin")
	p := s.start()
	warm := dialRaw(t, s.controlAddress()) // opens what is opened once, as the home
	warm.login()
	warm.list()
	warm.send("QUIT")
	warm.expect(221)
	before := p.settledDescriptors(t)

	var vanishing []*net.TCPConn
	for i := range 12 {
		r := dialRaw(t, s.controlAddress())
		r.login()
		vanishing = append(vanishing, r.conn)
		switch i % 3 {
		case 0: // in a download
			conn := r.retr("/large.bin")
			readSome(t, conn)
			vanishing = append(vanishing, conn)
		case 1: // in an upload
			conn := r.stor(fmt.Sprintf("/upload-%d.bin", i))
			if _, err := conn.Write(make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
			vanishing = append(vanishing, conn)
		case 2: // with a port that waits for the data connection
			if i < 6 { // two ports, so at most two of these
				r.epsv()
			}
		}
	}
	if during := p.descriptors(t); during <= before {
		t.Fatalf("%d descriptors with 12 clients, %d before: the count shows nothing", during, before)
	}
	for i, conn := range vanishing {
		if i%2 == 0 {
			reset(t, conn)
		} else {
			_ = conn.Close()
		}
	}
	eventually(t, 20*time.Second, fmt.Sprintf("descriptors are back at %d", before), func() bool {
		return p.descriptors(t) <= before
	})
	first, second := dialRaw(t, s.controlAddress()), dialRaw(t, s.controlAddress())
	first.login()
	second.login()
	a, b := first.epsv(), second.epsv()
	if a == b {
		t.Errorf("two sessions of one address are both told %s", a)
	}
}

// descriptors counts the files and sockets that the server holds open.
func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if os.IsNotExist(err) {
		t.Skip("this system has no /proc to count descriptors in")
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// settledDescriptors counts when the sessions before have ended, which takes
// the server a moment after its last reply.
func (p *process) settledDescriptors(t *testing.T) int {
	t.Helper()
	last, same := p.descriptors(t), 0
	eventually(t, 10*time.Second, "the number of descriptors settles", func() bool {
		now := p.descriptors(t)
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		return same >= 20
	})
	return last
}
