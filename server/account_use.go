package server

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server/pace"
)

// accountUse is what the sessions of one account have together. Its fields are
// under accountUses.mu.
type accountUse struct {
	key       accountKey
	limits    driver.Limits // as of the last login
	sessions  int
	transfers int
	links     links
	hasLeft   bool // it is in accountUses.left
}

// accountKey tells accounts apart: the same name may be another's at a virtual
// host that has accounts of its own.
type accountKey struct {
	host string // "": the server's accounts
	name string
}

// accountUses knows the accounts that are in use.
type accountUses struct {
	together SessionCounter // nil: this server is alone

	mu       sync.Mutex // guards the rest
	defaults driver.Limits
	uses     map[accountKey]*accountUse
	left     []*accountUse // without sessions, but their links remember; oldest first
}

func newAccountUses(l Limits, together SessionCounter) *accountUses {
	a := &accountUses{together: together, uses: make(map[accountKey]*accountUse)}
	a.setDefaults(l)
	return a
}

// setDefaults settles the limits of accounts that have none of their own, from
// their next login on.
func (a *accountUses) setDefaults(l Limits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.defaults = driver.Limits{
		Sessions: l.SessionsPerUser, Transfers: l.TransfersPerUser,
		UploadRate: l.Bandwidth.UploadPerUser, DownloadRate: l.Bandwidth.DownloadPerUser,
	}
}

// text is the key where servers count together. No name of a host has a slash.
func (k accountKey) text() string { return k.host + "/" + k.name }

// enter counts a login, and returns nil if the account has too many sessions.
func (a *accountUses) enter(host *VirtualHost, account *driver.Account, now time.Time) *accountUse {
	use, limit := a.enterHere(host, account, now)
	if use == nil || a.together == nil || a.together.Enter(use.key.text(), limit) {
		return use
	}
	a.leaveHere(use, now)
	return nil
}

// enterHere counts a login on this server alone. It returns the account's limit
// of sessions, too.
func (a *accountUses) enterHere(host *VirtualHost, account *driver.Account, now time.Time) (*accountUse, int) {
	key := accountKey{name: account.Name}
	if host != nil && host.Auth != nil {
		key.host = strings.ToLower(host.Name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	limits := a.limitsOfLocked(account)
	a.forgetLocked(now)
	use := a.uses[key]
	if use == nil {
		use = &accountUse{key: key}
		a.uses[key] = use
	}
	if limits.Sessions > 0 && use.sessions >= limits.Sessions {
		return nil, 0
	}
	use.sessions++
	use.limits = limits
	use.links.setRates(limits.UploadRate, limits.DownloadRate)
	return use, limits.Sessions
}

// limitsOfLocked are an account's limits: its own where it has any.
func (a *accountUses) limitsOfLocked(account *driver.Account) driver.Limits {
	own := account.Limits
	return driver.Limits{
		Sessions:     cmp.Or(own.Sessions, a.defaults.Sessions),
		Transfers:    cmp.Or(own.Transfers, a.defaults.Transfers),
		UploadRate:   cmp.Or(own.UploadRate, a.defaults.UploadRate),
		DownloadRate: cmp.Or(own.DownloadRate, a.defaults.DownloadRate),
	}
}

// leave counts that a session is over.
func (a *accountUses) leave(use *accountUse, now time.Time) {
	if a.together != nil {
		a.together.Leave(use.key.text())
	}
	a.leaveHere(use, now)
}

func (a *accountUses) leaveHere(use *accountUse, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if use.sessions--; use.sessions == 0 && !use.hasLeft {
		use.hasLeft = true
		a.left = append(a.left, use)
	}
	a.forgetLocked(now)
}

// forgetLocked drops accounts without sessions, when a new login would find no
// fuller a link: logging in again is no way around a limit.
func (a *accountUses) forgetLocked(now time.Time) {
	for len(a.left) > 0 {
		use := a.left[0]
		if use.sessions == 0 && !use.links.areIdle(now) {
			return
		}
		if use.sessions == 0 {
			delete(a.uses, use.key)
		}
		use.hasLeft = false
		a.left = a.left[1:]
	}
}

// beginTransfer counts a transfer, unless the account has too many.
func (a *accountUses) beginTransfer(use *accountUse) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if limit := use.limits.Transfers; limit > 0 && use.transfers >= limit {
		return false
	}
	use.transfers++
	return true
}

func (a *accountUses) endTransfer(use *accountUse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	use.transfers--
}

func (a *accountUses) linksOf(use *accountUse) links {
	a.mu.Lock()
	defer a.mu.Unlock()
	return use.links
}

// links are the two directions of a rate. Nil is no limit.
type links struct {
	up, down *pace.Link
}

func newLinks(up, down int64) links { return links{pace.NewLink(up), pace.NewLink(down)} }

func (l *links) setRates(up, down int64) {
	l.up, l.down = setRate(l.up, up), setRate(l.down, down)
}

func setRate(link *pace.Link, rate int64) *pace.Link {
	if link == nil || rate <= 0 {
		return pace.NewLink(rate)
	}
	link.SetRate(rate)
	return link
}

func (l links) areIdle(now time.Time) bool { return l.up.IsIdle(now) && l.down.IsIdle(now) }

// flows are the two directions of a data connection of the session, which go
// through the links of the session, the account and the server.
func (s *session) flows() (up, down *pace.Flow) {
	account, all := s.server.accounts.linksOf(s.use), s.opts.links
	return pace.NewFlow(s.links.up, account.up, all.up), pace.NewFlow(s.links.down, account.down, all.down)
}
