package admin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/server/admin"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, test := range []struct {
		token, method, path string
		want                int
	}{
		{"", "GET", "/api/v1/status", 401}, {"", "GET", "/metrics", 401}, {"", "GET", "/debug/pprof/", 401}, {"", "POST", "/api/v1/drain", 401},
		{"", "GET", "/api/v1/nowhere", 401}, {"", "GET", "/nowhere", 404},
		{readToken, "GET", "/api/v1/status", 200}, {readToken, "GET", "/metrics", 200}, {readToken, "GET", "/debug/pprof/", 403},
		{readToken, "GET", "/api/v1/log", 403}, {readToken, "POST", "/api/v1/drain", 403}, {readToken, "POST", "/api/v1/sessions/1/kick", 403},
		{readToken, "DELETE", "/api/v1/bans?network=192.0.2.1", 403}, {readToken, "GET", "/api/v1/nowhere", 404},
		{adminToken, "GET", "/api/v1/log", 200}, {adminToken, "GET", "/debug/pprof/heap", 200}, {adminToken, "POST", "/api/v1/drain", 202},
		{adminToken, "PUT", "/api/v1/status", 404}, {adminToken, "POST", "/metrics", 404},
	} {
		s.token = test.token
		s.expect(test.want, test.method, test.path, "")
	}
}

func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer  " + adminToken, adminToken, "Basic " + adminToken, "Bearer x", "Bearer " + adminToken + "x"} {
		s.token = ""
		r := s.request("GET", "/api/v1/status", "")
		r.Header.Set("Authorization", header)
		status, body, got := s.do(r)
		if status != 401 || got.Get("WWW-Authenticate") == "" {
			t.Errorf("%q: got %d, want 401", header, status)
		}
		if strings.Contains(body, adminToken) {
			t.Errorf("%q: the answer holds the token", header)
		}
	}
	r := s.request("GET", "/api/v1/status", "")
	r.Header.Set("Authorization", "bearer "+readToken) // the scheme's case does not matter
	if status, _, _ := s.do(r); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
}

func TestGuessesAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for i := range 10 {
		s.token = "guess"
		if status, _, _ := s.do(s.request("GET", "/api/v1/status", "")); status != 401 {
			t.Fatalf("guess %d: got %d, want 401", i, status)
		}
	}
	for _, token := range []string{"guess", adminToken} { // the right one would tell that it is
		s.token = token
		status, _, header := s.do(s.request("GET", "/api/v1/status", ""))
		if status != 429 || header.Get("Retry-After") == "" {
			t.Errorf("%s: got %d, want 429", token, status)
		}
	}
	s.token = ""
	s.expect(200, "GET", "/healthz", "")
	for _, e := range s.log.After(0, 100) {
		if strings.Contains(string(e.Fields), "guess\"") {
			t.Errorf("the log holds a token: %s", e.Fields)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, opts := range map[string]admin.Options{
		"no server":    {},
		"empty secret": {Server: s.ftp, Tokens: []admin.Token{{Name: "a", Role: admin.RoleAdmin}}},
		"no role":      {Server: s.ftp, Tokens: []admin.Token{{Name: "a", Secret: "x"}}},
	} {
		if _, err := admin.New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	open, err := admin.New(admin.Options{Server: s.ftp})
	if err != nil {
		t.Fatal(err)
	}
	withTokens, err := admin.New(admin.Options{Server: s.ftp, Tokens: []admin.Token{{Name: "a", Secret: "x", Role: admin.RoleRead}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*admin.Admin{open, withTokens} {
		listener, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Serve(listener); err == nil || errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v for an address that others reach, want a refusal", err)
		}
		if _, err := listener.Accept(); err == nil {
			t.Error("the listener is still open")
		}
	}
}

// TestOtherPages keeps pages of others from using a browser that can connect.
func TestOtherPages(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *admin.Options) { o.Tokens = nil })
	s.token = ""
	s.expect(200, "GET", "/api/v1/status", "")
	for name, test := range map[string]struct {
		change func(*http.Request)
		method string
		want   int
	}{
		"rebinding":             {func(r *http.Request) { r.Host = "evil.example:80" }, "GET", 403},
		"rebinding to a change": {func(r *http.Request) { r.Host = "evil.example" }, "POST", 403},
		"localhost":             {func(r *http.Request) { r.Host = "localhost:9090" }, "GET", 200},
		"IPv6":                  {func(r *http.Request) { r.Host = "[::1]:9090" }, "GET", 200},
		"other origin":          {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, "POST", 403},
		"cross-site":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, "POST", 403},
		"same-site":             {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, "DELETE", 403},
		"form":                  {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, "POST", 415},
		"text":                  {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "POST", 415},
		"no type":               {func(r *http.Request) { r.Header.Del("Content-Type") }, "POST", 415},
		"own page":              {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, "POST", 202},
		"preflight":             {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, "OPTIONS", 404},
	} {
		path := map[string]string{"GET": "/api/v1/status", "POST": "/api/v1/drain", "DELETE": "/api/v1/bans?network=192.0.2.1", "OPTIONS": "/api/v1/drain"}[test.method]
		r := s.request(test.method, path, "")
		test.change(r)
		status, body, header := s.do(r)
		if status != test.want {
			t.Errorf("%s: got %d, want %d: %s", name, status, test.want, body)
		}
		for header := range header {
			if strings.HasPrefix(header, "Access-Control-") {
				t.Errorf("%s: the answer has %s", name, header)
			}
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Content-Security-Policy") == "" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer lacks headers: %v", name, header)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	large := strings.Repeat("x", 10<<20)
	for _, path := range []string{"/api/v1/bans", "/api/v1/sessions/1/kick", "/api/v1/reload", "/api/v1/drain"} {
		if got := tooLarge(s, path, strings.NewReader(large)); got != 413 {
			t.Errorf("%s: got %d, want 413", path, got)
		}
		// Without a Content-Length only reading shows how long it is.
		if got := tooLarge(s, path, io.MultiReader(strings.NewReader(large))); got != 413 {
			t.Errorf("%s in chunks: got %d, want 413", path, got)
		}
	}
	s.expect(400, "POST", "/api/v1/bans", strings.Repeat(" ", 1<<20))
}

// tooLarge returns the status of an answer that may come before all was sent.
func tooLarge(s *site, path string, body io.Reader) int {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+adminToken)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	client := http.Client{Timeout: within, Transport: &http.Transport{ExpectContinueTimeout: within}}
	response, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestSlowClient sees that clients that send nothing are not waited for.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	a, err := admin.New(admin.Options{Server: s.ftp})
	if err != nil {
		t.Fatal(err)
	}
	a.Hurry()
	addr := serve(t, a, listen(t, "tcp", "127.0.0.1:0"))
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(within))
	io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: lo")
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("half a request is waited for")
	}
}

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t testing.TB, a *admin.Admin, l net.Listener) string {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- a.Serve(l) }()
	t.Cleanup(func() {
		a.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
	})
	return l.Addr().String()
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	a, err := admin.New(admin.Options{Server: s.ftp})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s")
	serve(t, a, listen(t, "unix", path))
	client := http.Client{Timeout: within, Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	response, err := client.Get("http://any-name.example/api/v1/whoami")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 || string(body) != `{"name":"local","role":"admin"}`+"\n" {
		t.Errorf("got %d: %s", response.StatusCode, body)
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	server, client := newCertificate(t, "127.0.0.1"), newCertificate(t, "operator")
	stranger := newCertificate(t, "stranger")
	authorities := x509.NewCertPool()
	authorities.AddCert(client.Leaf)
	a, err := admin.New(admin.Options{Server: s.ftp, TLS: &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: authorities}})
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, a, listen(t, "tcp", "127.0.0.1:0"))
	roots := x509.NewCertPool()
	roots.AddCert(server.Leaf)
	ask := func(path string, certificates ...tls.Certificate) (int, string) {
		c := http.Client{Timeout: within, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
		response, err := c.Get("https://" + addr + path)
		if err != nil {
			return 0, ""
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, body := ask("/api/v1/whoami", client); status != 200 || !strings.Contains(body, "operator") {
		t.Errorf("with a certificate: got %d: %s", status, body)
	}
	if status, _ := ask("/api/v1/whoami"); status != 401 {
		t.Errorf("without: got %d, want 401", status)
	}
	if status, _ := ask("/readyz"); status != 200 {
		t.Errorf("readyz without: got %d, want 200", status)
	}
	if status, _ := ask("/api/v1/whoami", stranger); status == 200 {
		t.Error("a certificate of nobody's is let in")
	}
}
