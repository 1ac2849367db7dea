package admin

import (
	_ "embed" // openapi.json
	"net/http"

	"go.uber.org/zap"
)

//go:embed openapi.json
var openAPI []byte

// prefix is where the API is.
const prefix = "/api/v1"

// route is one operation of the API.
type route struct {
	method, path string
	role         Role
	serve        func(*Admin, http.ResponseWriter, *http.Request)
	// offered says whether the program has it. Nil: always.
	offered func(Options) bool
}

// apiRoutes are all operations. openapi.json has the same, which a test checks.
func apiRoutes() []route {
	return []route{
		{"GET", "/openapi.json", RoleRead, (*Admin).serveOpenAPI, nil},
		{"GET", "/whoami", RoleRead, (*Admin).serveWhoAmI, nil},
		{"GET", "/status", RoleRead, (*Admin).serveStatus, nil},
		{"GET", "/overview", RoleRead, (*Admin).serveOverview, nil},
		{"GET", "/sessions", RoleRead, (*Admin).serveSessions, nil},
		{"GET", "/sessions/{id}", RoleRead, (*Admin).serveSession, nil},
		{"POST", "/sessions/{id}/kick", RoleAdmin, (*Admin).serveKick, nil},
		{"GET", "/transfers", RoleRead, (*Admin).serveTransfers, nil},
		{"GET", "/ports", RoleRead, (*Admin).servePorts, nil},
		{"GET", "/bans", RoleRead, (*Admin).serveBans, hasBans},
		{"POST", "/bans", RoleAdmin, (*Admin).serveBanAdd, hasBans},
		{"DELETE", "/bans", RoleAdmin, (*Admin).serveBanDel, hasBans},
		{"GET", "/users", RoleRead, (*Admin).serveUsers, func(o Options) bool { return o.Users != nil }},
		{"GET", "/log", RoleAdmin, (*Admin).serveLog, func(o Options) bool { return o.Log != nil }},
		{"POST", "/reload", RoleAdmin, (*Admin).serveReload, func(o Options) bool { return o.Reload != nil }},
		{"POST", "/drain", RoleAdmin, (*Admin).serveDrain, func(o Options) bool { return o.Drain != nil }},
	}
}

func hasBans(o Options) bool { return o.Bans != nil }

func (a *Admin) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range apiRoutes() {
		mux.Handle(r.method+" "+prefix+r.path, a.guarded(r.role, a.operation(r)))
	}
	mux.Handle(prefix+"/", a.guarded(RoleRead, http.HandlerFunc(notThere)))
	mux.HandleFunc("GET /healthz", a.serveHealth)
	mux.HandleFunc("GET /readyz", a.serveReady)
	if a.opts.Metrics != nil {
		mux.Handle("GET /metrics", a.guarded(RoleRead, a.opts.Metrics))
	}
	if a.opts.Debug != nil {
		mux.Handle("GET /debug/pprof/", a.guarded(RoleAdmin, unhurried(a.opts.Debug)))
	}
	if a.opts.Page != nil {
		mux.Handle("/", a.opts.Page)
	} else {
		mux.HandleFunc("/", notThere)
	}
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusForbidden, "A page of another origin may not do this.")
	}))
	checked := sameOrigin.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secureHeaders(w.Header())
		checked.ServeHTTP(w, r)
	})
}

func (a *Admin) operation(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.offered != nil && !r.offered(a.opts) {
			problem(w, http.StatusNotImplemented, "This server does not offer that.")
			return
		}
		if r.method != http.MethodGet && !takeBody(w, req) {
			return
		}
		r.serve(a, w, req)
	})
}

// guarded lets those through who have the role, and logs what administrators
// change.
func (a *Admin) guarded(need Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := a.authorize(w, r, need)
		if !ok {
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			a.log.Info("request", zap.String("by", who.name), zap.String("remote_addr", r.RemoteAddr),
				zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("query", r.URL.RawQuery))
		}
		next.ServeHTTP(w, r.WithContext(withIdentity(r.Context(), who)))
	})
}

// unhurried lets an answer take as long as it does: profiles are made for as many
// seconds as was asked for.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(noDeadline)
		next.ServeHTTP(w, r)
	})
}

func notThere(w http.ResponseWriter, _ *http.Request) {
	problem(w, http.StatusNotFound, "There is nothing here.")
}
