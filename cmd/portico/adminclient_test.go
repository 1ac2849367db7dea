package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-ftp/portico/config"
)

// answering is an admin interface that answers everything so. Parallel tests may
// share it: it keeps the latest request alone.
func answering(t *testing.T, status int, body string) (url string, latest *atomic.Pointer[http.Request]) {
	t.Helper()
	latest = new(atomic.Pointer[http.Request])
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		latest.Store(r)
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL, latest
}

func TestAdminCommandsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	refusing, _ := answering(t, 401, `{"detail":"A token is required."}`)
	weak, _ := answering(t, 403, `{"detail":"This takes the role admin."}`)
	foreign, _ := answering(t, 200, `<html>`)
	for name, test := range map[string]struct {
		environ, args []string
		want          string
	}{
		"off":                      {nil, []string{"status", "--config", write("off.yaml", "banner: hi\n")}, "set admin.address"},
		"no configuration":         {nil, []string{"sessions"}, "set admin.address"},
		"nobody listens":           {nil, []string{"status", "--admin", "unix:" + filepath.Join(dir, "none")}, "is the server running"},
		"nobody at the address":    {[]string{"PORTICO_ADMIN_ADDRESS=unix:" + filepath.Join(dir, "none")}, []string{"ports"}, "is the server running"},
		"no address":               {nil, []string{"ports", "--admin", "ftp://x"}, "is no address"},
		"no token":                 {nil, []string{"status", "--admin", refusing}, "Set PORTICO_ADMIN_TOKEN"},
		"wrong token":              {[]string{"PORTICO_ADMIN_TOKEN=wrong"}, []string{"status", "--admin", refusing}, "is not one of the server's"},
		"weak token":               {[]string{"PORTICO_ADMIN_TOKEN=weak"}, []string{"kick", "1", "--admin", weak}, "role admin"},
		"not Portico":              {nil, []string{"status", "--admin", foreign}, "does not answer as Portico's"},
		"an id that is none":       {nil, []string{"kick", "1x", "--admin", refusing}, "is no id"},
		"no ids":                   {nil, []string{"kick"}, "requires at least 1 arg"},
		"no terminal":              {nil, []string{"top", "--admin", foreign}, "no terminal"},
		"missing authority":        {nil, []string{"status", "--admin", "https://127.0.0.1:1", "--ca", filepath.Join(dir, "none")}, "--ca"},
		"empty authority":          {nil, []string{"status", "--admin", "https://127.0.0.1:1", "--ca", write("empty.pem", "")}, "holds no certificate"},
		"certificate alone":        {nil, []string{"status", "--admin", "https://127.0.0.1:1", "--cert", write("c.pem", "")}, "--cert and --key"},
		"token that is unreadable": {nil, []string{"status", "--config", write("t.yaml", "admin: {address: \"127.0.0.1:1\", tokens: [{name: a, token_file: nowhere}]}\n")}, "set PORTICO_ADMIN_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, "", test.environ, test.args...)
			if o.code == 0 || !strings.Contains(o.stderr, test.want) {
				t.Errorf("got exit code %d and %q, want %q", o.code, o.stderr, test.want)
			}
			if strings.Contains(o.stderr, "wrong\"") {
				t.Errorf("the token is shown: %s", o.stderr)
			}
		})
	}
}

func TestAdminCommandsSendTheToken(t *testing.T) {
	t.Parallel()
	url, latest := answering(t, 200, `{"sessions":[],"total":0}`)
	if o := execute(t, "", []string{"PORTICO_ADMIN_TOKEN=secret"}, "sessions", "--admin", url+"/", "--user", "a&b=c"); o.code != 0 || o.stdout != "no sessions\n" {
		t.Fatalf("got %+v", o)
	}
	r := latest.Load()
	if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != "/api/v1/sessions" || r.URL.Query().Get("user") != "a&b=c" {
		t.Errorf("got %v with %v", r.URL, r.Header)
	}
}

func TestTokenThatAllowsMost(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Admin.Tokens = []config.AdminToken{{Name: "r", Token: "reads", Role: "read"}, {Name: "a", Token: "administers", Role: "admin"}, {Name: "b", Token: "another", Role: "admin"}}
	if got, err := tokenOf(cfg); err != nil || got != "administers" {
		t.Errorf("got %q and %v", got, err)
	}
	cfg.Admin.Tokens = cfg.Admin.Tokens[:1]
	if got, err := tokenOf(cfg); err != nil || got != "reads" {
		t.Errorf("got %q and %v", got, err)
	}
}

func TestAddressOfAConfiguration(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:9090": "http://127.0.0.1:9090", "0.0.0.0:9090": "http://127.0.0.1:9090", ":9090": "http://127.0.0.1:9090",
		"[::1]:9090": "http://[::1]:9090", "[::]:9090": "http://127.0.0.1:9090", "unix:/run/a.sock": "unix:/run/a.sock", "host.example:1": "http://host.example:1",
	} {
		cfg := config.Default()
		cfg.Admin.Address = address
		if got, err := addressOf(cfg); err != nil || got != want {
			t.Errorf("%s: got %q and %v, want %q", address, got, err, want)
		}
	}
}

func TestReloadWhileTheServerEnds(t *testing.T) {
	t.Parallel()
	a := &administration{asked: make(chan chan<- error)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.reload(ctx); err == nil {
		t.Error("a server that is not ready reloads")
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 3*time.Hour + 5*time.Minute: "3h05m", 49 * time.Hour: "2d1h",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 5 << 30: "5.0 GiB", 1<<64 - 1: "16.0 EiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestStaleSockets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	first, err := listenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got the mode %v and %v, want 0660", info.Mode(), err)
	}
	if _, err := listenUnix(path); err == nil || !strings.Contains(err.Error(), "another process answers") {
		t.Errorf("got %v for a socket in use", err)
	}
	first.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	first.Close() // as a process that was killed
	second, err := listenUnix(path)
	if err != nil {
		t.Fatalf("a socket that was left behind is in the way: %v", err)
	}
	second.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenUnix(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v for a file", err)
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Error("the file is gone")
	}
	if _, err := listenUnix(filepath.Join(dir, "no", "directory")); err == nil {
		t.Error("a socket in no directory")
	}
}
