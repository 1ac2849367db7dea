package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
)

// description is the document that the site serves.
func description(t testing.TB, s *site) *openapi3.T {
	t.Helper()
	_, text, _ := s.do(s.request("GET", "/api/v1/openapi.json", ""))
	doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescriptionIsValidAndHasAllRoutes(t *testing.T) {
	t.Parallel()
	doc := description(t, start(t, nil))
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	described := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described[method+" "+path] = operation.Description
		}
	}
	for _, route := range admin.Routes() {
		want := fmt.Sprintf("Role: %s.", route.Role)
		if got, ok := described[route.Operation]; !ok || got != want {
			t.Errorf("%s is described as %q (there: %v), want %q", route.Operation, got, ok, want)
		}
		delete(described, route.Operation)
	}
	for operation := range described {
		t.Errorf("%s is described, and does not exist", operation)
	}
}

// TestAnswersAreAsDescribed makes each operation answer in every way that it has
// and compares that with the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	failing := false
	s := start(t, func(o *admin.Options) {
		fail := func() error {
			if failing {
				return errors.New("it is not to be")
			}
			return nil
		}
		o.Reload, o.Drain = func(context.Context) error { return fail() }, fail
		o.Shared = func() admin.SharedState {
			return admin.SharedState{Since: time.Now(), Replicas: 3, Cause: "it is away"}
		}
	})
	bare := start(t, func(o *admin.Options) {
		*o = admin.Options{Server: o.Server, Tokens: o.Tokens}
	})
	router := routerOf(t, s)
	s.login("idle")
	busy := s.login("busy")
	busy.upload("/file").Write([]byte("some bytes"))
	leaver := s.login("leaver")
	leaver.cmd("229", "EPSV")
	eventually(t, func() bool { return s.ftp.Sessions()[1].Transfer != nil })
	s.guard.Add(network("203.0.113.0/24"), time.Now().Add(time.Hour), "why")
	s.guard.Add(network("198.51.100.7/32"), time.Time{}, "")

	for _, test := range []struct {
		want               int
		method, path, body string
	}{
		{200, "GET", "/openapi.json", ""}, {200, "GET", "/whoami", ""}, {200, "GET", "/status", ""},
		{200, "GET", "/overview", ""}, {200, "GET", "/overview?limit=1", ""}, {400, "GET", "/overview?limit=0", ""},
		{200, "GET", "/sessions", ""}, {200, "GET", "/sessions?limit=1&after=1&user=busy", ""}, {400, "GET", "/sessions?limit=x", ""}, {400, "GET", "/sessions?after=-1", ""},
		{200, "GET", "/sessions/2", ""}, {404, "GET", "/sessions/99", ""}, {400, "GET", "/sessions/x", ""},
		{200, "GET", "/transfers", ""}, {400, "GET", "/transfers?limit=10001", ""}, {200, "GET", "/ports", ""},
		{200, "GET", "/bans", ""}, {201, "POST", "/bans", `{"network":"192.0.2.1","seconds":60,"reason":"test"}`}, {201, "POST", "/bans", `{"network":"2001:db8::1"}`},
		{400, "POST", "/bans", `{"network":"0.0.0.0/0"}`}, {400, "POST", "/bans", `{"network":"x"}`}, {400, "POST", "/bans", `{"network":"192.0.2.1","seconds":-1}`},
		{400, "POST", "/bans", `{"netwrok":"192.0.2.1"}`}, {400, "POST", "/bans", ``}, {400, "POST", "/bans", `[`}, {400, "POST", "/bans", `{"network":"192.0.2.1","reason":"a\nb"}`},
		{200, "DELETE", "/bans?network=192.0.2.1", ""}, {404, "DELETE", "/bans?network=192.0.2.1", ""}, {400, "DELETE", "/bans?network=", ""}, {200, "DELETE", "/bans?network=203.0.113.0/24", ""},
		{200, "GET", "/users", ""}, {200, "GET", "/log", ""}, {200, "GET", "/log?after=2&limit=2", ""}, {400, "GET", "/log?after=x", ""},
		{200, "POST", "/reload", ""}, {202, "POST", "/drain", "{}"},
		{200, "POST", "/sessions/2/kick", ""}, {404, "POST", "/sessions/2/kick", ""}, {400, "POST", "/sessions/2x/kick", ""},
	} {
		s.compare(router, test.want, s.request(test.method, "/api/v1"+test.path, test.body))
	}
	failing = true
	s.compare(router, 422, s.request("POST", "/api/v1/reload", ""))
	s.compare(router, 409, s.request("POST", "/api/v1/drain", ""))
	for _, absent := range []string{"GET /bans", "POST /bans", "DELETE /bans?network=192.0.2.1", "GET /users", "GET /log", "POST /reload", "POST /drain"} {
		method, path, _ := strings.Cut(absent, " ")
		bare.compare(routerOf(t, bare), 501, bare.request(method, "/api/v1"+path, ""))
	}
	for _, path := range []string{"/status", "/overview", "/sessions", "/transfers", "/ports"} {
		bare.compare(routerOf(t, bare), 200, bare.request("GET", "/api/v1"+path, ""))
	}
	s.token = ""
	s.compare(router, 401, s.request("GET", "/api/v1/status", ""))
	s.token = readToken
	s.compare(router, 403, s.request("POST", "/api/v1/drain", ""))
}

func routerOf(t testing.TB, s *site) routers.Router {
	t.Helper()
	doc := description(t, s)
	doc.Servers = openapi3.Servers{{URL: s.URL + "/api/v1"}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// compare makes a request and checks its answer against the description.
func (s *site) compare(router routers.Router, want int, r *http.Request) {
	s.t.Helper()
	route, params, err := router.FindRoute(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	status, body, header := s.do(r)
	if status != want {
		s.t.Errorf("%s %s: got %d, want %d: %s", r.Method, r.URL.Path, status, want, body)
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 status, Header: header, Body: readCloser{bytes.NewReader([]byte(body))},
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		s.t.Errorf("%s %s: the answer %d is not as described: %v\n%s", r.Method, r.URL.Path, status, err, body)
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestSessionsAndTransfers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.login("alice")
	busy := s.login("bob")
	busy.cmd("202", "ALLO 100")
	busy.upload("/file").Write([]byte("some bytes"))
	eventually(t, func() bool { info, _ := s.ftp.Session(2); return info.Transfer != nil && info.Transfer.Bytes == 10 })
	list := get[struct {
		Total    int
		Sessions []server.SessionInfo
	}](s, "/sessions?user=bob")
	if list.Total != 1 || len(list.Sessions) != 1 || list.Sessions[0].ID != 2 || list.Sessions[0].Transfer.Path != "/file" {
		t.Errorf("got %+v, want session 2 of bob alone", list)
	}
	overview := get[admin.Overview](s, "/overview")
	if len(overview.Transfers) != 1 || overview.Transfers[0].User != "bob" || overview.Transfers[0].Session != 2 || overview.Transfers[0].Size != 100 ||
		overview.Transfers[0].Bytes != 10 || overview.Status.Sessions.Open != 2 || overview.Status.Bytes["upload"] != 10 || len(overview.Cells) != 1 || overview.Cells[0].Connected != 1 {
		t.Errorf("got %+v", overview)
	}
	s.expect(200, "POST", "/api/v1/sessions/2/kick", "")
	if _, err := busy.r.ReadByte(); err == nil {
		eventually(t, func() bool { _, err := busy.r.ReadByte(); return err != nil })
	}
	eventually(t, func() bool { return s.ftp.Statistics().Sessions == 1 })
	s.expect(404, "POST", "/api/v1/sessions/2/kick", "")
	s.expect(404, "POST", "/api/v1/sessions/18446744073709551615/kick", "")
	s.expect(400, "POST", "/api/v1/sessions/18446744073709551616/kick", "")
}

func TestPortsShowLeases(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.login("alice").cmd("229", "EPSV")
	ports := get[admin.Ports](s, "/ports")
	if ports.Counts.Total != 1 || ports.Counts.Free != 0 || ports.Counts.Pending != 1 || len(ports.Ports) != 1 || len(ports.Ports[0].Leases) != 1 ||
		ports.Ports[0].Leases[0].Client.String() != "127.0.0.1" {
		t.Errorf("got %+v", ports)
	}
}

func TestBansReachTheGuard(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.expect(201, "POST", "/api/v1/bans", `{"network":"2001:db8::1","seconds":3600,"reason":"asked to stop"}`)
	bans := s.guard.Bans()
	if len(bans) != 1 || bans[0].Network != network("2001:db8::/64") || bans[0].Reason != "asked to stop" || time.Until(bans[0].Until) > time.Hour {
		t.Errorf("got %+v", bans)
	}
	s.expect(200, "DELETE", "/api/v1/bans?network=2001:db8::1", "")
	if bans := s.guard.Bans(); len(bans) != 0 {
		t.Errorf("got %+v, want none", bans)
	}
}

func TestNetworksThatMayNotBeBanned(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *admin.Options) {
		o.CheckBan = func(n netip.Prefix) error {
			if n.Addr().IsLoopback() {
				return errors.New("not this one")
			}
			return nil
		}
	})
	if body := s.expect(400, "POST", "/api/v1/bans", `{"network":"127.0.0.1"}`); !strings.Contains(body, "not this one") {
		t.Errorf("got %s", body)
	}
	s.expect(201, "POST", "/api/v1/bans", `{"network":"192.0.2.1"}`)
	if bans := s.guard.Bans(); len(bans) != 1 {
		t.Errorf("got %v, want one ban", bans)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.token = ""
	if got := s.expect(200, "GET", "/healthz", ""); got != "ok\n" {
		t.Errorf("got %q", got)
	}
	s.expect(200, "GET", "/readyz", "")
	s.admin.SetReady(false)
	if status, _, _ := s.do(s.request("GET", "/readyz", "")); status != 503 {
		t.Errorf("got %d while it is not ready, want 503", status)
	}
	s.expect(200, "GET", "/healthz", "")
	s.admin.SetReady(true)
	s.expect(200, "GET", "/readyz", "")
	ready := false
	other := start(t, func(o *admin.Options) { o.Ready = func() bool { return ready } })
	if status, _, _ := other.do(other.request("GET", "/readyz", "")); status != 503 {
		t.Errorf("got %d, want 503", status)
	}
	ready = true
	other.expect(200, "GET", "/readyz", "")
}

func TestLogTail(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for i := range 7 {
		s.expect(404, "POST", fmt.Sprintf("/api/v1/sessions/%d/kick", 100+i), "")
	}
	type page struct{ Entries []admin.LogEntry }
	last := get[page](s, "/log?limit=100").Entries
	if len(last) != 5 || last[4].Number != 7 || last[0].Number != 3 || last[4].Message != "request" || last[4].Logger != "admin" {
		t.Fatalf("got %+v, want the last five", last)
	}
	var fields map[string]any
	if err := json.Unmarshal(last[4].Fields, &fields); err != nil || fields["path"] != "/api/v1/sessions/106/kick" || fields["by"] != "a" {
		t.Errorf("got the fields %v and %v", fields, err)
	}
	if got := get[page](s, "/log?after=6").Entries; len(got) != 1 || got[0].Number != 7 {
		t.Errorf("behind 6: got %+v", got)
	}
	if got := get[page](s, "/log?after=7").Entries; len(got) != 0 {
		t.Errorf("behind the last: got %+v", got)
	}
	if got := get[page](s, "/log?limit=2").Entries; len(got) != 2 || got[0].Number != 6 {
		t.Errorf("two: got %+v", got)
	}
	if got := get[page](s, "/log?after=999999").Entries; len(got) != 5 {
		t.Errorf("of an earlier process: got %d entries, want all", len(got))
	}
}
