//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// overSocket talks to the admin interface on a unix socket.
func overSocket(path string) *http.Client {
	return &http.Client{Timeout: rawTimeout, Transport: &http.Transport{ExpectContinueTimeout: rawTimeout, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
}

func request(t *testing.T, client *http.Client, method, url, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// The operator sees a transfer, ends it, reloads and drains, over a socket that
// the server has made as its own user and in its sandbox.
func TestOperateOverASocket(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	socket := filepath.Join(s.home, "admin.sock") // where the server's user may write
	s.set("admin", map[string]any{"address": "unix:" + socket, "pprof": true})
	p := s.start()
	file := s.configFile()
	portico := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := runPortico(t, suite.identity, append(args, "--config", file)...)
		if code != want {
			t.Errorf("portico %s: exit code %d, want %d: %s%s", strings.Join(args, " "), code, want, out, errs)
		}
		return out + errs
	}
	client := overSocket(socket)
	eventually(t, startTimeout, "the server is ready", func() bool {
		status, _ := request(t, client, "GET", "http://portico/readyz", "", "")
		return status == 200
	})

	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/upload.txt")
	if _, err := io.WriteString(conn, "ten bytes!"); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Sessions []struct {
			ID       uint64
			User     string
			Transfer struct {
				Path  string
				Bytes int
			}
		}
	}
	eventually(t, rawTimeout, "the upload is seen", func() bool {
		if err := json.Unmarshal([]byte(portico(0, "sessions", "--json", "--user", userName)), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Sessions) == 1 && list.Sessions[0].Transfer.Bytes == 10
	})
	if got := list.Sessions[0]; got.User != userName || got.Transfer.Path != "/upload.txt" {
		t.Errorf("got %+v", got)
	}
	if out := portico(0, "status"); !strings.Contains(out, "1 running") || !strings.Contains(out, "ready") {
		t.Errorf("status says\n%s", out)
	}
	if out := portico(0, "ports"); !strings.Contains(out, "CONNECTED") {
		t.Errorf("ports says\n%s", out)
	}
	if out := portico(1, "top"); !strings.Contains(out, "no terminal") {
		t.Errorf("top says\n%s", out)
	}
	status, metrics := request(t, client, "GET", "http://portico/metrics", "", "")
	for _, want := range []string{`portico_transfer_bytes_total{direction="upload"} 10`, "portico_transfers_running 1", "portico_ready 1", "process_open_fds ", `portico_logins_total{method="password",result="ok"} 1`} {
		if status != 200 || !strings.Contains(metrics, want) {
			t.Errorf("got %d, and no %q in the metrics", status, want)
		}
	}
	if status, _ := request(t, client, "GET", "http://portico/debug/pprof/goroutine", "", ""); status != 200 {
		t.Errorf("a profile: got %d", status)
	}

	id := fmt.Sprint(list.Sessions[0].ID)
	if out := portico(0, "kick", id); !strings.Contains(out, "ended") {
		t.Errorf("kick says\n%s", out)
	}
	if out := portico(1, "kick", id); !strings.Contains(out, "no session "+id) {
		t.Errorf("kick of one that has ended says\n%s", out)
	}
	eventually(t, rawTimeout, "the session is gone", func() bool { return strings.Contains(portico(0, "sessions"), "no sessions") })

	s.set("banner", "reloaded")
	s.rewrite(t, file)
	if status, body := request(t, client, "POST", "http://portico/api/v1/reload", "", ""); status != 200 {
		t.Errorf("reload: got %d: %s", status, body)
	}
	s.set("nonsense", true)
	s.rewrite(t, file)
	if status, body := request(t, client, "POST", "http://portico/api/v1/reload", "", ""); status != 422 || !strings.Contains(body, "nonsense") {
		t.Errorf("a reload of nonsense: got %d: %s", status, body)
	}
	if status, _ := request(t, client, "POST", "http://portico/api/v1/bans", "", strings.Repeat("x", 10<<20)); status != 413 {
		t.Errorf("a body of 10 MiB: got %d, want 413", status)
	}
	if status, _ := request(t, client, "POST", "http://portico/api/v1/drain", "", ""); status != 202 {
		t.Errorf("drain: got %d, want 202", status)
	}
	if code := p.exitCode(t, stopTimeout); code != 0 {
		t.Errorf("exit code %d after drain, want 0", code)
	}
	if out := portico(1, "status"); !strings.Contains(out, "nonsense") && !strings.Contains(out, "is the server running") {
		t.Errorf("status of a server that has ended says\n%s", out)
	}
}

// Load balancers hear that a server drains, for as long as it does.
func TestReadinessWhileDraining(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	socket := filepath.Join(s.home, "admin.sock")
	s.set("admin.address", "unix:"+socket)
	p := s.start()
	client := overSocket(socket)
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/upload.txt")
	p.signal(t, syscall.SIGTERM)
	eventually(t, rawTimeout, "the server is not ready any more", func() bool {
		status, _ := request(t, client, "GET", "http://portico/readyz", "", "")
		return status == 503
	})
	if status, _ := request(t, client, "GET", "http://portico/healthz", "", ""); status != 200 {
		t.Errorf("healthz: got %d, want 200", status)
	}
	_ = conn.Close()
	r.expect(226)
	if code := p.exitCode(t, stopTimeout); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// Tokens are asked for, limited, and kept out of the log.
func TestTokensOfTheAdminInterface(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	address := fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first)
	reads, administers := "reads-0123456789abcdef", "administers-0123456789abcdef"
	s.set("admin", map[string]any{"address": address, "tokens": []any{
		map[string]any{"name": "r", "token": reads}, map[string]any{"name": "a", "token": administers, "role": "admin"},
	}})
	p := s.start()
	client := &http.Client{Timeout: rawTimeout, Transport: &http.Transport{ExpectContinueTimeout: time.Second}}
	url := "http://" + address + "/api/v1/"
	for _, test := range []struct {
		token, method, path string
		want                int
	}{
		{"", "GET", "status", 401}, {reads, "GET", "status", 200}, {reads, "GET", "log", 403}, {reads, "POST", "drain", 403},
		{administers, "GET", "log", 200}, {administers, "POST", "sessions/77/kick", 404},
	} {
		if status, body := request(t, client, test.method, url+test.path, test.token, ""); status != test.want {
			t.Errorf("%s %s with %q: got %d, want %d: %s", test.method, test.path, test.token, status, test.want, body)
		}
	}
	if code, out, errs := runPortico(t, suite.identity, "status", "--config", s.configFile()); code != 0 {
		t.Errorf("status with the token of the configuration: %s%s", out, errs)
	}
	if code, _, errs := runPortico(t, suite.identity, "status", "--admin", address); code != 1 || !strings.Contains(errs, "PORTICO_ADMIN_TOKEN") {
		t.Errorf("status without a token: exit code %d: %s", code, errs)
	}
	for range 10 {
		request(t, client, "GET", url+"status", "guess", "")
	}
	if status, _ := request(t, client, "GET", url+"status", administers, ""); status != 429 {
		t.Errorf("after ten guesses: got %d, want 429", status)
	}
	for _, secret := range []string{reads, administers, "guess"} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
