//go:build unix

package e2e

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wrongPassword must not appear in any log either.
const wrongPassword = "wrong-Tr0ub4dor&3"

// client is a client program under test. Paths on the server are absolute.
// Each call is complete when it returns.
type client interface {
	put(local, remote string) error
	get(remote, local string) error
	// resumePut completes a remote file whose beginning is there.
	resumePut(local, remote string) error
	// resumeGet completes a local file whose beginning is there.
	resumeGet(remote, local string) error
	// list is the text of LIST.
	list(dir string) (string, error)
	// names are the names of NLST, facts those of MLSD, without the directory.
	names(dir string) ([]string, error)
	facts(dir string) ([]string, error)
	rename(from, to string) error
	remove(file string) error
	makeDir(dir string) error
	removeDir(dir string) error
	// trace is what the client has said and been told so far.
	trace() string
}

// connector makes a client for an endpoint. It may connect lazily; a refused
// login is the error of the first call.
type connector func(*testing.T, endpoint) client

// exerciseAll takes a client along every route to one server, several at once.
func exerciseAll(t *testing.T, ways []route, connect connector) {
	s := newSite(t)
	s.start()
	for _, r := range ways {
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			e := &exercise{t: t, site: s, route: r, dir: "/" + r.name(), scratch: t.TempDir()}
			e.client = connect(t, s.endpoint(r, e.scratch))
			e.directories()
			e.transfers()
			e.listings()
			e.changes()
			e.checkTrace() // before curl takes a refused upload over TLS for a fault of EPSV
			e.escapes()
			e.wrongPassword(connect)
		})
	}
}

// exercise is one client's way through everything that a user does.
type exercise struct {
	t       *testing.T
	site    *site
	route   route
	client  client
	dir     string // on the server
	scratch string // on this side
}

// must ends the test when a step fails that others build on.
func (e *exercise) must(what string, err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("%s: %v\nthe client's trace ends:\n%s", what, err, e.traceTail())
	}
}

func (e *exercise) traceTail() string {
	trace := e.client.trace()
	return trace[max(0, len(trace)-3000):]
}

// stored is where a file of the exercise lies in the server's home.
func (e *exercise) stored(name string) string { return filepath.Join(e.site.home, e.dir, name) }

func (e *exercise) local(name string) string { return filepath.Join(e.scratch, name) }

func (e *exercise) directories() {
	e.must("make the working directory", e.client.makeDir(e.dir))
	sub := path.Join(e.dir, "sub")
	e.must("make a directory", e.client.makeDir(sub))
	if info, err := os.Stat(e.stored("sub")); err != nil || !info.IsDir() {
		e.t.Errorf("after MKD: %v", err)
	}
	e.must("remove a directory", e.client.removeDir(sub))
	if _, err := os.Stat(e.stored("sub")); !os.IsNotExist(err) {
		e.t.Errorf("after RMD the directory is still there: %v", err)
	}
}

func (e *exercise) transfers() {
	file := e.sample()
	remote := path.Join(e.dir, "data.bin")
	e.must("upload", e.client.put(file.path, remote))
	file.check(e.t, "uploaded file", e.stored("data.bin"))
	e.must("download", e.client.get(remote, e.local("whole.bin")))
	file.check(e.t, "downloaded file", e.local("whole.bin"))

	half := file.size/2 + 1
	file.head(e.t, e.local("half.bin"), half)
	part := path.Join(e.dir, "part.bin")
	e.must("upload the first half", e.client.put(e.local("half.bin"), part))
	e.must("resume the upload", e.client.resumePut(file.path, part))
	file.check(e.t, "resumed upload", e.stored("part.bin"))
	e.must("resume the download", e.client.resumeGet(remote, e.local("half.bin")))
	file.check(e.t, "resumed download", e.local("half.bin"))
	for _, name := range []string{"whole.bin", "half.bin"} {
		_ = os.Remove(e.local(name))
	}
	_ = os.Remove(e.stored("part.bin"))
}

func (e *exercise) sample() sample {
	if e.route.heavy() {
		return largeSample(e.t)
	}
	return newSample(e.t, 300_001)
}

func (e *exercise) listings() {
	const odd = "grüße aus 東京, Nr. 1.txt"
	want := []string{"data.bin", "folder", odd}
	small := newSample(e.t, 1000)
	e.must("make a directory to list", e.client.makeDir(path.Join(e.dir, "folder")))
	e.must("upload a name with spaces and UTF-8", e.client.put(small.path, path.Join(e.dir, odd)))
	small.check(e.t, "name with spaces and UTF-8", e.stored(odd))
	e.must("download it", e.client.get(path.Join(e.dir, odd), e.local("odd.txt")))
	small.check(e.t, "downloaded name with spaces and UTF-8", e.local("odd.txt"))

	text, err := e.client.list(e.dir)
	e.must("LIST", err)
	for _, name := range want {
		if !strings.Contains(text, name) {
			e.t.Errorf("LIST does not show %q:\n%s", name, text)
		}
	}
	names, err := e.client.names(e.dir)
	e.must("NLST", err)
	e.checkNames("NLST", names, want)
	names, err = e.client.facts(e.dir)
	e.must("MLSD", err)
	e.checkNames("MLSD", names, want)
}

func (e *exercise) checkNames(verb string, got, want []string) {
	e.t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		e.t.Errorf("%s shows %q, want %q", verb, got, want)
	}
}

func (e *exercise) changes() {
	before, after := path.Join(e.dir, "data.bin"), path.Join(e.dir, "new name.bin")
	e.must("rename", e.client.rename(before, after))
	if _, err := os.Stat(e.stored("data.bin")); !os.IsNotExist(err) {
		e.t.Errorf("after the rename the old name: %v", err)
	}
	if _, err := os.Stat(e.stored("new name.bin")); err != nil {
		e.t.Errorf("after the rename the new name: %v", err)
	}
	e.must("delete", e.client.remove(after))
	if _, err := os.Stat(e.stored("new name.bin")); !os.IsNotExist(err) {
		e.t.Errorf("after DELE the file is still there: %v", err)
	}
	if err := e.client.remove(path.Join(e.dir, "never was")); err == nil {
		e.t.Error("DELE of a file that does not exist succeeds")
	}
}

// escapes tries to reach what lies beside the home, upwards and through links
// that lead out of it.
func (e *exercise) escapes() {
	for _, outside := range []string{
		"/../outside/secret.txt",
		"/../../../../../../etc/passwd",
		e.site.outside + "/secret.txt",
		"/leak.txt",
		"/leakdir/secret.txt",
	} {
		local := e.local("stolen")
		if err := e.client.get(outside, local); err == nil {
			e.t.Errorf("download of %s succeeds", outside)
		}
		if stolen, _ := os.ReadFile(local); len(stolen) > 0 {
			e.t.Errorf("download of %s brings %q", outside, stolen)
		}
		_ = os.Remove(local)
	}
	planted := "planted-" + e.route.name()
	small := newSample(e.t, 10)
	for _, outside := range []string{"/../outside/" + planted, "/leakdir/" + planted} {
		if err := e.client.put(small.path, outside); err == nil {
			e.t.Errorf("upload to %s succeeds", outside)
		}
	}
	if err := e.client.put(small.path, "/leak.txt"); err == nil {
		e.t.Error("upload through a link that leads out succeeds")
	}
	if _, err := os.Lstat(filepath.Join(e.site.outside, planted)); !os.IsNotExist(err) {
		e.t.Errorf("a file outside the home was made: %v", err)
	}
	secret, err := os.ReadFile(filepath.Join(e.site.outside, "secret.txt"))
	if err != nil || !bytes.Equal(secret, []byte(secretText)) {
		e.t.Errorf("the file outside the home was changed to %q (%v)", secret, err)
	}
}

// Lines that clients send, in the traces of curl, lftp, Python and Go; and the
// replies that name a passive port.
var (
	dataCommand = regexp.MustCompile(`(?m)^(?:> |---> |\*cmd\* '|)(PASV|EPSV|PORT|EPRT)\b`)
	authTLS     = regexp.MustCompile(`(?m)^(?:> |---> |\*cmd\* '|)AUTH (TLS|SSL)\b`)
	reply229    = regexp.MustCompile(`\b229 .*\(\|\|\|(\d+)\|\)`)
	reply227    = regexp.MustCompile(`\b227 .*\b127,0,0,1,(\d+),(\d+)\b`)
)

// checkTrace makes sure that the client took the route that the test is about,
// and that the server named ports of its range alone.
func (e *exercise) checkTrace() {
	trace := e.client.trace()
	commands := dataCommand.FindAllStringSubmatch(trace, -1)
	if len(commands) == 0 {
		e.t.Errorf("no %s in the client's trace", e.route.mode)
	}
	for _, c := range commands {
		if c[1] != string(e.route.mode) {
			e.t.Errorf("the client sent %s, want %s alone:\n%s", c[1], e.route.mode, around(trace, c[0]))
			break
		}
	}
	if encrypted := authTLS.MatchString(trace); encrypted != (e.route.security == explicit) {
		e.t.Errorf("AUTH TLS in the client's trace: %v", encrypted)
	}
	named := passivePorts(trace)
	if e.route.passive() && len(named) == 0 {
		e.t.Error("no passive port in the client's trace")
	}
	for _, p := range named {
		if !e.site.passive.contains(p) {
			e.t.Errorf("the server named port %d, want one of %v", p, e.site.passive)
		}
	}
}

// around shows what led to a line of a trace.
func around(trace, line string) string {
	at := strings.Index(trace, line)
	return trace[max(0, at-2500):min(len(trace), at+500)]
}

// passivePorts are the ports of all 227 and 229 replies of a trace.
func passivePorts(trace string) []int {
	var named []int
	for _, m := range reply229.FindAllStringSubmatch(trace, -1) {
		p, _ := strconv.Atoi(m[1])
		named = append(named, p)
	}
	for _, m := range reply227.FindAllStringSubmatch(trace, -1) {
		high, _ := strconv.Atoi(m[1])
		low, _ := strconv.Atoi(m[2])
		named = append(named, high<<8|low)
	}
	return named
}

func (e *exercise) wrongPassword(connect connector) {
	scratch := e.t.TempDir()
	end := e.site.endpoint(e.route, scratch)
	end.password = wrongPassword
	intruder := connect(e.t, end)
	if names, err := intruder.names("/"); err == nil {
		e.t.Errorf("a wrong password lists %q", names)
	}
	if trace := intruder.trace(); !strings.Contains(trace, "530") {
		e.t.Errorf("a wrong password is not answered with 530:\n%s", trace)
	}
}
