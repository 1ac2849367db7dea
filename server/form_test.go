package server_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// upload sends content as it is, in pieces of the given size, and returns the
// final reply.
func (c *client) upload(cmd string, content []byte, piece int) string {
	c.t.Helper()
	data := c.passive()
	c.cmd(150, "%s", cmd)
	for rest := content; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := data.Write(rest[:n]); err != nil {
			c.t.Fatal(err)
		}
		rest = rest[n:]
	}
	data.Close()
	reply, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return reply
}

func TestTextTravelsWithCRLF(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr) // the type is A
	for _, test := range []struct{ name, wire, file, back string }{
		{"lines", "a\r\nb\r\n", "a\nb\n", "a\r\nb\r\n"},
		{"no last line end", "a\r\nb", "a\nb", "a\r\nb"},
		{"a bare LF", "a\nb", "a\nb", "a\r\nb"},
		{"a bare CR", "a\rb\r", "a\rb\r", "a\rb\r"},
		{"two CRs", "a\r\r\nb", "a\r\nb", "a\r\nb"},
		{"nothing", "", "", ""},
		{"a line of 200 KB", strings.Repeat("x", 200_000) + "\r\n", strings.Repeat("x", 200_000) + "\n", strings.Repeat("x", 200_000) + "\r\n"},
		{"100,000 empty lines", strings.Repeat("\r\n", 100_000), strings.Repeat("\n", 100_000), strings.Repeat("\r\n", 100_000)},
	} {
		piece := 1 // splits every CRLF
		if len(test.wire) > 1000 {
			piece = 8191
		}
		if got := c.upload("STOR text", []byte(test.wire), piece); !strings.HasPrefix(got, "226") {
			t.Errorf("%s: %q", test.name, got)
		}
		if got, _ := afero.ReadFile(s.fs, "/text"); string(got) != test.file {
			t.Errorf("%s: the file has %d bytes (%.40q), want %d (%.40q)", test.name, len(got), got, len(test.file), test.file)
		}
		if got := c.retrieve("RETR text"); string(got) != test.back {
			t.Errorf("%s: came back as %d bytes (%.40q), want %d (%.40q)", test.name, len(got), got, len(test.back), test.back)
		}
	}
	c.cmd(200, "TYPE I")
	afero.WriteFile(s.fs, "/text", []byte("a\nb\r\n"), 0o644)
	if got := c.retrieve("RETR text"); string(got) != "a\nb\r\n" {
		t.Errorf("TYPE I changes the text: %q", got)
	}
}

func TestRecordStructure(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(200, "STRU R")
	c.cmd(504, "TYPE I")
	for _, test := range []struct{ name, wire, file, back string }{
		{"two records", "one\xff\x01two\xff\x01\xff\x02", "one\ntwo\n", ""},
		{"both marks in one", "one\xff\x01two\xff\x03", "one\ntwo\n", "one\xff\x01two\xff\x01\xff\x02"},
		{"no mark behind the last record", "one\xff\x01two\xff\x02", "one\ntwo", ""},
		{"the escape byte as data", "\xff\xff\xff\x01\xff\xff\x01\xff\x02", "\xff\n\xff\x01", ""},
		{"empty records", "\xff\x01\xff\x01\xff\x02", "\n\n", ""},
		{"an empty file", "\xff\x02", "", ""},
		{"CR as data", "a\r\xff\x01\xff\x02", "a\r\n", ""},
		{"many records", strings.Repeat("record\xff\x01", 30_000) + "\xff\x02", strings.Repeat("record\n", 30_000), ""},
	} {
		piece := 1
		if len(test.wire) > 1000 {
			piece = 8191
		}
		if got := c.upload("STOR records", []byte(test.wire), piece); !strings.HasPrefix(got, "226") {
			t.Errorf("%s: %q", test.name, got)
		}
		if got, _ := afero.ReadFile(s.fs, "/records"); string(got) != test.file {
			t.Errorf("%s: the file is %.60q, want %.60q", test.name, got, test.file)
		}
		if test.back == "" {
			test.back = test.wire
		}
		if got := c.retrieve("RETR records"); string(got) != test.back {
			t.Errorf("%s: came back as %.60q, want %.60q", test.name, got, test.back)
		}
	}
	for name, wire := range map[string]string{
		"no end mark": "one\xff\x01two", "nothing at all": "", "an unknown mark": "one\xff\x07two\xff\x02", "half a mark": "one\xff",
	} {
		if got := c.upload("STOR cut", []byte(wire), 1); !strings.HasPrefix(got, "4") {
			t.Errorf("an upload with %s is answered %q", name, got)
		}
	}
	c.cmd(200, "STRU F")
	if got := c.retrieve("RETR records"); !bytes.HasPrefix(got, []byte("record\r\nrecord\r\n")) {
		t.Errorf("after STRU F: %.40q", got)
	}
	c.cmd(200, "TYPE I")
	c.cmd(504, "STRU R")
}

func TestUniqueNames(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	s.fs.Mkdir("/dir", 0o755)
	c := login(t, s.addr)
	c.cmd(250, "CWD dir")
	c.cmd(200, "TYPE I")
	seen := make(map[string]bool)
	for arg, prefix := range map[string]string{"STOU": "/dir/ftp-", "STOU ": "/dir/ftp-", "STOU /": "/ftp-", "STOU ../dir": "/dir/ftp-", "STOU report.txt": "/dir/report.txt-"} {
		for range 3 {
			data := c.passive()
			name, ok := strings.CutPrefix(c.cmd(150, "%s", arg), "150 FILE: ")
			if !ok || !strings.HasPrefix(name, prefix) || seen[name] {
				t.Fatalf("%s: %q, want a new name that starts with %q", arg, name, prefix)
			}
			seen[name] = true
			io.WriteString(data, arg)
			data.Close()
			c.expect(226)
			if got, _ := afero.ReadFile(s.fs, name); string(got) != arg {
				t.Errorf("%s holds %q", name, got)
			}
		}
	}
	c.cmd(229, "EPSV")
	c.cmd(501, "STOU a\x00b")
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	file := func() string { b, _ := afero.ReadFile(s.fs, "/file"); return string(b) }
	c.store("file", []byte("0123456789"))

	c.cmd(350, "REST 4")
	if got := c.retrieve("RETR file"); string(got) != "456789" {
		t.Errorf("RETR from 4: %q", got)
	}
	if got := c.retrieve("RETR file"); string(got) != "0123456789" {
		t.Errorf("REST applies to a second RETR: %q", got)
	}
	c.cmd(350, "REST 10")
	if got := c.retrieve("RETR file"); len(got) != 0 {
		t.Errorf("RETR from the end: %q", got)
	}
	c.cmd(350, "REST 4")
	if got := c.retrieve("LIST"); !bytes.HasPrefix(got, []byte("-rw")) {
		t.Errorf("LIST after REST: %q", got)
	}
	c.cmd(350, "REST 8")
	c.store("file", []byte("xyz"))
	if got := file(); got != "01234567xyz" {
		t.Errorf("STOR from 8: %q", got)
	}
	c.cmd(350, "REST 2")
	c.store("file", []byte("--")) // what stands behind stays
	if got := file(); got != "01--4567xyz" {
		t.Errorf("STOR from 2: %q", got)
	}
	c.cmd(350, "REST 3")
	if got := c.upload("APPE file", []byte("+"), 1); got[:3] != "226" || file() != "01--4567xyz+" {
		t.Errorf("APPE after REST: %q, %q", got, file())
	}
	c.upload("APPE fresh", []byte("new"), 3)
	if got, _ := afero.ReadFile(s.fs, "/fresh"); string(got) != "new" {
		t.Errorf("APPE of a new file: %q", got)
	}
	c.store("file", []byte("short"))
	if got := file(); got != "short" {
		t.Errorf("STOR does not truncate: %q", got)
	}
	for _, cmd := range []string{"RETR file", "STOR file", "STOR nothing"} {
		c.cmd(350, "REST 6")
		c.cmd(229, "EPSV")
		c.cmd(554, "%s", cmd)
	}
	if _, err := s.fs.Stat("/nothing"); !os.IsNotExist(err) || file() != "short" {
		t.Errorf("a REST that is refused changes files: %v, %q", err, file())
	}
	c.cmd(350, "REST 3")
	c.cmd(200, "TYPE A")
	if got := string(c.retrieve("RETR file")); got != "short" {
		t.Errorf("REST holds over TYPE A: %q", got)
	}
}

func TestSizeAndTimes(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	afero.WriteFile(s.fs, "/two words", []byte("12345"), 0o600)
	s.fs.Mkdir("/dir", 0o755)
	c := login(t, s.addr)
	c.cmd(550, "SIZE two words")
	c.cmd(200, "TYPE I")
	for cmd, want := range map[string]string{
		"SIZE two words":                                         "213 5",
		"MFMT 20010203040506 two words":                          "213 Modify=20010203040506; two words",
		"MFF Modify=20010203040506;UNIX.mode=0640; two words":    "213 Modify=20010203040506;UNIX.mode=0640; two words",
		"MFF modify=20010203040506.789;unix.MODE=640; two words": "213 modify=20010203040506.789;unix.MODE=640; two words",
	} {
		if got := c.cmd(213, "%s", cmd); got != want {
			t.Errorf("%s: got %q, want %q", cmd, got, want)
		}
	}
	if got := c.cmd(213, "MDTM two words"); got != "213 20010203040506" {
		t.Errorf("MDTM: %q", got)
	}
	if info, _ := s.fs.Stat("/two words"); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v after MFF", info.Mode())
	}
	c.cmd(550, "SIZE dir")
	c.cmd(504, "MFF Modify=19990101000000;Nonsense=1; two words") // and nothing is set
	if got := c.cmd(213, "MDTM two words"); got != "213 20010203040506" {
		t.Errorf("MDTM after an MFF that is refused: %q", got)
	}
}
