package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/server/admin"
	"github.com/portico-ftp/portico/server/admin/web"
)

func TestPageIsForAnybodyAndHidesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, func(o *admin.Options) { o.Page = web.Handler() })
	s.token = ""
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/main.js": "text/javascript; charset=utf-8"} {
		status, _, header := s.do(s.request("GET", path, ""))
		if got := header.Get("Content-Type"); status != http.StatusOK || got != kind {
			t.Errorf("GET %s: got %d and %q, want 200 and %q", path, status, got, kind)
		}
		if policy := header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
			t.Errorf("GET %s: the policy is %q, not the page's own", path, policy)
		}
	}
	s.expect(http.StatusUnauthorized, "GET", "/api/v1/status", "")
	s.expect(http.StatusUnauthorized, "GET", "/api/v1/none", "")
	s.expect(http.StatusUnauthorized, "GET", "/metrics", "")
	s.expect(http.StatusUnauthorized, "GET", "/debug/pprof/", "")
	if status, body, _ := s.do(s.request("GET", "/healthz", "")); status != http.StatusOK || body != "ok\n" {
		t.Errorf("GET /healthz: got %d and %q, want ok", status, body)
	}
}
