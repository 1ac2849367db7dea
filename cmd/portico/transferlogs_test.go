package main

import (
	"io"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// transferred is an upload with every fact.
func transferred(change func(*server.Event)) server.Event {
	e := server.Event{
		Kind: server.EventUpload, Time: time.Date(2026, 5, 1, 12, 0, 7, 5e8, time.Local), SessionID: 7,
		User: "alice", Client: netip.MustParseAddrPort("[::ffff:192.0.2.1]:4000"), Path: "/dir/file", Bytes: 1234, Duration: 2600 * time.Millisecond,
		Command: "STOR", Code: 226,
	}
	if change != nil {
		change(&e)
	}
	return e
}

func TestXferlogLine(t *testing.T) {
	t.Parallel()
	const at = "Fri May  1 12:00:07 2026 "
	for name, test := range map[string]struct {
		change func(*server.Event)
		want   string
	}{
		"upload": {nil, at + "3 192.0.2.1 1234 /dir/file b _ i r alice ftp 0 * c"},
		"interrupted upload": {func(e *server.Event) { e.Kind = server.EventUploadInterrupted },
			at + "3 192.0.2.1 1234 /dir/file b _ i r alice ftp 0 * i"},
		"download of text": {func(e *server.Event) { e.Kind, e.Command, e.ASCII = server.EventDownload, "RETR", true },
			at + "3 192.0.2.1 1234 /dir/file a _ o r alice ftp 0 * c"},
		"interrupted download": {func(e *server.Event) { e.Kind, e.Command = server.EventDownloadInterrupted, "RETR" },
			at + "3 192.0.2.1 1234 /dir/file b _ o r alice ftp 0 * i"},
		"deletion": {func(e *server.Event) { e.Kind, e.Command, e.Bytes, e.Duration = server.EventDelete, "DELE", 0, 0 },
			at + "1 192.0.2.1 0 /dir/file b _ d r alice ftp 0 * c"},
		"removed directory": {func(e *server.Event) { e.Kind, e.Command = server.EventDelete, "RMD" }, ""},
		"removed tree":      {func(e *server.Event) { e.Kind, e.Command = server.EventDelete, "SITE RMDIR" }, ""},
		"copy":              {func(e *server.Event) { e.Command = "SITE CPTO" }, ""},
		"rename":            {func(e *server.Event) { e.Kind = server.EventRename }, ""},
		"login":             {func(e *server.Event) { e.Kind, e.Path = server.EventLogin, "" }, ""},
		"anonymous": {func(e *server.Event) { e.User, e.Anonymous, e.Contact = "anonymous", true, "me@example.org" },
			at + "3 192.0.2.1 1234 /dir/file b _ i a me@example.org ftp 0 * c"},
		"nameless": {func(e *server.Event) { e.User, e.Anonymous = "anonymous", true },
			at + "3 192.0.2.1 1234 /dir/file b _ i a anonymous ftp 0 * c"},
		"quick transfer, IPv6": {func(e *server.Event) {
			e.Duration, e.Client = time.Millisecond, netip.MustParseAddrPort("[2001:db8::1]:5")
		}, at + "1 2001:db8::1 1234 /dir/file b _ i r alice ftp 0 * c"},
		"awkward name": {func(e *server.Event) { e.Path, e.User = "/a b\tc\nd\x7f\u00a0e\u2028ü\xe9 ", "al ice" },
			at + "3 192.0.2.1 1234 /a_b_c_d__e_ü\xe9_ b _ i r al_ice ftp 0 * c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(xferlogLine(transferred(test.change)))
			if test.want != "" {
				test.want += "\n"
			}
			if got != test.want {
				t.Errorf("got\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestW3CLine(t *testing.T) {
	t.Parallel()
	at := transferred(nil).Time.UTC().Format("2006-01-02 15:04:05 ")
	for name, test := range map[string]struct {
		change func(*server.Event)
		want   string
	}{
		"upload": {nil, at + "192.0.2.1 4000 alice - STOR /dir/file 226 0 1234 2600 7 -"},
		"interrupted download": {func(e *server.Event) { e.Kind, e.Command, e.Code = server.EventDownloadInterrupted, "RETR", 426 },
			at + "192.0.2.1 4000 alice - RETR /dir/file 426 1234 0 2600 7 -"},
		"removed tree": {func(e *server.Event) {
			e.Kind, e.Command, e.Code, e.Bytes, e.Duration = server.EventDelete, "SITE RMDIR", 250, 0, 0
		}, at + "192.0.2.1 4000 alice - SITE+RMDIR /dir/file 250 0 0 0 7 -"},
		"rename at a host": {func(e *server.Event) {
			e.Kind, e.Command, e.Code, e.Bytes, e.Duration, e.Target, e.Host = server.EventRename, "RNTO", 250, 0, 0, "/dir/new name", "ftp.example.org"
		}, at + "192.0.2.1 4000 alice ftp.example.org RNTO /dir/file 250 0 0 0 7 /dir/new%20name"},
		"awkward name": {func(e *server.Event) { e.Path, e.User = "/a b\"%+\r\n\xe9?#ü", "a b-" },
			at + "192.0.2.1 4000 a%20b- - STOR /a%20b%22%25+%0D%0A%E9%3F%23%C3%BC 226 0 1234 2600 7 -"},
		"login": {func(e *server.Event) { e.Kind, e.Path = server.EventLogin, "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := string(w3cLine(transferred(test.change)))
			if test.want != "" {
				test.want += "\n"
			}
			if got != test.want {
				t.Errorf("got\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestW3CLogHasItsHeader(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "w3c.log")
	l := openTestLogs(t, io.Discard, func(c *config.Log) { c.W3C = config.Path(file) })
	l.transfer(server.Event{Kind: server.EventLogin})
	wantText(t, file, "")
	l.transfer(transferred(nil))
	l.transfer(transferred(nil))
	lines := strings.Split(readFile(t, file), "\n")
	if len(lines) != 7 || !strings.HasPrefix(lines[0], "#Software: Portico ") || lines[1] != "#Version: 1.0" ||
		!strings.HasPrefix(lines[2], "#Date: ") || !strings.HasPrefix(lines[3], "#Fields: date time c-ip ") {
		t.Fatalf("got %q", lines)
	}
	if got, want := strings.Count(lines[4], " "), strings.Count(lines[3], " ")-1; got != want {
		t.Errorf("a line has %d fields, the header %d", got+1, want+1)
	}
}

// Whatever clients name their files, a line is one line with its fields.
func FuzzTransferLogLines(f *testing.F) {
	for _, text := range []string{"", "/a b", "/\n", "/\x85\u0085", "/%", "-", "/*", "\xff", "//host/x", "#"} {
		f.Add(text, text, int64(5))
	}
	xferlog := regexp.MustCompile(`^\S+ \S+ [ \d]\d \d\d:\d\d:\d\d \d{4} [1-9]\d* \S+ -?\d+ \S* [ab] _ [iod] [ar] \S* ftp 0 \* [ci]\n$`)
	f.Fuzz(func(t *testing.T, path, user string, bytes int64) {
		e := transferred(func(e *server.Event) { e.Path, e.User, e.Target, e.Bytes = path, user, user, bytes })
		line := string(xferlogLine(e))
		if utf8.ValidString(path+user) && !xferlog.MatchString(line) {
			t.Errorf("xferlog: %q", line)
		}
		if words := len(strings.Split(line, " ")); words != 19 || strings.Count(line, "\n") != 1 { // two spaces before the day
			t.Errorf("xferlog has %d words: %q", words, line)
		}
		if path == "" {
			return
		}
		fields := strings.Split(strings.TrimSuffix(string(w3cLine(e)), "\n"), " ")
		if want := len(strings.Fields(w3cFields)); len(fields) != want {
			t.Fatalf("W3C: %d fields, want %d: %q", len(fields), want, fields)
		}
		if back, err := url.PathUnescape(fields[7]); err != nil || back != path {
			t.Errorf("W3C: %q comes back as %q: %v", path, back, err)
		}
		for _, field := range fields {
			if strings.ContainsFunc(field, func(r rune) bool { return r <= ' ' || r > '~' }) || field == "" {
				t.Errorf("W3C: field %q", field)
			}
		}
	})
}
