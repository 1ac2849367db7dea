//go:build unix

package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const (
	accountSecret = "a-secret-of-who-may-log-in"
	accountToken  = "t0ken-of-who-may-log-in"
)

// question is what the tests look at of what the server asks.
type question struct {
	User, Password, Method, Client, Local string
	TLS                                   *struct{ Version string }
}

// accountServer is a web server, over TLS, that knows erin. It can be taken away
// and come back at the same address.
type accountServer struct {
	t       *testing.T
	address string
	home    string // of erin
	server  *http.Server
	leaving chan struct{} // closed when the server is stopped

	mu    sync.Mutex // guards what follows
	bad   http.HandlerFunc
	asked []question
}

// accountSite has, beside the user of every site, erin, whom a web server knows.
func accountSite(t *testing.T) (*site, *accountServer) {
	t.Helper()
	s := newSite(t)
	a := &accountServer{t: t, address: fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first), home: filepath.Join(s.dir, "erin")}
	if err := os.Mkdir(a.home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := suite.identity.own(s.dir); err != nil {
		t.Fatal(err)
	}
	s.set("quota_file", filepath.Join(s.dir, "quota.db"))
	s.set("groups", []any{map[string]any{"name": "writers", "permissions": []any{"list", "read", "write"}}})
	s.set("sandbox_allow.write", []any{s.dir})
	s.set("auth.http", map[string]any{
		"url": "https://" + a.address + "/login", "secret": accountSecret, "token": accountToken, "ca": suite.tls.ca, "timeout": "10s",
	})
	t.Cleanup(a.stop)
	a.start()
	return s, a
}

func (a *accountServer) start() {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(suite.tls.certificate, suite.tls.key)
	if err != nil {
		a.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	a.server, a.leaving = &http.Server{Handler: a}, make(chan struct{})
	a.server.ErrorLog = log.New(io.Discard, "", 0)
	go a.server.Serve(tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}}))
}

func (a *accountServer) stop() {
	if a.server != nil {
		close(a.leaving)
		_ = a.server.Close()
	}
	a.server = nil
}

// answers has the next questions answered badly, nil for well again.
func (a *accountServer) answers(bad http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bad = bad
}

func (a *accountServer) questions() []question {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]question(nil), a.asked...)
}

// ServeHTTP checks the signature in the way that the documentation tells.
func (a *accountServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method == http.MethodHead {
		return
	}
	mac := hmac.New(sha256.New, []byte(accountSecret))
	fmt.Fprintf(mac, "%s.%s", r.Header.Get("X-Portico-Timestamp"), body)
	if r.Header.Get("X-Portico-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) || r.Header.Get("Authorization") != "Bearer "+accountToken {
		a.t.Errorf("a question is not signed well: %v", r.Header)
	}
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		a.t.Errorf("%v in %s", err, body)
	}
	a.mu.Lock()
	a.asked = append(a.asked, q)
	bad := a.bad
	a.mu.Unlock()
	if bad != nil {
		bad(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case q.User != "erin":
		w.WriteHeader(http.StatusNotFound)
	case q.Password != suite.password:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{
			"name": "erin", "home": a.home, "groups": []string{"writers"}, "quota": map[string]any{"bytes": 1 << 20}, "networks": []string{"127.0.0.0/8"},
		})
	}
}

func TestHTTPAccounts(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s, a := accountSite(t)
	p := s.start()
	to := s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())
	to.user = "erin"
	erin := &curl{t: t, endpoint: to}
	small, large := newSample(t, 100_000), newSample(t, 1<<20)
	if err := erin.put(small.path, "/file"); err != nil {
		t.Errorf("erin may write: %v\n%s", err, erin.trace())
	}
	small.check(t, "erin's file", filepath.Join(a.home, "file"))
	if err := erin.put(large.path, "/large"); err == nil || !strings.Contains(erin.trace(), "552 ") {
		t.Errorf("erin's quota is 1 MiB: %v\n%s", err, erin.trace())
	}
	if err := erin.remove("/file"); err == nil {
		t.Error("erin may not delete")
	}
	for _, name := range []string{"eve", `erin","method":"certificate`, strings.Repeat("x", 3000), "\xc3\x28"} {
		if s.logsIn(name, suite.password) {
			t.Errorf("%q gets in", name)
		}
	}
	if s.logsIn("erin", wrongPassword) || s.logsIn("erin", "") {
		t.Error("erin gets in with a wrong password")
	}
	questions := a.questions()
	if len(questions) == 0 {
		t.Fatal("nothing was asked")
	}
	if q := questions[0]; q.User != "erin" || q.Password != suite.password || q.Method != "password" || !strings.HasPrefix(q.Client, "127.0.0.1:") ||
		q.Local != s.controlAddress() || q.TLS == nil || !strings.HasPrefix(q.TLS.Version, "TLS 1.") {
		t.Errorf("asked %+v", q)
	}
	for _, q := range questions {
		if q.User == userName || q.Password == "" {
			t.Errorf("asked %+v, which is nothing to ask", q)
		}
	}
	if said := p.log.String(); strings.Contains(said, accountSecret) || strings.Contains(said, accountToken) {
		t.Error("the server's log contains the secret or the token")
	}
}

// Whatever the web server does but answer, nobody of it gets in, and everybody
// before it does.
func TestHTTPAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	s, a := accountSite(t)
	s.set("auth.http.timeout", "3s")
	s.start()
	account := fmt.Sprintf(`{"name": "erin", "home": %q}`, a.home)
	says := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const asJSON = "application/json"
	for name, bad := range map[string]http.HandlerFunc{
		"garbage": says(200, asJSON, "\x00garbage"),
		"half":    says(200, asJSON, account[:len(account)-1]),
		"10 MiB":  says(200, asJSON, account+strings.Repeat(" ", 10<<20)),
		"a page":  says(200, "text/html", account),
		"500":     says(500, asJSON, account),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/login", http.StatusTemporaryRedirect)
		},
		"nothing":       func(_ http.ResponseWriter, r *http.Request) { <-a.leaving },
		"a broken line": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		a.answers(bad)
		if s.logsIn("erin", suite.password) {
			t.Errorf("%s: erin gets in", name)
		}
		if !s.logsIn(userName, suite.password) {
			t.Errorf("%s: the user of the configuration does not get in", name)
		}
	}
	a.answers(nil)
	if !s.logsIn("erin", suite.password) {
		t.Error("erin does not get in when all is well again")
	}
}

func TestHTTPServerThatGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"0s", "1h"} {
		t.Run("cache "+cache, func(t *testing.T) {
			t.Parallel()
			s, a := accountSite(t)
			s.set("auth.http.cache", cache)
			s.start()
			s.wantLogins(true)
			a.stop()
			s.wantLogins(cache != "0s")
			a.start()
			s.wantLogins(true)
		})
	}
}

func TestCheckLooksForTheAccountServer(t *testing.T) {
	t.Parallel()
	s, a := accountSite(t)
	check := func() (int, string) {
		code, said, _ := runPortico(t, suite.identity, "check", "--config", s.configFile())
		if strings.Contains(said, accountSecret) || strings.Contains(said, accountToken) {
			t.Errorf("a secret is shown:\n%s", said)
		}
		return code, said
	}
	if code, said := check(); code != 0 || !strings.Contains(said, "ok    HTTP users: https://"+a.address) {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	s.set("auth.http.ca", "")
	if code, said := check(); code != 1 || !strings.Contains(said, "certificate signed by unknown authority") {
		t.Errorf("with another authority: exit code %d:\n%s", code, said)
	}
	s.set("auth.http.ca", suite.tls.ca)
	s.set("auth.http.secret", "short")
	if code, said := check(); code != 1 || !strings.Contains(said, "auth.http.secret: has 5 characters") {
		t.Errorf("with a short secret: exit code %d:\n%s", code, said)
	}
	s.set("auth.http.secret", accountSecret)
	a.stop()
	if code, said := check(); code != 1 || !strings.Contains(said, "auth.http.url: ") {
		t.Errorf("with no server: exit code %d:\n%s", code, said)
	}
	if len(a.questions()) > 0 {
		t.Error("the check has asked about somebody")
	}
}
