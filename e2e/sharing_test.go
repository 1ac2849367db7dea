//go:build unix

package e2e

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sharingSite has one passive port for everybody.
func sharingSite(t *testing.T, reuse string) *site {
	t.Helper()
	s := newSite(t)
	s.narrow(1)
	s.set("tls.session_reuse", reuse)
	s.set("passive.wait", "60s") // a busy machine is no failure of the port's
	s.start()
	return s
}

// kindOfClient is a client program that does errands, several at once.
type kindOfClient struct {
	name    string
	program string // "": none is needed
	version uint16
	run     runner
	several int
}

// What each of them does about TLS sessions on data connections:
//
//   - lftp 4.9 (GnuTLS) and ftplib as subclassed here (OpenSSL) resume the
//     control connection's session, every time with the same ticket, or with
//     the newest one.
//   - curl 7.88 (OpenSSL) uses each ticket of TLS 1.3 once and needs a fresh
//     one for the next transfer. With TLS 1.2 it asks for no ticket at all, so
//     it cannot resume here.
//   - The Go client uses the newest ticket that it has, again if need be.
func kindsOfClients() []kindOfClient {
	return []kindOfClient{
		{"curl, TLS 1.3", "curl", tls.VersionTLS13, runCurl, 8},
		{"curl, TLS 1.2", "curl", tls.VersionTLS12, runCurl, 4},
		{"lftp, TLS 1.3", "lftp", tls.VersionTLS13, runLftp, 4},
		{"lftp, TLS 1.2", "lftp", tls.VersionTLS12, runLftp, 4},
		{"Python, TLS 1.3", "python3", tls.VersionTLS13, runPython, 4},
		{"Python, TLS 1.2", "python3", tls.VersionTLS12, runPython, 4},
		{"Go, TLS 1.3", "", tls.VersionTLS13, runGo, 4},
		{"Go, TLS 1.2", "", tls.VersionTLS12, runGo, 4},
		{"Python that never resumes", "python3", tls.VersionTLS13, runForgetfulPython, 2},
		{"Go that never resumes", "", tls.VersionTLS13, runForgetfulGo, 2},
	}
}

// All of them at once, all from one address.
func TestOnePortServesEveryKindOfTLSClient(t *testing.T) {
	t.Parallel()
	s := sharingSite(t, "auto")
	for n, kind := range kindsOfClients() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			kind.doErrands(t, s, fmt.Sprint("kind-", n), 100_000)
		})
	}
}

// doErrands lets several clients of this kind work at the same time.
func (k kindOfClient) doErrands(t *testing.T, s *site, name string, size int64) {
	t.Helper()
	if k.program != "" {
		need(t, k.program)
	}
	var all sync.WaitGroup
	for i := range k.several {
		e := newErrand(t, s, fmt.Sprintf("%s-%d", name, i), k.version, size)
		all.Go(func() {
			if trace, err := k.run(t, e); err != nil {
				t.Errorf("client %d: %v\nits trace ends:\n%s", i, err, trace[max(0, len(trace)-3000):])
				return
			}
			e.check(t)
		})
	}
	all.Wait()
}

// Whoever resumes is served where resuming is required, transfer after
// transfer and with uploads of several MiB.
func TestRequiredSessionReuseServesThoseThatResume(t *testing.T) {
	t.Parallel()
	s := sharingSite(t, "required")
	for n, kind := range kindsOfClients() {
		if strings.HasSuffix(kind.name, "never resumes") || kind.name == "curl, TLS 1.2" {
			continue
		}
		kind.several = 2
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			kind.doErrands(t, s, fmt.Sprint("required-", n), 8<<20)
		})
	}
}

func TestRequiredSessionReuseRefusesThoseThatDoNot(t *testing.T) {
	t.Parallel()
	s := sharingSite(t, "required")
	for n, kind := range kindsOfClients() {
		if !strings.HasSuffix(kind.name, "never resumes") {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			if kind.program != "" {
				need(t, kind.program)
			}
			e := newErrand(t, s, fmt.Sprint("refused-", n), kind.version, 1000)
			e.steps = e.steps[1:2] // a download
			trace, err := kind.run(t, e)
			if err == nil || !strings.Contains(trace, "522 ") {
				t.Errorf("the client ends with %v and is not told 522:\n%s", err, trace)
			}
			if got, _ := os.ReadFile(e.steps[0].local); len(got) > 0 {
				t.Errorf("it got %d bytes all the same", len(got))
			}
		})
	}
}

// curl keeps the tickets of all its sessions in one place: its data connections
// show those of other sessions, which must not bring it their files.
func TestParallelTransfersOfOneCurlGetTheirOwnFiles(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s := sharingSite(t, "auto")
	c := &curl{t: t, endpoint: s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())}
	args := []string{"--parallel", "--parallel-max", "8"}
	files := make([]sample, 40)
	for i := range files {
		name := fmt.Sprintf("parallel-%d", i)
		var err error
		if files[i], err = writeSample(filepath.Join(s.home, name), 20_000); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-o", filepath.Join(c.scratch, name), c.url("/"+name))
	}
	if _, err := c.run(args...); err != nil {
		t.Fatalf("%v\n%s", err, c.trace()[max(0, len(c.trace())-3000):])
	}
	for _, f := range files {
		f.check(t, filepath.Base(f.path), filepath.Join(c.scratch, filepath.Base(f.path)))
	}
}

// lftp mirrors whole trees, several files at a time and each over a session of
// its own.
func TestMirrorsShareThePort(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	s := sharingSite(t, "auto")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			scratch := t.TempDir()
			there, back := filepath.Join(scratch, "there"), filepath.Join(scratch, "back")
			if err := os.Mkdir(there, 0o755); err != nil {
				t.Fatal(err)
			}
			files := make([]sample, 12)
			for i := range files {
				var err error
				if files[i], err = writeSample(filepath.Join(there, fmt.Sprint(i)), 30_000); err != nil {
					t.Fatal(err)
				}
			}
			l := newLftp(t, s.endpoint(route{epsv, explicit, "127.0.0.1"}, scratch))
			remote := fmt.Sprintf("/mirror-%d", version)
			script := lftpVersion(version) + "; mirror --reverse --parallel=4 %s %s; mirror --parallel=4 %s %s"
			if _, err := l.run(script, there, remote, remote, back); err != nil {
				t.Fatalf("%v\n%s", err, l.trace()[max(0, len(l.trace())-3000):])
			}
			for _, f := range files {
				f.check(t, f.path, filepath.Join(back, filepath.Base(f.path)))
			}
		})
	}
}
