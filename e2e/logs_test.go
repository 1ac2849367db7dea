//go:build unix

package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logrotateProgram is not in everybody's PATH.
const logrotateProgram = "/usr/sbin/logrotate"

// logged is a site with all its logs in a directory.
type logged struct {
	*site
	dir string
}

func newLogged(t *testing.T) *logged {
	t.Helper()
	s := newSite(t)
	l := &logged{s, filepath.Join(s.dir, "log")}
	for _, err := range []error{os.Mkdir(l.dir, 0o750), suite.identity.own(l.dir)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.set("log", map[string]any{
		"file": l.file("portico.log"), "commands": l.file("commands.log"), "audit": l.file("audit.log"),
		"xferlog": l.file("xferlog"), "w3c": l.file("w3c.log"),
	})
	return l
}

func (l *logged) file(name string) string { return filepath.Join(l.dir, name) }

func (l *logged) read(name string) string {
	l.t.Helper()
	text, err := os.ReadFile(l.file(name))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// xferlogFields takes a line of an xferlog apart as the format's manual has it.
var xferlogFields = regexp.MustCompile(`^((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}) (\d+) (\S+) (\d+) (\S+) ([ab]) ([CUT_]) ([iod]) ([arg]) (\S+) (\S+) ([01]) (\S+) ([ci])$`)

// transfers reads an xferlog without what differs from run to run.
func (l *logged) transfers() []string {
	l.t.Helper()
	var all []string
	for line := range strings.Lines(l.read("xferlog")) {
		fields := xferlogFields.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if fields == nil {
			l.t.Fatalf("no line of an xferlog: %q", line)
		}
		at, err := time.Parse(time.ANSIC, fields[1])
		if age := time.Since(at); err != nil || age < -time.Minute || age > time.Hour {
			l.t.Errorf("time %q: %v", fields[1], err)
		}
		if seconds, err := strconv.Atoi(fields[2]); err != nil || seconds < 1 {
			l.t.Errorf("%q seconds", fields[2])
		}
		if fields[3] != "127.0.0.1" || fields[11] != "ftp" || fields[12] != "0" || fields[13] != "*" {
			l.t.Errorf("line %q", line)
		}
		if fields[14] == "i" {
			fields[4] = "?" // who knows how far it came
		}
		all = append(all, strings.Join([]string{fields[4], fields[5], fields[6], fields[8], fields[9], fields[10], fields[14]}, " "))
	}
	return all
}

func TestTransferLogsWithRealReaders(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	need(t, "webalizer")
	l := newLogged(t)
	p := l.start()
	c := &curl{t: t, endpoint: l.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())}
	file := newSample(t, 200<<10)
	name := "/it's a file, ünd so on"
	for i, err := range []error{
		c.put(file.path, name),
		c.get(name, filepath.Join(t.TempDir(), "back")),
		c.rename(name, "/other"),
		c.remove("/other"),
		c.makeDir("/dir"),
		c.removeDir("/dir"),
	} {
		if err != nil {
			t.Fatalf("step %d: %v\n%s", i, err, c.trace())
		}
	}
	r := dialRaw(t, l.controlAddress())
	r.login()
	conn := r.stor("/cut")
	writeHalf(t, file, conn)
	l.awaitBytes(t, file.size/2)
	reset(t, conn)
	r.expect(426)
	p.finish(t)

	const size = "204800 "
	word := strings.ReplaceAll(name, " ", "_")
	want := []string{
		size + word + " b i r " + userName + " c",
		size + word + " b o r " + userName + " c",
		"0 /other b d r " + userName + " c",
		"? /cut b i r " + userName + " i",
	}
	if got := l.transfers(); !slices.Equal(got, want) {
		t.Errorf("the xferlog has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for format, logFile := range map[string]string{"ftp": "xferlog", "w3c": "w3c.log"} {
		t.Run(format, func(t *testing.T) {
			sites, urls := webalize(t, format, l.file(logFile))
			hits := map[string]string{"ftp": "4", "w3c": "7"}[format] // lines
			if fields := strings.Fields(sites); len(fields) != 5 || fields[0] != hits || fields[4] != "127.0.0.1" {
				t.Errorf("webalizer counts the clients %q, want %s lines of 127.0.0.1", sites, hits)
			}
			if format == "ftp" && !strings.Contains(urls, "\t400\t"+word) { // KiB
				t.Errorf("webalizer has not counted 400 KiB of %s:\n%s", word, urls)
			}
		})
	}
}

// webalize has webalizer read a log, and returns its tables of clients and of
// files.
func webalize(t *testing.T, format, file string) (sites, urls string) {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "webalizer.conf")
	text := fmt.Sprintf("LogType %s\nOutputDir %s\nHostName x\nDumpSites yes\nDumpURLs yes\nDumpExtension tab\n", format, dir)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("webalizer", "-c", settings, file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "bad") {
		t.Fatalf("webalizer: %v: %s", err, out)
	}
	return readOne(t, filepath.Join(dir, "site_*.tab")), readOne(t, filepath.Join(dir, "url_*.tab"))
}

func readOne(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) > 1 {
		t.Fatal(found, err)
	}
	if len(found) == 0 {
		return ""
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The shipped configuration of logrotate moves the logs away again and again
// while clients upload: each transfer is in one of the files, once.
func TestLogrotateLosesNoLine(t *testing.T) {
	t.Parallel()
	need(t, logrotateProgram)
	l := newLogged(t)
	p := l.start()
	stop, uploaded := make(chan struct{}), make(chan int)
	go func() { uploaded <- uploadUntil(t, l, stop) }()
	const rotations = 5
	for i := range rotations {
		seen := l.lines("xferlog", "")
		eventually(t, startTimeout, "transfers go on", func() bool { return l.lines("xferlog", "") > seen })
		l.rotate(p.cmd.Process.Pid)
		eventually(t, startTimeout, "the logs are reopened", func() bool { return l.lines("portico.log", "logs reopened") == i+1 })
	}
	seen := l.lines("xferlog", "")
	eventually(t, startTimeout, "transfers go on", func() bool { return l.lines("xferlog", "") > seen })
	close(stop)
	n := <-uploaded
	p.finish(t)
	for name, pattern := range map[string]string{"xferlog": " b _ i r ", "w3c.log": " STOR ", "commands.log": `"verb":"STOR"`} {
		if got := l.lines(name, pattern); got != n {
			t.Errorf("%s and what was moved away have %d uploads, want %d", name, got, n)
		}
	}
	moved, err := filepath.Glob(l.file("xferlog*"))
	if err != nil || len(moved) != rotations+1 {
		t.Errorf("the xferlogs are %v (%v), want %d", moved, err, rotations+1)
	}
	head := "#Software: Portico"
	if got := l.lines("w3c.log", head); got != rotations+1 || !strings.HasPrefix(l.read("w3c.log"), head) {
		t.Errorf("%d of %d W3C logs have their header", got, rotations+1)
	}
}

// uploadUntil uploads one small file after the other.
func uploadUntil(t *testing.T, l *logged, stop <-chan struct{}) (n int) {
	r := dialRaw(t, l.controlAddress())
	r.login()
	for {
		select {
		case <-stop:
			return n
		default:
			conn := r.stor(fmt.Sprintf("/file%d", n%10))
			if _, err := io.WriteString(conn, "content"); err != nil {
				t.Error(err)
				return n
			}
			conn.Close()
			r.expect(226)
			n++
		}
	}
}

// rotate runs logrotate with the configuration of deploy, for this directory,
// this user and this process.
func (l *logged) rotate(pid int) {
	l.t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "deploy", "logrotate", "portico"))
	if err != nil {
		l.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(shipped), "/var/log/portico", l.dir)
	text = l.mustReplace(text, `(?m)^.*systemctl kill .*$`, fmt.Sprintf("kill -USR1 %d", pid))
	owner := ""
	if id := suite.identity; id != nil {
		owner = fmt.Sprintf("su %d %d", id.uid, id.gid)
	}
	text = l.mustReplace(text, `(?m)^\s*su .*$`, owner)
	settings := filepath.Join(l.site.dir, "logrotate.conf")
	if err := os.WriteFile(settings, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	out, err := exec.Command(logrotateProgram, "--force", "--state", filepath.Join(l.site.dir, "logrotate.state"), settings).CombinedOutput()
	if err != nil || len(out) > 0 {
		l.t.Fatalf("logrotate: %v: %s", err, out)
	}
}

func (l *logged) mustReplace(text, pattern, with string) string {
	l.t.Helper()
	expression := regexp.MustCompile(pattern)
	if !expression.MatchString(text) {
		l.t.Fatalf("deploy/logrotate/portico has no line %s", pattern)
	}
	return expression.ReplaceAllString(text, with)
}

// lines counts the lines with a text in a log and in what was moved away of it.
func (l *logged) lines(name, with string) int {
	l.t.Helper()
	files, err := filepath.Glob(l.file(name + "*"))
	if err != nil {
		l.t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		for line := range strings.Lines(l.unpacked(file)) {
			if strings.Contains(line, with) {
				n++
			}
		}
	}
	return n
}

func (l *logged) unpacked(file string) string {
	l.t.Helper()
	opened, err := os.Open(file)
	if err != nil {
		l.t.Fatal(err)
	}
	defer opened.Close()
	var from io.Reader = opened
	if strings.HasSuffix(file, ".gz") {
		if from, err = gzip.NewReader(opened); err != nil {
			l.t.Fatal(err)
		}
	}
	text, err := io.ReadAll(from)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// A server without a log file is not ended by the signal either.
func TestReopeningNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.start()
	p.signal(t, syscall.SIGUSR1)
	eventually(t, startTimeout, "the signal is answered", func() bool { return strings.Contains(p.log.String(), "logs reopened") })
	dialRaw(t, s.controlAddress()).login()
}

// Where the new file cannot be made, the log goes on in the old one, and says
// so.
func TestReopeningFails(t *testing.T) {
	t.Parallel()
	l := newLogged(t)
	p := l.start()
	away := l.dir + ".away"
	if err := os.Rename(l.dir, away); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGUSR1)
	l.dir = away
	eventually(t, startTimeout, "the failure is told", func() bool { return l.lines("portico.log", "a log goes on in its old file") == 1 })
	r := dialRaw(t, l.controlAddress())
	r.login()
	conn := r.stor("/file")
	conn.Close()
	r.expect(226)
	if n := l.lines("xferlog", "/file"); n != 1 {
		t.Errorf("the old xferlog has the transfer %d times", n)
	}
}

// A flood is thinned out in the ordinary log, and complete in the others.
func TestFloodIsSampled(t *testing.T) {
	t.Parallel()
	l := newLogged(t)
	l.set("log.commands", "")
	l.set("log.format", "json")
	p := l.start()
	r := dialRaw(t, l.controlAddress())
	r.login()
	const uploads = 600
	for i := range uploads {
		conn := r.stor(fmt.Sprintf("/file%d", i%10))
		conn.Close()
		r.expect(226)
	}
	p.finish(t)
	if n := l.lines("xferlog", ""); n != uploads {
		t.Errorf("the xferlog has %d uploads, want %d", n, uploads)
	}
	log := l.read("portico.log")
	kept, left := strings.Count(log, `"msg":"transfer"`), 0
	for _, m := range regexp.MustCompile(`"message":"transfer","lines":(\d+)`).FindAllStringSubmatch(log, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Error(err)
		}
		left += n
	}
	if kept+left != uploads { // whether any is left out depends on the machine's speed
		t.Errorf("the log has %d transfers and tells of %d that were left out, want %d together", kept, left, uploads)
	}
	t.Logf("%d of %d lines were left out", left, uploads)
}
