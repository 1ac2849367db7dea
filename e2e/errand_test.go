//go:build unix

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// errand is a row of transfers that a client makes in one session, with files
// that no other errand has.
type errand struct {
	endpoint
	site    *site
	version uint16 // of TLS
	steps   []step
}

// step is one transfer.
type step struct {
	operation     string // put or get
	local, remote string
	file          sample // what must arrive
}

// newErrand mixes uploads and downloads: clients resume differently after one
// and the other.
func newErrand(t *testing.T, s *site, name string, version uint16, size int64) *errand {
	t.Helper()
	e := &errand{endpoint: s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir()), site: s, version: version}
	dir := filepath.Join(s.home, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"put 0", "get a", "put 1", "put 2", "get 1", "get b", "get a", "get 2", "put 3", "get 0", "get 3"} {
		operation, file, _ := strings.Cut(kind, " ")
		e.add(t, i, operation, "/"+name+"/"+file, size)
	}
	if err := suite.identity.own(dir); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *errand) add(t *testing.T, number int, operation, remote string, size int64) {
	t.Helper()
	s := step{operation: operation, local: filepath.Join(e.scratch, fmt.Sprint(number)), remote: remote}
	var err error
	switch earlier := e.find(remote); {
	case operation == "put":
		s.file, err = writeSample(s.local, size)
	case earlier != nil:
		s.file = earlier.file
	default: // lies there before the client comes
		s.file, err = writeSample(filepath.Join(e.site.home, remote), size)
	}
	if err != nil {
		t.Fatal(err)
	}
	e.steps = append(e.steps, s)
}

func (e *errand) find(remote string) *step {
	for i := range e.steps {
		if e.steps[i].remote == remote {
			return &e.steps[i]
		}
	}
	return nil
}

// check compares what has arrived at both ends.
func (e *errand) check(t *testing.T) {
	t.Helper()
	for i, s := range e.steps {
		arrived := s.local
		if s.operation == "put" {
			arrived = filepath.Join(e.site.home, s.remote)
		}
		s.file.check(t, fmt.Sprintf("step %d, %s %s", i, s.operation, s.remote), arrived)
	}
}

// runner does an errand with one client program, on any goroutine. The trace
// is what the client was told.
type runner func(t *testing.T, e *errand) (trace string, err error)

// One process with one session: curl keeps the control connection from URL to
// URL.
func runCurl(t *testing.T, e *errand) (string, error) {
	c := &curl{t: t, endpoint: e.endpoint}
	var args []string
	for i, s := range e.steps {
		if i > 0 {
			args = append(append(args, "--next"), c.options()...)
		}
		args = append(args, curlVersion(e.version)...)
		if s.operation == "put" {
			args = append(args, "-T", s.local, c.url(s.remote))
		} else {
			args = append(args, "-o", s.local, c.url(s.remote))
		}
	}
	_, err := c.run(args...)
	return c.trace(), err
}

func curlVersion(version uint16) []string {
	number := strings.TrimPrefix(tls.VersionName(version), "TLS ")
	return []string{"--tlsv" + number, "--tls-max", number}
}

func runLftp(t *testing.T, e *errand) (string, error) {
	l := newLftp(t, e.endpoint)
	script, paths := []string{lftpVersion(e.version)}, []string(nil)
	for _, s := range e.steps {
		script = append(script, s.operation+" %s -o %s")
		if s.operation == "put" {
			paths = append(paths, s.local, s.remote)
		} else {
			paths = append(paths, s.remote, s.local)
		}
	}
	_, err := l.run(strings.Join(script, "; "), paths...)
	return l.trace(), err
}

func lftpVersion(version uint16) string {
	name := strings.ReplaceAll(tls.VersionName(version), " ", "")
	return "set ssl:priority NORMAL:-VERS-ALL:+VERS-" + name
}

func runPython(t *testing.T, e *errand) (string, error)          { return python3(t, e, "resume") }
func runForgetfulPython(t *testing.T, e *errand) (string, error) { return python3(t, e, "forget") }

func python3(t *testing.T, e *errand, resume string) (string, error) {
	var steps [][]string
	for _, s := range e.steps {
		steps = append(steps, []string{s.operation, s.local, s.remote})
	}
	input, err := json.Marshal(steps)
	if err != nil {
		return "", err
	}
	script, err := filepath.Abs(filepath.Join("testdata", "ftplib_resume.py"))
	if err != nil {
		return "", err
	}
	version := strings.NewReplacer(" ", "v", ".", "_").Replace(tls.VersionName(e.version))
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", script, e.host, fmt.Sprint(e.port), e.user, e.password, suite.tls.ca, version, resume)
	cmd.Env = append(cleanEnvironment(e.scratch), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdin = bytes.NewReader(input)
	trace, err := cmd.CombinedOutput()
	return string(trace), err
}

func runGo(t *testing.T, e *errand) (string, error) {
	return goSession(t, e, suite.tls.client(e.host))
}

func runForgetfulGo(t *testing.T, e *errand) (string, error) {
	config := suite.tls.client(e.host)
	config.ClientSessionCache = nil
	return goSession(t, e, config)
}

func goSession(t *testing.T, e *errand, config *tls.Config) (string, error) {
	config.MinVersion, config.MaxVersion = e.version, e.version
	g := &goClient{t: t, endpoint: e.endpoint, tls: config}
	defer g.close()
	for _, s := range e.steps {
		var err error
		if s.operation == "put" {
			err = g.put(s.local, s.remote)
		} else {
			err = g.get(s.remote, s.local)
		}
		if err != nil {
			return g.trace(), fmt.Errorf("%s %s: %w", s.operation, s.remote, err)
		}
	}
	return g.trace(), nil
}
