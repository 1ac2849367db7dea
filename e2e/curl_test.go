//go:build unix

package e2e

import (
	"bytes"
	"io"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestCurl(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	ways := routes([]mode{pasv, epsv}, []security{plain, explicit, implicit})
	ways = append(ways, routes([]mode{port, eprt}, curlActiveSecurities())...)
	exerciseAll(t, ways, func(t *testing.T, e endpoint) client { return &curl{t: t, endpoint: e} })
}

// curlActiveSecurities leaves out what curl itself cannot do: from 7.87 to 7.88
// it sends the data of an encrypted active transfer in clear.
func curlActiveSecurities() []security {
	if curlBreaksActiveTLS() {
		return []security{plain}
	}
	return []security{plain, explicit, implicit}
}

func curlBreaksActiveTLS() bool {
	out, err := exec.Command("curl", "--version").Output()
	return err == nil && regexp.MustCompile(`^curl 7\.8[78]\.`).Match(out)
}

// curl opens a session for each call.
type curl struct {
	t *testing.T
	endpoint
	said bytes.Buffer
}

func (c *curl) put(local, remote string) error {
	_, err := c.run("-T", local, c.url(remote))
	return err
}

func (c *curl) get(remote, local string) error {
	_, err := c.run("-o", local, c.url(remote))
	return err
}

func (c *curl) resumePut(local, remote string) error {
	_, err := c.run("-C", "-", "-T", local, c.url(remote))
	return err
}

func (c *curl) resumeGet(remote, local string) error {
	_, err := c.run("-C", "-", "-o", local, c.url(remote))
	return err
}

func (c *curl) list(dir string) (string, error) {
	out, err := c.run(c.url(dir) + "/")
	return string(out), err
}

func (c *curl) names(dir string) ([]string, error) {
	out, err := c.run("-l", c.url(dir)+"/")
	return baseNames(string(out)), err
}

func (c *curl) facts(dir string) ([]string, error) {
	out, err := c.run("-X", "MLSD", c.url(dir)+"/")
	return factNames(string(out)), err
}

func (c *curl) rename(from, to string) error { return c.command("RNFR "+from, "RNTO "+to) }
func (c *curl) remove(file string) error     { return c.command("DELE " + file) }
func (c *curl) makeDir(dir string) error     { return c.command("MKD " + dir) }
func (c *curl) removeDir(dir string) error   { return c.command("RMD " + dir) }
func (c *curl) trace() string                { return c.said.String() }

// command sends FTP commands and opens no data connection.
func (c *curl) command(lines ...string) error {
	args := []string{"--head"}
	for _, line := range lines {
		args = append(args, "--quote", line)
	}
	_, err := c.run(append(args, c.url(""))...)
	return err
}

func (c *curl) run(args ...string) ([]byte, error) {
	args = append(append([]string{"--disable"}, c.options()...), args...)
	return runClient(c.t, c.scratch, &c.said, "curl", args...)
}

// options are what curl is told about every transfer, again after each --next.
func (c *curl) options() []string {
	options := []string{
		"--silent", "--show-error", "--verbose", "--globoff", "--path-as-is",
		"--connect-timeout", "10", "--max-time", "80",
		"--cacert", suite.tls.ca, "--user", c.user + ":" + c.password,
	}
	switch c.mode {
	case pasv:
		options = append(options, "--disable-epsv")
	case port:
		options = append(options, "--ftp-port", "-", "--disable-eprt")
	case eprt:
		options = append(options, "--ftp-port", "-")
	}
	if c.security != plain {
		options = append(options, "--ssl-reqd")
	}
	return options
}

func (c *curl) url(remote string) string {
	scheme := "ftp"
	if c.security == implicit {
		scheme = "ftps"
	}
	parts := strings.Split(remote, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return scheme + "://" + c.address() + strings.Join(parts, "/")
}

// baseNames reads the lines of NLST, which some servers print with their
// directory.
func baseNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		names = append(names, path.Base(strings.TrimRight(line, "\r\n")))
	}
	return names
}

// factNames reads the lines of MLSD, RFC 3659 §7.2, less the directory itself
// and its parent.
func factNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		facts, name, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if lower := strings.ToLower(facts); strings.Contains(lower, "type=cdir") || strings.Contains(lower, "type=pdir") {
			continue
		}
		names = append(names, name)
	}
	return names
}

// TestPastedCurl follows what portico serve DIR tells a newcomer to do.
func TestPastedCurl(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s := newSite(t)
	p := startProcess(t, "serve", s.home, "--listen", s.controlAddress(), "--passive-ports", s.passive.String())
	p.awaitGreeting(t, s.controlAddress())
	p.awaitLog(t, "Open in the firewall: ") // the end of the welcome
	login := pastedLogin(t, p.log.String())

	file := newSample(t, 100_000)
	dir := t.TempDir()
	address := "ftp://" + s.controlAddress() + "/round%20trip.bin"
	if _, err := runClient(t, dir, io.Discard, "curl", "-sS", "-T", file.path, "--user", login, address); err != nil {
		t.Fatal(err)
	}
	if _, err := runClient(t, dir, io.Discard, "curl", "-sS", "-o", dir+"/back", "--user", login, address); err != nil {
		t.Fatal(err)
	}
	file.check(t, "file that went there and back", dir+"/back")
}
