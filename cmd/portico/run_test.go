package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// outcomeOf is what a command line did.
type outcomeOf struct {
	code           int
	stdout, stderr string
}

// run executes a command line in the process of the tests.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newProgram(environ, stdin, stdout, stderr).run(ctx, args)
}

// execute runs a command line that ends by itself.
func execute(t *testing.T, stdin string, environ []string, args ...string) outcomeOf {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, environ, strings.NewReader(stdin), &stdout, &stderr)
	return outcomeOf{code, stdout.String(), stderr.String()}
}

func (o outcomeOf) want(t *testing.T, code int, parts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, part := range parts {
		if !strings.Contains(o.stdout+o.stderr, part) {
			t.Errorf("the output does not say %q", part)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", o.stdout, o.stderr)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"no command prints help":  {nil, 0, "Available Commands"},
		"help":                    {[]string{"help", "serve"}, 0, "--passive-ports"},
		"version":                 {[]string{"version"}, 0, "portico "},
		"completion":              {[]string{"completion", "bash"}, 0, "portico"},
		"config alone":            {[]string{"config"}, 0, "schema"},
		"unknown command":         {[]string{"serv"}, 1, `unknown command "serv"`},
		"unknown flag":            {[]string{"serve", "--prot", "1"}, 1, "unknown flag: --prot"},
		"two directories":         {[]string{"serve", "a", "b"}, 1, "accepts at most 1 arg"},
		"a missing configuration": {[]string{"config", "show", "--config", "nowhere.yaml"}, 1, "nowhere.yaml: there is no such file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execute(t, "", nil, test.args...).want(t, test.code, test.want)
		})
	}
}

func TestConfigInitIsAccepted(t *testing.T) {
	t.Parallel()
	printed := execute(t, "", nil, "config", "init")
	printed.want(t, 0)
	file := writeFile(t, "portico.yaml", printed.stdout)
	execute(t, "", nil, "config", "show", "--config", file).want(t, 0, "ports: 21100-21199")
}

func TestConfigShowMasksSecrets(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", "users: [{name: alice, password: $6$salt$digest, home: files}]\n")
	shown := execute(t, "", []string{"PORTICO_BANNER=hello"}, "config", "show", "--config", file)
	shown.want(t, 0, "banner: hello", "********", filepath.Join(filepath.Dir(file), "files"))
	if strings.Contains(shown.stdout+shown.stderr, "digest") {
		t.Errorf("the hash is shown:\n%s", shown.stdout)
	}
}

func TestConfigSchemaIsJSON(t *testing.T) {
	t.Parallel()
	printed := execute(t, "", nil, "config", "schema")
	printed.want(t, 0, "https://json-schema.org/draft/2020-12/schema")
	if !json.Valid([]byte(printed.stdout)) {
		t.Error("the schema is not JSON")
	}
}

func TestPasswd(t *testing.T) {
	t.Parallel()
	for _, stdin := range []string{"correct horse", "correct horse\n", "correct horse\r\n"} {
		o := execute(t, stdin, nil, "passwd")
		o.want(t, 0)
		hash, isLine := strings.CutSuffix(o.stdout, "\n")
		if err := driver.CheckHash(hash); err != nil || !isLine || o.stderr != "" {
			t.Errorf("%q: got %+v, want one line with a hash alone (%v)", stdin, o, err)
		}
		authenticates(t, hash, "correct horse")
	}
	execute(t, "", nil, "passwd").want(t, 1, "no password")
	execute(t, "\n", nil, "passwd").want(t, 1, "no password")
	execute(t, "one\ntwo\n", nil, "passwd").want(t, 1, "more than one line")
}

func authenticates(t *testing.T, hash, password string) {
	t.Helper()
	users, err := driver.NewUsers([]driver.User{{
		Name: "alice", PasswordHash: hash, Home: t.TempDir(), Permissions: driver.ReadOnly,
	}}, driver.UsersOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Authenticate(context.Background(), driver.Attempt{User: "alice", Password: password}); err != nil {
		t.Errorf("the hash does not accept its password: %v", err)
	}
}

func TestRootIsRefused(t *testing.T) {
	t.Parallel()
	if err := checkUID(0, true); err != nil {
		t.Errorf("--allow-root: %v", err)
	}
	for _, uid := range []int{-1, 1000} {
		if err := checkUID(uid, false); err != nil {
			t.Errorf("user id %d: %v", uid, err)
		}
	}
	err := checkUID(0, false)
	if err == nil {
		t.Fatal("root is accepted")
	}
	for _, way := range []string{"systemd", "setpriv --reuid", "cap_net_bind_service", "ip_unprivileged_port_start", "--allow-root"} {
		if !strings.Contains(err.Error(), way) {
			t.Errorf("%q does not name %s", err, way)
		}
	}
	p := &program{uid: 0}
	if _, err := p.prepare(t.Context(), &serveFlags{directory: t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("prepare as root: %v", err)
	}
}

func TestGeneratedPasswords(t *testing.T) {
	t.Parallel()
	one, other := generatePassword(), generatePassword()
	if one == other {
		t.Error("two are alike")
	}
	if len(one) != 19 || strings.Trim(one, "abcdefghijkmnpqrstuvwxyz23456789-") != "" || len(strings.Split(one, "-")) != 4 {
		t.Errorf("%q is not four groups of readable characters", one)
	}
}

// TestStartIsRefused holds that everything that is wrong is found before
// anything listens, and named.
func TestStartIsRefused(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	file := writeFile(t, "file.txt", "")
	badUsers := writeFile(t, "bad.yaml", `
nonsense: true
users:
  - {name: alice, password: plain, home: `+directory+`}
  - {name: bob, password: plain, home: missing}
tls: {certificate: missing.pem, key: missing.pem}
`)
	users := writeFile(t, "users.yaml", "users: [{name: alice, password: '"+hashOf(t, "x")+"', home: "+directory+"}]\n")
	tests := map[string]struct {
		args []string
		want []string
	}{
		"nobody can log in":        {nil, []string{"users: is empty", "portico serve DIR"}},
		"no directory for --user":  {[]string{"--user", "a:b"}, []string{"--user and --anonymous need DIR"}},
		"a missing directory":      {[]string{filepath.Join(directory, "x")}, []string{"there is no directory"}},
		"a file":                   {[]string{file}, []string{"is not a directory"}},
		"a missing anonymous home": {[]string{filepath.Join(directory, "x"), "--anonymous"}, []string{"DIR: there is no directory"}},
		"a user without password":  {[]string{directory, "--user", "alice"}, []string{"--user, number 1: wants NAME:PASSWORD"}},
		"a user twice":             {[]string{directory, "--user", "a:b", "--user", "a:c"}, []string{"command line: users[1].name: \"a\" is also"}},
		"bad passive ports":        {[]string{directory, "--passive-ports", "9-1"}, []string{"command line: passive.ports: ports \"9-1\" run backwards"}},
		"a bad listener":           {[]string{directory, "--listen", "2121"}, []string{"command line: listeners[0].address"}},
		"a bad log level":          {[]string{directory, "--log-level", "loud"}, []string{"log.level: unknown value"}},
		"a directory for nobody":   {[]string{directory, "--config", users}, []string{"DIR would be served to nobody"}},
		"all faults at once": {[]string{"--config", badUsers}, []string{
			badUsers + ": nonsense: unknown key",
			badUsers + ": users[0].password: not a password hash",
			badUsers + ": users[1].home: there is no directory",
			badUsers + ": tls.certificate: open",
			badUsers + ": tls.key: open",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"serve", "--allow-root"}, test.args...)
			execute(t, "", nil, args...).want(t, 1, test.want...)
		})
	}
}

func hashOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := driver.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// takePort listens on a port of the loopback address until the test ends.
func takePort(t *testing.T) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// freePorts returns ports that nothing listens on at the moment.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		listener, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// valid returns a configuration with a user, for tests that change it.
func valid(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Users = []config.User{{Name: "alice", Password: config.Secret(hashOf(t, "secret")), Account: config.Account{Home: config.Path(t.TempDir())}}}
	return cfg
}
