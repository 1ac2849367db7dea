package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"github.com/portico-ftp/portico/server"
)

// maxList is how long a list may be; more is asked for page by page.
const maxList = 10_000

// limitOf reads ?limit=.
func limitOf(w http.ResponseWriter, r *http.Request, byDefault int) (int, bool) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return byDefault, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxList {
		problem(w, http.StatusBadRequest, fmt.Sprintf("limit is no number from 1 to %d.", maxList))
		return 0, false
	}
	return n, true
}

// afterOf reads ?after=: what comes behind this number.
func afterOf(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, true
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		problem(w, http.StatusBadRequest, "after is no number.")
	}
	return n, err == nil
}

// serveSessions lists sessions in the order of their ids.
func (a *Admin) serveSessions(w http.ResponseWriter, r *http.Request) {
	limit, ok := limitOf(w, r, 1000)
	if !ok {
		return
	}
	after, ok := afterOf(w, r)
	if !ok {
		return
	}
	all := a.opts.Server.Sessions()
	user := r.URL.Query().Get("user")
	sessions := slices.DeleteFunc(all, func(s server.SessionInfo) bool {
		return s.ID <= after || user != "" && s.User != user
	})
	answer(w, http.StatusOK, map[string]any{"total": len(sessions), "sessions": sessions[:min(limit, len(sessions))]})
}

func (a *Admin) serveSession(w http.ResponseWriter, r *http.Request) {
	id, ok := sessionID(w, r)
	if !ok {
		return
	}
	session, err := a.opts.Server.Session(id)
	if err != nil {
		noSession(w, err)
		return
	}
	answer(w, http.StatusOK, session)
}

func (a *Admin) serveKick(w http.ResponseWriter, r *http.Request) {
	id, ok := sessionID(w, r)
	if !ok {
		return
	}
	if err := a.opts.Server.Kick(id); err != nil {
		noSession(w, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"kicked": id})
}

func sessionID(w http.ResponseWriter, r *http.Request) (uint64, bool) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		problem(w, http.StatusBadRequest, "The id of a session is a number.")
	}
	return id, err == nil
}

func noSession(w http.ResponseWriter, err error) {
	detail := "There is no such session."
	if errors.Is(err, server.ErrNoSession) {
		detail = "There is no such session: it has ended, or never was."
	}
	problem(w, http.StatusNotFound, detail)
}

// Transfer is a transfer with whose it is.
type Transfer struct {
	Session uint64         `json:"session"`
	User    string         `json:"user,omitempty"`
	Client  netip.AddrPort `json:"client,omitzero"`
	server.TransferInfo
}

func (a *Admin) serveTransfers(w http.ResponseWriter, r *http.Request) {
	limit, ok := limitOf(w, r, 1000)
	if ok {
		answer(w, http.StatusOK, map[string]any{"transfers": a.transfers(limit)})
	}
}

// transfers are those that run, the oldest first.
func (a *Admin) transfers(limit int) []Transfer {
	all := []Transfer{}
	for _, s := range a.opts.Server.Sessions() {
		if s.Transfer != nil {
			all = append(all, Transfer{Session: s.ID, User: s.User, Client: s.Client, TransferInfo: *s.Transfer})
		}
	}
	slices.SortFunc(all, func(a, b Transfer) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Session, b.Session))
	})
	return all[:min(limit, len(all))]
}
