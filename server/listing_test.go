package server_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// listedFiles are given sizes and ages that sort them in three different ways.
func listedFiles(t *testing.T, fs afero.Fs) {
	t.Helper()
	for i, f := range []struct {
		name string
		size int
	}{
		{"/b.csv", 30}, {"/a.csv", 10}, {"/c.txt", 20}, {"/.hidden", 40}, {"/two words", 5}, {"/grün.txt", 6}, {"/caf\xe9", 7}, {"/[x]", 8},
		{"/sub/one", 1}, {"/sub/.two", 2}, {"/sub/x.csv", 3}, {"/-rf", 9},
	} {
		if err := afero.WriteFile(fs, f.name, make([]byte, f.size), 0o644); err != nil {
			t.Fatal(err)
		}
		modified := time.Date(2020, 1, 1, 0, i, 0, 0, time.UTC)
		fs.Chtimes(f.name, modified, modified)
	}
	sub := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	fs.Chtimes("/sub", sub, sub)
	fs.Chmod("/sub", 0o755)
	fs.Mkdir("/empty", 0o755)
	fs.Chtimes("/empty", sub, sub)
}

func TestNameListings(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	listedFiles(t, s.fs)
	c := login(t, s.addr)
	const visible = "-rf|[x]|a.csv|b.csv|c.txt|caf\xe9|empty|grün.txt|sub|two words"
	for _, test := range []struct{ cmd, want string }{
		{"NLST", visible},
		{"NLST .", visible},
		{"NLST -1", visible},
		{"LIST -1", visible},
		{"NLST -R", visible}, // accepted, not done
		{"NLST -a", "-rf|.hidden|" + strings.TrimPrefix(visible, "-rf|")},
		{"NLST -r sub", "sub/x.csv|sub/one"},
		{"NLST -ra sub", "sub/x.csv|sub/one|sub/.two"},
		{"NLST -a -r sub", "sub/x.csv|sub/one|sub/.two"},
		{"NLST -t *.csv", "a.csv|b.csv"},
		{"NLST -tr *.csv", "b.csv|a.csv"},
		{"NLST -S *.csv", "b.csv|a.csv"},
		{"NLST -rS *.csv", "a.csv|b.csv"},
		{"NLST -1Sr *.csv", "a.csv|b.csv"},
		{"NLST ?.csv", "a.csv|b.csv"},
		{"NLST [bc].*", "b.csv|c.txt"},
		{"NLST [^b].csv", "a.csv"},
		{"NLST [x]", "[x]"}, // a name goes before a pattern
		{"NLST .*", ".hidden"},
		{"NLST caf?", "caf\xe9"},
		{"NLST *\xe9", "caf\xe9"},
		{"NLST sub", "sub/one|sub/x.csv"},
		{"NLST sub/", "sub/one|sub/x.csv"},
		{"NLST /sub", "/sub/one|/sub/x.csv"},
		{"NLST sub/*.csv", "sub/x.csv"},
		{"NLST ./*.txt", "c.txt|grün.txt"},
		{"NLST sub/one", "sub/one"},
		{"NLST two words", "two words"},
		{"NLST -- -rf", "-rf"},
		{"NLST -d sub", "sub"},
		{"NLST empty", ""},
		{"NLST *.none", ""},
	} {
		got := strings.ReplaceAll(strings.TrimSuffix(string(c.retrieve(test.cmd)), "\r\n"), "\r\n", "|")
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.cmd, got, test.want)
		}
	}
}

func TestLongListings(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	listedFiles(t, s.fs)
	c := login(t, s.addr)
	const sub = "-rw-r--r-- 1 ftp      ftp                 1 Jan  1  2020 one\r\n" +
		"-rw-r--r-- 1 ftp      ftp                 3 Jan  1  2020 x.csv\r\n"
	for _, test := range []struct{ cmd, want string }{
		{"LIST sub", sub},
		{"LIST -l sub", sub},
		{"LIST -l -R -1 sub", sub}, // -l outdoes -1
		{"NLST -l sub", sub},
		{"LIST sub/one", strings.Split(sub, "\n")[0] + "\n"},
		{"LIST s*b", "drwxr-xr-x 1 ftp      ftp                 0 Jan  1  2019 sub\r\n"},
	} {
		if got := directorySize.ReplaceAllString(string(c.retrieve(test.cmd)), "${1}           0 "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.cmd, got, test.want)
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	afero.WriteFile(s.fs, "/new", nil, 0o600)
	s.fs.Chtimes("/new", now, now)
	if got, want := string(c.retrieve("LIST new")), now.Format("Jan _2 15:04")+" new\r\n"; !strings.HasSuffix(got, want) {
		t.Errorf("a new file is listed as %q, want %q at the end", got, want)
	}
}

// directorySize: what size a directory has is the file system's business.
var directorySize = regexp.MustCompile(`(?m)^(d.{30}) *\d+ `)

func TestMissingListings(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	listedFiles(t, s.fs)
	c := login(t, s.addr)
	for _, test := range []struct {
		code int
		cmd  string
	}{
		{450, "LIST nothing"}, {450, "NLST nothing"}, {450, "LIST nothing/*"}, {450, "LIST [a"}, {550, "MLSD nothing"}, {501, "MLSD c.txt"},
	} {
		c.cmd(229, "EPSV")
		c.cmd(test.code, "%s", test.cmd)
	}
}

func TestMachineListings(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	listedFiles(t, s.fs)
	c := login(t, s.addr)
	const all = "Type=file;Size=2;Modify=20200101000900;UNIX.mode=0644; .two\r\n" +
		"Type=file;Size=1;Modify=20200101000800;UNIX.mode=0644; one\r\n" +
		"Type=file;Size=3;Modify=20200101001000;UNIX.mode=0644; x.csv\r\n"
	if got := string(c.retrieve("MLSD sub")); got != all {
		t.Errorf("MLSD: got %q, want %q", got, all)
	}
	for _, test := range []struct{ opts, answer, entry string }{
		{"", "200 MLST OPTS Type;Size;Modify;UNIX.mode;", " Type=file;Size=1;Modify=20200101000800;UNIX.mode=0644; /sub/one"},
		{"OPTS MLST size;TYPE;Perm;", "200 MLST OPTS Type;Size;", " Type=file;Size=1; /sub/one"},
		{"OPTS MLST modify", "200 MLST OPTS Modify;", " Modify=20200101000800; /sub/one"},
		{"OPTS MLST", "200 MLST OPTS", "  /sub/one"},
	} {
		if test.opts != "" {
			if got := c.cmd(200, "%s", test.opts); got != test.answer {
				t.Errorf("%s: got %q, want %q", test.opts, got, test.answer)
			}
		}
		want := "250-Facts:\r\n" + test.entry + "\r\n250 End"
		if got := c.cmd(250, "MLST sub/one"); got != want {
			t.Errorf("MLST after %q: got %q, want %q", test.opts, got, want)
		}
	}
	c.cmd(200, "OPTS MLST Type;")
	if got := c.cmd(250, "MLST"); got != "250-Facts:\r\n Type=dir; /\r\n250 End" {
		t.Errorf("MLST of the root: %q", got)
	}
	if got := c.cmd(211, "FEAT"); !strings.Contains(got, "\r\n MLST Type*;Size;Modify;UNIX.mode;\r\n") {
		t.Errorf("FEAT after OPTS MLST Type: %q", got)
	}
}

func TestStatusOfPaths(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	listedFiles(t, s.fs)
	c := login(t, s.addr)
	want := "212-Status of /sub:\r\n" +
		" -rw-r--r-- 1 ftp      ftp                 1 Jan  1  2020 one\r\n" +
		" -rw-r--r-- 1 ftp      ftp                 3 Jan  1  2020 x.csv\r\n" +
		"212 End of status"
	if got := c.cmd(212, "STAT sub"); got != want {
		t.Errorf("STAT of a directory: %q, want %q", got, want)
	}
	if got := c.cmd(213, "STAT two words"); strings.Count(got, "two words") != 2 {
		t.Errorf("STAT of a file: %q", got)
	}
}

// Names are bytes, on both connections.
func TestNamesOfAnyBytes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{" lead", "trail ", "grün", "caf\xe9", "\x80\x81", "tab\there", "esc\x1b[2J", `quo"te`, "a\xffb", "\xff"} {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			t.Parallel()
			s := startSite(t, nil)
			c := login(t, s.addr)
			onWire := strings.ReplaceAll(name, "\xff", "\xff\xff") // RFC 854, on the control connection alone
			c.store(onWire, []byte("content"))
			if got := string(c.retrieve("NLST")); got != name+"\r\n" {
				t.Errorf("NLST: %q", got)
			}
			if got := string(c.retrieve("RETR " + onWire)); got != "content" {
				t.Errorf("RETR: %q", got)
			}
			if got := c.cmd(250, "MLST %s", onWire); !strings.HasSuffix(got, " /"+onWire+"\r\n250 End") {
				t.Errorf("MLST: %q", got)
			}
			c.cmd(250, "DELE %s", onWire)
			quoted := `257 "/` + strings.ReplaceAll(onWire, `"`, `""`) + `"`
			if got := c.cmd(257, "MKD %s", onWire); !strings.HasPrefix(got, quoted) {
				t.Errorf("MKD: %q, want %q", got, quoted)
			}
			c.cmd(250, "CWD %s", onWire)
			if got := c.cmd(257, "PWD"); !strings.HasPrefix(got, quoted) {
				t.Errorf("PWD: %q, want %q", got, quoted)
			}
		})
	}
}

// A name that another program made with a line break in it breaks nothing.
func TestNamesThatBreakLinesStayAway(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	for _, name := range []string{"/good", "/evil\r\n226 Done.", "/evil\n", "/evil\r"} {
		afero.WriteFile(s.fs, name, nil, 0o644)
	}
	c := login(t, s.addr)
	for _, cmd := range []string{"NLST", "LIST", "MLSD", "NLST *"} {
		if got := string(c.retrieve(cmd)); strings.Contains(got, "evil") || !strings.Contains(got, "good") {
			t.Errorf("%s: %q", cmd, got)
		}
	}
	if got := c.cmd(212, "STAT /"); strings.Contains(got, "evil") {
		t.Errorf("STAT: %q", got)
	}
}

func TestListingOfManyEntries(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Logger = nil })
	for i := range 5000 {
		afero.WriteFile(s.fs, fmt.Sprintf("/file with a name that is long enough to split blocks %04d", i), nil, 0o644)
	}
	c := login(t, s.addr)
	names := strings.Split(strings.TrimSuffix(string(c.retrieve("NLST")), "\r\n"), "\r\n")
	if len(names) != 5000 {
		t.Fatalf("%d names", len(names))
	}
	for i, name := range names {
		if want := fmt.Sprintf("file with a name that is long enough to split blocks %04d", i); name != want {
			t.Fatalf("name %d is %q, want %q", i, name, want)
		}
	}
}

func TestAccountThatMayNotList(t *testing.T) {
	t.Parallel()
	fs := afero.NewMemMapFs()
	listedFiles(t, fs)
	s := startSite(t, func(o *server.Options) { o.Auth = oneUser{driver.Restrict(fs, driver.CanRead)} })
	c := login(t, s.addr)
	for cmd, code := range map[string]int{"LIST": 450, "NLST *": 450, "MLSD": 550} {
		c.cmd(229, "EPSV")
		if got := c.cmd(code, "%s", cmd); !strings.HasSuffix(got, "Permission denied.") {
			t.Errorf("%s: %q", cmd, got)
		}
	}
	if got := c.retrieve("RETR c.txt"); len(got) != 20 {
		t.Errorf("RETR: %d bytes", len(got))
	}
}
