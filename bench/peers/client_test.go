//go:build linux

package main

import (
	"strings"
	"testing"
)

// conversation answers with prepared text, a few bytes at a time.
type conversation struct {
	*strings.Reader
	most int
}

func (c conversation) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.most)]) }

func (conversation) Write(p []byte) (int, error) { return len(p), nil }

func TestReplies(t *testing.T) {
	t.Parallel()
	const text = "220-Welcome\r\n220 is not the end of this-line\r\n150 one\r\n226-File\r\n 226 indented\r\n226 done\r\n"
	for _, most := range []int{1, 3, 7, 1000} {
		c := &session{conn: conversation{strings.NewReader(text), most}, buffer: make([]byte, 64)}
		for _, want := range []string{"220 is not the end of this-line", "150 one", "226 done"} {
			line, err := c.reply()
			if err != nil || string(line) != want {
				t.Errorf("%d bytes at a time: reply %q, %v, want %q", most, line, err, want)
			}
		}
		if line, err := c.reply(); err == nil {
			t.Errorf("%d bytes at a time: a reply %q after the last", most, line)
		}
	}
}

func TestReplyTooLong(t *testing.T) {
	t.Parallel()
	c := &session{conn: conversation{strings.NewReader(strings.Repeat("x", 100)), 100}, buffer: make([]byte, 64)}
	if line, err := c.reply(); err == nil {
		t.Errorf("a line longer than the buffer is %q, want an error", line)
	}
}

func TestParseEPSV(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]uint16{
		"229 Entering Extended Passive Mode (|||21100|)":  21100,
		"229 Extended Passive mode OK (|||65535|).":       65535,
		"229 Entering Extended Passive Mode (|||0|)":      0,
		"229 Entering Extended Passive Mode (|||65536|)":  0,
		"229 Entering Extended Passive Mode (|||-1|)":     0,
		"229 Entering Extended Passive Mode (|||21100":    0,
		"229 Entering Extended Passive Mode":              0,
		"227 Entering Passive Mode (127,0,0,1,82,108)":    0,
		"425 Cannot open a passive connection (|||1234|)": 0,
	} {
		port, ok := parseEPSV([]byte(line))
		if port != want || ok != (want != 0) {
			t.Errorf("parseEPSV(%q) = %d, %v, want %d", line, port, ok, want)
		}
	}
}

func TestRepliesCostNoMemory(t *testing.T) {
	text := strings.NewReader("")
	c := &session{conn: conversation{text, 1000}, buffer: make([]byte, 64)}
	allocations := testing.AllocsPerRun(100, func() {
		text.Reset("229 Entering Extended Passive Mode (|||21100|)\r\n")
		if err := c.send("EPSV"); err != nil {
			t.Fatal(err)
		}
		line, err := c.reply()
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := parseEPSV(line); !ok {
			t.Fatalf("%q is not understood", line)
		}
	})
	if allocations > 0 {
		t.Errorf("a command and its reply allocate %v times, want none", allocations)
	}
}
