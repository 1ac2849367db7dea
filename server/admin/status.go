package admin

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

var noDeadline time.Time

type identityKey struct{}

func withIdentity(ctx context.Context, who identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

func (a *Admin) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(openAPI)
}

// serveHealth says that the process answers.
func (a *Admin) serveHealth(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

// serveReady says whether new clients should be sent here.
func (a *Admin) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !a.isReady() {
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text) // the client may be gone
}

// WhoAmI is what a client may do.
type WhoAmI struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

func (a *Admin) serveWhoAmI(w http.ResponseWriter, r *http.Request) {
	who, _ := r.Context().Value(identityKey{}).(identity)
	answer(w, http.StatusOK, WhoAmI{who.name, who.role})
}

// Status is the server in a few numbers.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	Ready   bool      `json:"ready"`
	// Listeners are the control addresses.
	Listeners []string `json:"listeners"`
	// PassivePorts is the list of passive ports, empty if there are none.
	PassivePorts string       `json:"passive_ports"`
	Config       *ConfigState `json:"config,omitempty"`
	Security     *Security    `json:"security,omitempty"`
	Sessions     Counts       `json:"sessions"`
	// Transfers is how many transfers run.
	Transfers int `json:"transfers"`
	// Bytes is how much data connections have moved, by direction.
	Bytes map[string]uint64 `json:"bytes"`
	// OverLimit is what limits have refused, by limit.
	OverLimit map[string]uint64 `json:"over_limit"`
	// Ports are the passive ports in numbers.
	Ports PortCounts `json:"ports"`
	// Bans is how many networks are banned.
	Bans int `json:"bans"`
	// Shared is what the server shares with others, nil if it is alone.
	Shared *SharedState `json:"shared,omitempty"`
}

// SharedState is how the state is that several servers share.
type SharedState struct {
	// Here says whether it can be used; otherwise the server counts by itself.
	Here bool `json:"here"`
	// Since is when Here last changed.
	Since time.Time `json:"since"`
	// Replicas is how many servers share it.
	Replicas int `json:"replicas"`
	// Cause is why it is not here.
	Cause string `json:"cause,omitempty"`
}

// Counts are numbers of sessions.
type Counts struct {
	Open       int    `json:"open"`
	LoggedIn   int    `json:"logged_in"`
	Accepted   uint64 `json:"accepted"`
	TurnedAway uint64 `json:"turned_away"`
}

// PortCounts are numbers of passive ports.
type PortCounts struct {
	Total     int    `json:"total"`
	Free      int    `json:"free"`
	Retired   int    `json:"retired"`
	Pending   int    `json:"pending"`
	Waiting   int    `json:"waiting"`
	Exhausted uint64 `json:"exhausted"`
	Refused   uint64 `json:"refused"`
	Unreached int    `json:"unreached"`
}

func (a *Admin) serveStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, a.status(a.snapshot()))
}

// snapshot are the ports, all zero without any.
func (a *Admin) snapshot() portalloc.Snapshot {
	if ports := a.ports(); ports != nil {
		return ports.Snapshot()
	}
	return portalloc.Snapshot{}
}

func (a *Admin) ports() *portalloc.Allocator {
	if a.opts.Ports == nil {
		return nil
	}
	return a.opts.Ports()
}

func (a *Admin) status(snapshot portalloc.Snapshot) Status {
	statistics := a.opts.Server.Statistics()
	s := Status{
		Version: a.opts.Version, Started: a.started, Now: time.Now(), Ready: a.isReady(), Listeners: []string{},
		Sessions:  Counts{statistics.Sessions, statistics.LoggedIn, statistics.Accepted, statistics.TurnedAway},
		Transfers: statistics.Transfers, Bytes: map[string]uint64{}, OverLimit: map[string]uint64{}, Ports: countPorts(snapshot),
	}
	for _, addr := range a.opts.Server.Addrs() {
		s.Listeners = append(s.Listeners, addr.String())
	}
	if ports := a.ports(); ports != nil {
		s.PassivePorts = ports.Ports().String()
	}
	if a.opts.Config != nil {
		state := a.opts.Config()
		s.Config = &state
	}
	if a.opts.Security != nil {
		state := a.opts.Security()
		s.Security = &state
	}
	for direction, bytes := range statistics.Bytes {
		s.Bytes[server.Direction(direction).String()] = bytes
	}
	for limit, count := range statistics.OverLimit {
		s.OverLimit[server.Limit(limit).String()] = count
	}
	if a.opts.Shared != nil {
		state := a.opts.Shared()
		s.Shared = &state
	}
	if a.opts.Bans != nil {
		s.Bans = len(a.opts.Bans.Bans())
	}
	return s
}

// Overview is all that a page needs to draw itself once a second.
type Overview struct {
	Status Status `json:"status"`
	// Cells are the passive ports.
	Cells []PortCell `json:"cells"`
	// Transfers are those that run, the oldest first, limited as was asked for.
	Transfers []Transfer `json:"transfers"`
}

// defaultOverview is how many transfers an overview shows.
const defaultOverview = 100

func (a *Admin) serveOverview(w http.ResponseWriter, r *http.Request) {
	limit, ok := limitOf(w, r, defaultOverview)
	if !ok {
		return
	}
	snapshot := a.snapshot()
	o := Overview{Status: a.status(snapshot), Cells: []PortCell{}, Transfers: a.transfers(limit)}
	unreached := unreachedPorts(snapshot)
	for _, port := range snapshot.Ports {
		o.Cells = append(o.Cells, cellOf(port, unreached))
	}
	answer(w, http.StatusOK, o)
}

func (a *Admin) serveUsers(w http.ResponseWriter, _ *http.Request) {
	users := a.opts.Users()
	if users == nil {
		users = []User{}
	}
	answer(w, http.StatusOK, map[string]any{"users": users})
}

func (a *Admin) serveReload(w http.ResponseWriter, r *http.Request) {
	if err := a.opts.Reload(r.Context()); err != nil {
		problem(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]any{"reloaded": true})
}

func (a *Admin) serveDrain(w http.ResponseWriter, _ *http.Request) {
	if err := a.opts.Drain(); err != nil {
		problem(w, http.StatusConflict, err.Error())
		return
	}
	answer(w, http.StatusAccepted, map[string]any{"draining": true})
}
