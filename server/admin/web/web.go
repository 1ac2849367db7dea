// Package web is the admin page: what a browser needs to show the interface of
// package admin to people. It is plain HTML, CSS and ES modules, embedded as
// written; nothing is built, and nothing is fetched from elsewhere.
//
//	control, err := admin.New(admin.Options{Server: srv, Page: web.Handler()})
//	if err != nil {
//		return err
//	}
//
// The page holds nothing secret: it may be given to anybody. What it shows comes
// from the API, with the token that its user has typed. The token is kept in the
// storage of the browser's tab, and travels in a header alone, so that no other
// page can make the browser send it.
//
// Names, paths and reasons come from strangers. They reach the document only as
// text: the policy that Handler sends refuses scripts and styles that are not the
// page's own files, and everything that would read text as HTML (Trusted Types).
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

//go:embed static
var files embed.FS

// policy is the Content-Security-Policy of the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves the page at / and its files beside it. It answers GET and HEAD,
// asks for no token, and is safe for concurrent use. It sends its own headers of
// security, whatever is in front of it.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "The page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	kind, isOurs := kindOf(name)
	content, err := fs.ReadFile(files, "static"+name)
	if !isOurs || err != nil {
		secure(w.Header())
		http.Error(w, "There is nothing here.", http.StatusNotFound)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", kind)
	w.Write(content) // the client may be gone; to HEAD nothing is sent
}

// kindOf does not ask the system, whose list may call scripts text.
func kindOf(name string) (kind string, ok bool) {
	kind, ok = map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
	}[path.Ext(name)]
	return kind, ok
}

func secure(h http.Header) {
	// Modules of two versions must not meet after an upgrade.
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}
