//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestLftp(t *testing.T) {
	t.Parallel()
	need(t, "lftp")
	ways := append(
		routes([]mode{pasv, epsv, port}, []security{plain, explicit, implicit}),
		overIPv6(routes([]mode{eprt}, []security{plain, explicit, implicit}))...) // over IPv4 it sends PORT
	exerciseAll(t, ways, func(t *testing.T, e endpoint) client { return newLftp(t, e) })
}

func overIPv6(ways []route) []route {
	var kept []route
	for _, r := range ways {
		if r.host == "::1" {
			kept = append(kept, r)
		}
	}
	return kept
}

// lftp opens a session for each call.
type lftp struct {
	t *testing.T
	endpoint
	said bytes.Buffer
}

func newLftp(t *testing.T, e endpoint) *lftp { return &lftp{t: t, endpoint: e} }

func (l *lftp) put(local, remote string) error {
	return l.do("put %s -o %s", local, remote)
}

func (l *lftp) get(remote, local string) error {
	return l.do("get %s -o %s", remote, local)
}

func (l *lftp) resumePut(local, remote string) error {
	return l.do("put -c %s -o %s", local, remote)
}

func (l *lftp) resumeGet(remote, local string) error {
	return l.do("get -c %s -o %s", remote, local)
}

func (l *lftp) list(dir string) (string, error) { return l.run("ls %s", dir) }

func (l *lftp) names(dir string) ([]string, error) {
	out, err := l.run("nlist %s", dir)
	return baseNames(out), err
}

func (l *lftp) facts(dir string) ([]string, error) {
	out, err := l.run("set ftp:use-mlsd yes; cls -1 %s", dir+"/")
	var names []string
	for _, name := range baseNames(out) { // cls marks directories with a slash, which path.Base drops
		names = append(names, strings.TrimSuffix(name, "@"))
	}
	if !strings.Contains(l.trace(), "---> MLSD") {
		l.t.Errorf("lftp did not send MLSD")
	}
	return names, err
}

func (l *lftp) rename(from, to string) error { return l.do("mv %s %s", from, to) }
func (l *lftp) remove(file string) error     { return l.do("rm %s", file) }
func (l *lftp) makeDir(dir string) error     { return l.do("mkdir %s", dir) }
func (l *lftp) removeDir(dir string) error   { return l.do("rmdir %s", dir) }
func (l *lftp) trace() string                { return l.said.String() }

func (l *lftp) do(format string, paths ...string) error {
	_, err := l.run(format, paths...)
	return err
}

// run opens a session for one command, whose %s are quoted paths.
func (l *lftp) run(format string, paths ...string) (string, error) {
	quoted := make([]any, len(paths))
	for i, p := range paths {
		quoted[i] = lftpQuote(p)
	}
	script := append(l.settings(), l.open(), fmt.Sprintf(format, quoted...))
	out, err := runClient(l.t, l.scratch, &l.said, "lftp", "--norc", "-c", strings.Join(script, "; "))
	return string(out), err
}

func (l *lftp) settings() []string {
	settings := []string{
		"debug 9",
		"set cmd:fail-exit yes",
		"set net:max-retries 1",
		"set net:timeout 20",
		"set xfer:clobber yes",
		"set ssl:ca-file " + lftpQuote(suite.tls.ca),
		fmt.Sprintf("set ftp:passive-mode %v", l.mode.passive()),
		fmt.Sprintf("set ftp:prefer-epsv %v", l.mode == epsv),
	}
	if l.security == plain {
		return append(settings, "set ftp:ssl-allow no")
	}
	return append(settings, "set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ftp:ssl-protect-list yes")
}

func (l *lftp) open() string {
	scheme := "ftp"
	if l.security == implicit {
		scheme = "ftps"
	}
	return fmt.Sprintf("open --user %s --password %s %s://%s",
		lftpQuote(l.user), lftpQuote(l.password), scheme, l.address())
}

// lftpQuote makes s one word of an lftp script.
func lftpQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
