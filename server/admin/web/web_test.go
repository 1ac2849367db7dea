package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/server/admin/web"
)

func ask(method, path string) *http.Response {
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func TestFilesOfThePageAreServedWithTheirKind(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
	files, err := fs.Glob(os.DirFS("static"), "*")
	if err != nil || len(files) < 10 {
		t.Fatalf("got %v and %v, want the files of the page", files, err)
	}
	for _, file := range append(files, "") {
		want := kinds[file[strings.LastIndex(file, ".")+1:]]
		if file == "" {
			want = kinds["html"]
		}
		for _, method := range []string{"GET", "HEAD"} {
			r := ask(method, "/"+file)
			if got := r.Header.Get("Content-Type"); r.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s /%s: got %d and %q, want 200 and %q", method, file, r.StatusCode, got, want)
			}
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/static/index.html": 404, "/web.go": 404, "/../web.go": 404, "/%2e%2e/web.go": 404, "//index.html": 404, "/index.html/": 404,
		"/index.html%00.js": 404, "/static": 404, "/none.js": 404, "/INDEX.HTML": 404,
	} {
		if r := ask("GET", path); r.StatusCode != want {
			t.Errorf("GET %s: got %d, want %d", path, r.StatusCode, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if r := ask(method, "/"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s /: got %d, want 405", method, r.StatusCode)
		}
	}
}

func TestHeadersLetThePageDoWhatItNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/main.js", "/portico.css", "/none"} {
		h := ask("GET", path).Header
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		got := map[string]string{}
		for _, directive := range strings.Split(h.Get("Content-Security-Policy"), "; ") {
			name, value, _ := strings.Cut(directive, " ")
			got[name] = value
		}
		for name, want := range map[string]string{
			"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "img-src": "'self'",
			"frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'none'",
			"require-trusted-types-for": "'script'", "trusted-types": "'none'",
		} {
			if got[name] != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got[name], want)
			}
		}
	}
}

// TestFilesFetchNothingAndHoldNoCode looks at the files themselves: the policy
// would make such a thing fail in the browser, at a moment that no test sees.
func TestFilesFetchNothingAndHoldNoCode(t *testing.T) {
	t.Parallel()
	banned := map[string]*regexp.Regexp{
		"an address elsewhere":         regexp.MustCompile(`(https?:)?//[a-z0-9-]+\.[a-z]`),
		"text that is read as HTML":    regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|setHTML|createContextualFragment`),
		"code made of text":            regexp.MustCompile(`\beval\(|new Function|javascript:`),
		"a script or style in the way": regexp.MustCompile(`<style|<script>|\sstyle="|\son[a-z]+="|@import|url\(`),
		"a token in an address":        regexp.MustCompile(`[?&](token|access_token|key)=`),
	}
	root := os.DirFS("static")
	files, err := fs.Glob(root, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			t.Fatal(err)
		}
		content := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
		for what, pattern := range banned {
			if found := pattern.FindString(content); found != "" {
				t.Errorf("%s holds %s: %q", file, what, found)
			}
		}
	}
}
