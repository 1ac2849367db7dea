package httpusers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/httpusers"
)

const (
	secret   = "a secret of two machines"
	generous = time.Minute            // for what has to end by itself, long before
	short    = 200 * time.Millisecond // after which a server that says nothing is given up
)

// answer answers with a status and a body of JSON.
func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// knowsAlice lets alice in with the password "correct".
func knowsAlice(w http.ResponseWriter, r *http.Request) {
	var q httpusers.Question
	switch err := json.NewDecoder(r.Body).Decode(&q); {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case q.User == "locked":
		answer(w, http.StatusForbidden, `{"error": "locked"}`)
	case q.User != "alice":
		answer(w, http.StatusNotFound, `{}`)
	case q.Method == "password" && q.Password == "correct":
		answer(w, http.StatusOK, `{"name": "alice", "home": "/srv/%u", "groups": ["staff"]}`)
	case q.Method == "certificate":
		answer(w, http.StatusOK, `{"name": "alice", "certificate": "CN=alice"}`)
	default:
		answer(w, http.StatusUnauthorized, ``)
	}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func open(t *testing.T, opts httpusers.Options) *httpusers.Source {
	t.Helper()
	if opts.Timeout == 0 {
		opts.Timeout = generous
	}
	source, err := httpusers.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// try logs in as driver.Users does.
func try(ctx context.Context, source *httpusers.Source, user, password string) (*driver.User, error) {
	found, err := source.Find(ctx, driver.Attempt{User: user, Password: password})
	if err != nil {
		return nil, err
	}
	if ok, err := found.Check(ctx, password); err != nil || !ok {
		return nil, errors.Join(err, driver.WrongPassword)
	}
	return found.User, nil
}

func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, user, password string
		want                 error
	}{
		{"the right password", "alice", "correct", nil},
		{"a wrong password", "alice", "wrong", driver.WrongPassword},
		{"no password", "alice", "", driver.WrongPassword},
		{"a password that JSON cannot carry", "alice", "correct\xff", driver.WrongPassword},
		{"an unknown name", "eve", "correct", driver.UnknownUser},
		{"no name", "", "correct", driver.UnknownUser},
		{"a name that JSON cannot carry", "alice\xff", "correct", driver.UnknownUser},
		{"a name that may not log in", "locked", "correct", driver.AccountDisabled},
		{"a name with JSON in it", `alice", "password": "correct`, "wrong", driver.UnknownUser},
		{"a password with JSON in it", "alice", `wrong", "password": "correct`, driver.WrongPassword},
		{"10 KiB of name", strings.Repeat("x", 10<<10), "correct", driver.UnknownUser},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := open(t, httpusers.Options{URL: serve(t, knowsAlice).URL, Groups: []string{"everybody"}})
			user, err := try(t.Context(), source, tt.user, tt.password)
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if want := []string{"staff", "everybody"}; err == nil && (user.Name != "alice" || user.Home != "/srv/%u" || !slices.Equal(user.Groups, want)) {
				t.Errorf("got %+v", user)
			}
		})
	}
}

func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	type asked struct {
		header http.Header
		body   []byte
	}
	questions := make(chan asked, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		questions <- asked{r.Header, body}
		r.Body = io.NopCloser(bytes.NewReader(body))
		knowsAlice(w, r)
	})
	source := open(t, httpusers.Options{URL: server.URL + "/login?x=y", Secret: secret, Token: "token"})
	attempt := driver.Attempt{
		User: "alice", Password: "correct",
		Client: netip.MustParseAddrPort("192.0.2.7:50000"), Local: netip.MustParseAddrPort("[2001:db8::1]:21"),
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13, ServerName: "ftp.example.org", VerifiedChains: [][]*x509.Certificate{{{Subject: pkix.Name{CommonName: "alice"}}}}},
	}
	if _, err := source.Find(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	got := <-questions
	const want = `{"user":"alice","password":"correct","method":"password","client":"192.0.2.7:50000","local":"[2001:db8::1]:21",` +
		`"tls":{"version":"TLS 1.3","server_name":"ftp.example.org","subject":"CN=alice"}}`
	if string(got.body) != want {
		t.Errorf("asked %s\nwant  %s", got.body, want)
	}
	timestamp, signature := got.header.Get("X-Portico-Timestamp"), got.header.Get("X-Portico-Signature")
	if !httpusers.Verify(secret, timestamp, got.body, signature) || httpusers.Verify("another", timestamp, got.body, signature) || httpusers.Verify("", timestamp, got.body, signature) {
		t.Errorf("timestamp %s, signature %s: not that of the secret, or of any", timestamp, signature)
	}
	if got.header.Get("Authorization") != "Bearer token" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("header %v", got.header)
	}

	attempt.ByCertificate = true
	found, err := source.Find(t.Context(), attempt)
	if err != nil || found.User.CertificateName != "CN=alice" {
		t.Errorf("by certificate: %+v, %v", found, err)
	}
	if got := <-questions; !strings.Contains(string(got.body), `"password":"","method":"certificate"`) {
		t.Errorf("by certificate: asked %s", got.body)
	}
	if ok, _ := found.Check(t.Context(), "correct"); ok {
		t.Error("an answer about a certificate lets a password in")
	}

	attempt = driver.Attempt{User: "alice", Password: "correct"}
	if _, err := source.Find(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}
	if got := <-questions; !strings.HasSuffix(string(got.body), `"tls":null}`) {
		t.Errorf("in clear: asked %s", got.body)
	}
}

func TestWhatAnAccountSays(t *testing.T) {
	t.Parallel()
	whole := `{"name": "alice", "home": "/srv/ftp/%u", "create_home": true, "permissions": ["list", "read"], "groups": ["staff"],
		"quota": {"bytes": 1048576, "files": 10}, "limits": {"sessions": 1, "transfers": 2, "upload_rate": 3, "download_rate": 4},
		"disabled": true, "expires": "2026-12-31", "networks": ["10.0.0.0/8"], "hours": "Mon-Fri 08:00-18:00", "require_tls": true,
		"certificate": "alice.example.org"}`
	var hours driver.Hours
	if err := hours.UnmarshalText([]byte("Mon-Fri 08:00-18:00")); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]driver.User{
		`{"name": "alice"}`: {Name: "alice"},
		`{"name": "alice", "home": "/a", "networks": [], "groups": null, "quota": {}, "hours": "", "expires": ""}` + "\n": {
			Name: "alice", Home: "/a", Access: driver.Access{Networks: []netip.Prefix{}},
		},
		whole: {
			Name: "alice", Storage: driver.Storage{Dir: "/srv/ftp/%u", Create: true}, Permissions: driver.ReadOnly, Groups: []string{"staff"},
			Quota:  driver.QuotaLimits{Bytes: 1 << 20, Files: 10},
			Limits: driver.Limits{Sessions: 1, Transfers: 2, UploadRate: 3, DownloadRate: 4},
			Access: driver.Access{
				Disabled: true, Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.Local), Hours: hours, RequireTLS: true,
				Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			},
			CertificateName: "alice.example.org",
		},
	} {
		source := open(t, httpusers.Options{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body) }).URL})
		user, err := try(t.Context(), source, "alice", "x")
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if len(want.Access.Hours)+len(user.Access.Hours) == 0 {
			user.Access.Hours = nil
		}
		if err == nil && !reflect.DeepEqual(*user, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", body, *user, want)
		}
	}
}

// An Account in Go makes an answer that is understood.
func TestAccountsCanBeWrittenInGo(t *testing.T) {
	t.Parallel()
	account := httpusers.Account{Name: "alice", Home: "/a", Permissions: []string{"list"}, Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Quota: httpusers.Quota{Bytes: 1}}
	if err := account.Hours.UnmarshalText([]byte("Sat")); err != nil {
		t.Fatal(err)
	}
	source := open(t, httpusers.Options{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
		body, err := json.Marshal(account)
		if err != nil {
			t.Error(err)
		}
		answer(w, http.StatusOK, string(body))
	}).URL})
	user, err := try(t.Context(), source, "alice", "x")
	if err != nil || user.Home != "/a" || user.Permissions != driver.CanList || len(user.Access.Hours) != 1 || user.Quota.Bytes != 1 {
		t.Errorf("got %+v, %v", user, err)
	}
}

// badAnswers are answers that let nobody in and say of nobody that he is unknown.
func badAnswers() map[string]http.HandlerFunc {
	ok := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body) }
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { answer(w, code, `{"name": "alice"}`) }
	}
	page := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"name": "alice"}`)
		}
	}
	return map[string]http.HandlerFunc{
		"garbage":                  ok("\x00\x01garbage"),
		"nothing":                  ok(""),
		"null":                     ok("null"),
		"an empty account":         ok("{}"),
		"a list":                   ok(`[{"name": "alice"}]`),
		"half an account":          ok(`{"name": "alice"`),
		"two accounts":             ok(`{"name": "alice"}{"name": "bob"}`),
		"an account and more":      ok(`{"name": "alice"} x`),
		"a key with a slip in it":  ok(`{"name": "alice", "disable": true}`),
		"a key too much, deep":     ok(`{"name": "alice", "quota": {"byte": 5}}`),
		"an empty name":            ok(`{"name": ""}`),
		"a name with a line break": ok(`{"name": "a\nb"}`),
		"a long name":              ok(`{"name": "` + strings.Repeat("x", 300) + `"}`),
		"a relative home":          ok(`{"name": "alice", "home": "srv"}`),
		"no permissions at all":    ok(`{"name": "alice", "permissions": []}`),
		"unknown permissions":      ok(`{"name": "alice", "permissions": ["all"]}`),
		"permissions of a kind":    ok(`{"name": "alice", "permissions": "list"}`),
		"a negative quota":         ok(`{"name": "alice", "quota": {"bytes": -1}}`),
		"a quota too large":        ok(`{"name": "alice", "quota": {"bytes": 1e30}}`),
		"negative limits":          ok(`{"name": "alice", "limits": {"sessions": -1}}`),
		"no day":                   ok(`{"name": "alice", "expires": "2026-02-30"}`),
		"no network":               ok(`{"name": "alice", "networks": ["10.0.0.1"]}`),
		"no hours":                 ok(`{"name": "alice", "hours": "always"}`),
		"10 MiB":                   ok(`{"name": "alice", "home": "/` + strings.Repeat("x", 10<<20) + `"}`),
		"10 MiB of space":          ok(`{"name": "alice"}` + strings.Repeat(" ", 10<<20)),
		"just too much":            ok(`{"name": "alice"}` + strings.Repeat(" ", 64<<10)),
		"deep":                     ok(strings.Repeat("[", 60<<10)),
		"500":                      status(http.StatusInternalServerError),
		"503":                      status(http.StatusServiceUnavailable),
		"201":                      status(http.StatusCreated),
		"204": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		},
		"400":                status(http.StatusBadRequest),
		"429":                status(http.StatusTooManyRequests),
		"a page":             page(http.StatusOK),
		"a page that is 401": page(http.StatusUnauthorized),
		"a page that is 403": page(http.StatusForbidden),
		"a page that is 404": http.NotFound,
		"no content type": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, `{"name": "alice"}`)
		},
		"a broken answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			answer(w, http.StatusOK, `{"name": "alice"}`)
		},
		"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a header of 10 MiB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 10<<20))
			answer(w, http.StatusOK, `{"name": "alice"}`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"a redirect that asks": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
	}
}

func TestBadAnswersLetNobodyIn(t *testing.T) {
	t.Parallel()
	for name, handler := range badAnswers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var elsewhere atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					elsewhere.Add(1)
					answer(w, http.StatusOK, `{"name": "alice"}`)
					return
				}
				handler(w, r)
			})
			source := open(t, httpusers.Options{URL: strings.Replace(server.URL, "//", "//who:h1dden@", 1) + "/h1dden?h1dden", Secret: secret, Remember: time.Hour})
			for range 2 { // nothing is remembered either
				user, err := try(t.Context(), source, "alice", "correct-h0rse")
				if err == nil || errors.Is(err, driver.ErrDenied) {
					t.Fatalf("got %+v, %v; want an error that is no denial", user, err)
				}
				if text := err.Error(); strings.Contains(text, "h1dden") || strings.Contains(text, "h0rse") || strings.Contains(text, secret) || !strings.Contains(text, "127.0.0.1") {
					t.Errorf("%q tells a secret, or not which server it is about", text)
				}
			}
			if elsewhere.Load() > 0 {
				t.Error("a redirect was followed, and the password with it")
			}
		})
	}
}

func TestServersThatHang(t *testing.T) {
	t.Parallel()
	hangs := map[string]func(w http.ResponseWriter, release chan struct{}){
		"before the answer": func(_ http.ResponseWriter, release chan struct{}) { <-release },
		"in the answer": func(w http.ResponseWriter, release chan struct{}) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"name": "alice"`)
			_ = http.NewResponseController(w).Flush()
			<-release
		},
	}
	for name, handler := range hangs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { handler(w, release) }))
			t.Cleanup(func() { close(release); server.Close() })
			source := open(t, httpusers.Options{URL: server.URL, Timeout: short, Connections: 2})
			var clients sync.WaitGroup
			for range 5 { // the last of which never come to ask
				clients.Go(func() {
					if _, err := try(t.Context(), source, "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
						t.Errorf("err = %v, want one that is no denial", err)
					}
				})
			}
			clients.Wait()

			patient := open(t, httpusers.Options{URL: server.URL, Timeout: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), short)
			defer cancel()
			if _, err := try(ctx, patient, "alice", "correct"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a client that has gone: %v, want its context's error", err)
			}
		})
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		knowsAlice(w, r)
	})
	source := open(t, httpusers.Options{URL: server.URL, Connections: 3})
	var clients sync.WaitGroup
	for range 40 {
		clients.Go(func() {
			if _, err := try(t.Context(), source, "alice", "correct"); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	// A handler may end a little after its answer has been read.
	if n := most.Load(); n > 6 {
		t.Errorf("%d questions at one time, want 3", n)
	}
}

func TestAServerThatComesBack(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	source := open(t, httpusers.Options{URL: "http://" + address})
	for round := range 2 {
		if round > 0 {
			if listener, err = net.Listen("tcp", address); err != nil {
				t.Fatal(err)
			}
		}
		server := &http.Server{Handler: http.HandlerFunc(knowsAlice)}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		if _, err := try(t.Context(), source, "alice", "correct"); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		_ = server.Close()
		<-served
		if _, err := try(t.Context(), source, "alice", "correct"); err == nil || errors.Is(err, driver.ErrDenied) {
			t.Errorf("while it is away: %v, want an error that is no denial", err)
		}
	}
}

func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	alice := driver.Attempt{User: "alice", Password: "correct", Client: netip.MustParseAddrPort("192.0.2.7:50000")}
	with := func(change func(*driver.Attempt)) driver.Attempt {
		changed := alice
		change(&changed)
		return changed
	}
	tests := []struct {
		name     string
		lifetime time.Duration
		attempts []driver.Attempt
		asked    int32
	}{
		{"nothing by default", 0, []driver.Attempt{alice, alice}, 2},
		{"who was let in", time.Hour, []driver.Attempt{alice, alice, alice}, 1},
		{"from any port", time.Hour, []driver.Attempt{alice, with(func(a *driver.Attempt) { a.Client = netip.MustParseAddrPort("192.0.2.7:50001") })}, 1},
		{"not from another address", time.Hour, []driver.Attempt{alice, with(func(a *driver.Attempt) { a.Client = netip.MustParseAddrPort("192.0.2.8:50000") })}, 2},
		{"not under TLS what was in clear", time.Hour, []driver.Attempt{alice, with(func(a *driver.Attempt) { a.TLS = &tls.ConnectionState{} })}, 2},
		{"not with another password", time.Hour, []driver.Attempt{alice, with(func(a *driver.Attempt) { a.Password = "wrong" })}, 2},
		{"not for another name", time.Hour, []driver.Attempt{alice, with(func(a *driver.Attempt) { a.User = "eve" })}, 2},
		{"not a wrong password", time.Hour, []driver.Attempt{with(func(a *driver.Attempt) { a.Password = "wrong" }), with(func(a *driver.Attempt) { a.Password = "wrong" })}, 2},
		{"not an unknown name", time.Hour, []driver.Attempt{with(func(a *driver.Attempt) { a.User = "eve" }), with(func(a *driver.Attempt) { a.User = "eve" })}, 2},
		{"not for longer than told", time.Nanosecond, []driver.Attempt{alice, alice}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				knowsAlice(w, r)
			})
			source := open(t, httpusers.Options{URL: server.URL, Remember: tt.lifetime})
			for i, attempt := range tt.attempts {
				found, err := source.Find(t.Context(), attempt)
				rightful := attempt.User == "alice" && attempt.Password == "correct"
				if rightful != (err == nil) || err != nil && !errors.Is(err, driver.ErrDenied) {
					t.Errorf("attempt %d: %v", i, err)
				}
				if err == nil {
					if ok, _ := found.Check(t.Context(), "other"); ok {
						t.Errorf("attempt %d: another password is right, too", i)
					}
				}
			}
			if n := asked.Load(); n != tt.asked {
				t.Errorf("asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	if most := httpusers.Remember(10_000); most > 4096 {
		t.Errorf("%d answers are remembered, want 4096 at the most", most)
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(knowsAlice))
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	for name, tt := range map[string]struct {
		tls   *tls.Config
		works bool
	}{
		"of a known authority":    {&tls.Config{RootCAs: pool}, true},
		"of an unknown authority": {nil, false},
		"of another name":         {&tls.Config{RootCAs: pool, ServerName: "example.net"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := open(t, httpusers.Options{URL: server.URL, TLS: tt.tls})
			if _, err := try(t.Context(), source, "alice", "correct"); tt.works != (err == nil) || errors.Is(err, driver.ErrDenied) {
				t.Errorf("err = %v, want one: %v", err, !tt.works)
			}
			if err := source.Check(t.Context()); tt.works != (err == nil) {
				t.Errorf("Check: %v, want an error: %v", err, !tt.works)
			}
		})
	}
}

func TestCheckAsksAboutNobody(t *testing.T) {
	t.Parallel()
	for code, works := range map[int]bool{200: true, 401: true, 404: true, 405: true, 500: true, 501: true, 502: false, 503: false, 504: false} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if body, _ := io.ReadAll(r.Body); r.Method != http.MethodHead || len(body) > 0 {
				t.Errorf("%s %s", r.Method, body)
			}
			w.WriteHeader(code)
		})
		if err := open(t, httpusers.Options{URL: server.URL}).Check(t.Context()); works != (err == nil) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "host", "ftp://host", "https://", "http:///path", "https://h1dden:%zz@host", "://h1dden"} {
		if _, err := httpusers.New(httpusers.Options{URL: url}); err == nil || strings.Contains(err.Error(), "h1dden") {
			t.Errorf("%s: %v, want an error that does not repeat it", url, err)
		}
	}
	if _, err := httpusers.New(httpusers.Options{URL: "https://a:b@host", Token: "t"}); err == nil {
		t.Error("a password and a token were accepted together")
	}
	for url, inClear := range map[string]bool{
		"https://example.org": false, "http://example.org": true, "http://192.0.2.1:80/": true, "http://localhost:8080": false, "http://127.0.0.9": false, "http://[::1]:80": false,
	} {
		if got := open(t, httpusers.Options{URL: url}).InClear(); got != inClear {
			t.Errorf("%s is in clear: %v", url, got)
		}
	}
}

func ExampleVerify() {
	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil || !httpusers.Verify("the secret", r.Header.Get("X-Portico-Timestamp"), body, r.Header.Get("X-Portico-Signature")) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		var question httpusers.Question
		if json.Unmarshal(body, &question) != nil || question.User != "alice" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "{}")
			return
		}
		_ = json.NewEncoder(w).Encode(httpusers.Account{Name: "alice", Home: "/srv/ftp/alice"})
	})
}

// TestTheAccountInTheDocumentation holds the page against what is understood.
func TestTheAccountInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "accounts.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n{\"name\"")
	body, _, ends := strings.Cut(rest, "```")
	if !found || !ends {
		t.Fatal("the page has no account in JSON")
	}
	source := open(t, httpusers.Options{URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, `{"name"`+body) }).URL})
	if user, err := try(t.Context(), source, "alice", "x"); err != nil || user.Quota.Files != 1000 || len(user.Access.Hours) == 0 {
		t.Errorf("got %+v, %v", user, err)
	}
}
