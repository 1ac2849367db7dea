//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ftplib knows no implicit TLS.
func TestPythonFtplib(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	ways := routes([]mode{pasv, epsv, port, eprt}, []security{plain, explicit})
	exerciseAll(t, ways, func(t *testing.T, e endpoint) client { return startPython(t, e) })
}

// python keeps one session for all calls. Its process is told what to do by
// lines of JSON, see testdata/ftplib_client.py.
type python struct {
	t       *testing.T
	calls   io.WriteCloser
	answers *bufio.Reader
	said    strings.Builder // the dialogue, as the answers report it
}

func startPython(t *testing.T, e endpoint) *python {
	t.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "ftplib_client.py"))
	if err != nil {
		t.Fatal(err)
	}
	p := &python{t: t}
	cmd := exec.Command("python3", script, e.host, fmt.Sprint(e.port), e.user, e.password, string(e.mode), string(e.security), suite.tls.ca)
	cmd.Env = append(cleanEnvironment(e.scratch), "PYTHONDONTWRITEBYTECODE=1")
	var complaints output
	cmd.Stderr = &complaints
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.calls, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	p.answers = bufio.NewReader(answers)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.calls.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("python3: %v\n%s", err, complaints.String())
		}
	})
	return p
}

func (p *python) put(local, remote string) error       { return p.do("put", local, remote) }
func (p *python) get(remote, local string) error       { return p.do("get", remote, local) }
func (p *python) resumePut(local, remote string) error { return p.do("resume_put", local, remote) }
func (p *python) resumeGet(remote, local string) error { return p.do("resume_get", remote, local) }
func (p *python) rename(from, to string) error         { return p.do("rename", from, to) }
func (p *python) remove(file string) error             { return p.do("delete", file) }
func (p *python) makeDir(dir string) error             { return p.do("make_dir", dir) }
func (p *python) removeDir(dir string) error           { return p.do("remove_dir", dir) }
func (p *python) trace() string                        { return p.said.String() }

func (p *python) list(dir string) (string, error) {
	lines, err := p.call("list", dir)
	return strings.Join(lines, "\n"), err
}

func (p *python) names(dir string) ([]string, error) {
	lines, err := p.call("names", dir)
	for i, line := range lines {
		lines[i] = filepath.Base(line)
	}
	return lines, err
}

func (p *python) facts(dir string) ([]string, error) { return p.call("facts", dir) }

func (p *python) do(operation string, args ...string) error {
	_, err := p.call(operation, args...)
	return err
}

func (p *python) call(operation string, args ...string) ([]string, error) {
	line, err := json.Marshal(append([]string{operation}, args...))
	if err != nil {
		return nil, err
	}
	if _, err := p.calls.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("python3: %w", err)
	}
	text, err := p.answers.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("python3: %w", err)
	}
	var answer struct {
		Lines []string
		Error string
		Said  string
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("python3: %w: %s", err, text)
	}
	p.said.WriteString(answer.Said)
	if answer.Error != "" {
		return nil, errors.New("ftplib: " + answer.Error)
	}
	return answer.Lines, nil
}
