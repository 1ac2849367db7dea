package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
)

// running is a `portico serve` that a test talks to.
type running struct {
	control string // port
	welcome string
	stderr  *lockedBuffer
	cancel  context.CancelFunc
	code    chan int
}

// startTimeout is the longest that a start or an end may take on a machine
// that is very busy.
const startTimeout = time.Minute

// start runs `portico serve` with free ports. Something else may take one of
// them before it does, so it tries again.
func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	for range 5 {
		ports := freePorts(t, 3)
		r := &running{control: ports[0], stderr: &lockedBuffer{}, code: make(chan int, 1)}
		line := append([]string{"serve", "--allow-root", "--listen", "127.0.0.1:" + ports[0], "--passive-ports", ports[1] + "," + ports[2]}, args...)
		if r.tryStart(t, environ, line) {
			return r
		}
		if !strings.Contains(r.stderr.String(), "address already in use") {
			t.Fatalf("it did not start:\n%s", r.stderr)
		}
	}
	t.Fatal("every port was taken")
	return nil
}

// tryStart waits until the welcome is complete or the command has ended.
func (r *running) tryStart(t *testing.T, environ, line []string) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	output, stdout := io.Pipe()
	go func() {
		code := run(ctx, line, environ, strings.NewReader(""), stdout, r.stderr)
		stdout.Close()
		r.code <- code
	}()
	welcome := make(chan string, 1)
	go func() {
		text, complete := readUntil(output, "\n\nOpen in the firewall: ")
		if complete {
			welcome <- text
		}
		close(welcome)
		io.Copy(io.Discard, output)
	}()
	select {
	case text, ok := <-welcome:
		r.welcome = text
		if !ok {
			cancel()
			return false
		}
	case <-time.After(startTimeout):
		t.Fatalf("it neither started nor ended:\n%s", r.stderr)
	}
	t.Cleanup(cancel)
	return true
}

// readUntil reads the line that mark is in to its end, too.
func readUntil(from io.Reader, mark string) (string, bool) {
	var text []byte
	buffer := make([]byte, 1024)
	for {
		n, err := from.Read(buffer)
		text = append(text, buffer[:n]...)
		if _, after, found := bytes.Cut(text, []byte(mark)); found && bytes.Contains(after, []byte("\n")) {
			return string(text), true
		}
		if err != nil {
			return string(text), false
		}
	}
}

// stop does what a signal does and returns the exit code.
func (r *running) stop(t *testing.T) int {
	t.Helper()
	r.cancel()
	select {
	case code := <-r.code:
		return code
	case <-time.After(startTimeout):
		t.Fatalf("it does not stop:\n%s", r.stderr)
		return -1
	}
}

func (r *running) login(t *testing.T, user, password string, options ...ftp.DialOption) (*ftp.ServerConn, error) {
	t.Helper()
	options = append(options, ftp.DialWithTimeout(startTimeout))
	client, err := ftp.Dial("127.0.0.1:"+r.control, options...)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.stderr)
	}
	t.Cleanup(func() { client.Quit() })
	return client, client.Login(user, password)
}

func (r *running) password(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`password +(\S+)`).FindStringSubmatch(r.welcome)
	if found == nil {
		t.Fatalf("no password is printed:\n%s", r.welcome)
	}
	return found[1]
}

func TestServeDirectory(t *testing.T) {
	t.Parallel()
	r := start(t, nil, t.TempDir())
	password := r.password(t)
	for _, want := range []string{
		"curl -T FILE --user 'ftp:" + password + "' ftp://127.0.0.1:" + r.control + "/\n",
		"curl -O --user 'ftp:" + password + "' ftp://127.0.0.1:" + r.control + "/FILE\n",
		"Open in the firewall: TCP " + r.control + " (control) and TCP ",
	} {
		if !strings.Contains(r.welcome, want) {
			t.Errorf("the welcome lacks %q:\n%s", want, r.welcome)
		}
	}
	if _, err := r.login(t, "ftp", "wrong"); err == nil {
		t.Error("a wrong password is accepted")
	}
	client, err := r.login(t, "ftp", password)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, client)
	if err := client.Quit(); err != nil {
		t.Error(err)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if log := r.stderr.String(); strings.Contains(log, password) || !strings.Contains(log, "stopped") {
		t.Errorf("the log has the password, or not the end:\n%s", log)
	}
}

func roundTrip(t *testing.T, client *ftp.ServerConn) {
	t.Helper()
	if err := client.Stor("hello.txt", strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	if got := retrieve(t, client, "hello.txt"); got != "hello" {
		t.Errorf("got %q back", got)
	}
}

func retrieve(t *testing.T, client *ftp.ServerConn, name string) string {
	t.Helper()
	response, err := client.Retr(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response)
	if err := errors.Join(err, response.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestServeWithSelfSignedCertificate(t *testing.T) {
	t.Parallel()
	r := start(t, []string{"PORTICO_TLS_REQUIRE=login"}, t.TempDir(), "--tls-self-signed", "--user", "alice:secret")
	if want := "curl -T FILE --ssl-reqd -k --user 'alice' ftp://"; !strings.Contains(r.welcome, want) || strings.Contains(r.welcome, "secret") {
		t.Errorf("the welcome lacks %q, or shows the password:\n%s", want, r.welcome)
	}
	if _, err := r.login(t, "alice", "secret"); err == nil {
		t.Error("a login in clear is accepted")
	}
	client, err := r.login(t, "alice", "secret", ftp.DialWithExplicitTLS(&tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(4)}))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, client)
}

func TestServeReadOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args           []string
		user, password string
	}{
		"users":     {[]string{"--user", "alice:secret", "--read-only"}, "alice", "secret"},
		"anonymous": {[]string{"--anonymous"}, "anonymous", "me@example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil, append(test.args, t.TempDir())...)
			if strings.Contains(r.welcome, "upload") {
				t.Errorf("an upload is offered:\n%s", r.welcome)
			}
			client, err := r.login(t, test.user, test.password)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.List("/"); err != nil {
				t.Errorf("list: %v", err)
			}
			if err := client.Stor("x", strings.NewReader("x")); err == nil {
				t.Error("an upload is accepted")
			}
		})
	}
}

// TestDrainTimeout holds that a transfer that does not end delays the end of
// the server no longer than drain.timeout.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	r := start(t, []string{"PORTICO_DRAIN_TIMEOUT=10ms"}, t.TempDir())
	client, err := r.login(t, "ftp", r.password(t))
	if err != nil {
		t.Fatal(err)
	}
	endless, feed := io.Pipe()
	uploaded := make(chan error, 1)
	go func() { uploaded <- client.Stor("endless", endless) }()
	if _, err := feed.Write([]byte("the transfer runs")); err != nil {
		t.Fatal(err)
	}
	if code := r.stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(r.stderr.String(), "drain.timeout is over") {
		t.Errorf("the log does not tell:\n%s", r.stderr)
	}
	feed.Close()
	if err := <-uploaded; err == nil {
		t.Error("the client believes that the upload is complete")
	}
}

func TestTakenPortsStopTheStart(t *testing.T) {
	t.Parallel()
	control, passive := takePort(t), takePort(t)
	o := execute(t, "", nil, "serve", "--allow-root", t.TempDir(), "--listen", "127.0.0.1:"+control, "--passive-ports", passive)
	o.want(t, 1,
		"command line: listeners[0].address: cannot listen on 127.0.0.1:"+control,
		"change listeners[0].address (--listen)",
		"command line: passive.ports: bind passive port "+passive,
		"(--passive-ports)")
	if o.stdout != "" {
		t.Errorf("a welcome is printed:\n%s", o.stdout)
	}
}

func TestAnAddressOfAnotherMachineStopsTheStart(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	execute(t, "", nil, "serve", "--allow-root", t.TempDir(), "--listen", "192.0.2.1:"+ports[0], "--passive-ports", ports[1]).
		want(t, 1, "listeners[0].address", "this machine has no such address")
}

// lockedBuffer is a buffer that a server writes while a test reads.
type lockedBuffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
