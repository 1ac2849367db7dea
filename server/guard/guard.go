package guard

import (
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// Guard keeps scores and bans. It is safe for concurrent use. Without Run it
// works, but neither reads nor writes files.
type Guard struct {
	opts   Options
	log    *zap.Logger
	lists  atomic.Pointer[lists]
	scores *scores
	bans   *bans
	file   *syncedFile // nil: bans are not kept
	others *others     // nil: nobody shares the bans
}

// New returns a guard that knows the lists and the bans of their files. Its
// error joins all that is wrong with them.
func New(opts Options) (*Guard, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	g := &Guard{
		opts: opts, log: opts.Logger.Named("guard"),
		scores: newScores(opts), bans: newBans(opts.MaxBans),
	}
	if err := g.SetLists(opts.Lists); err != nil {
		return nil, err
	}
	if opts.BanFile != "" {
		g.file = &syncedFile{file: File{Path: opts.BanFile}}
		if err := g.loadBans(); err != nil {
			return nil, err
		}
	}
	if opts.Shared != nil {
		g.others = g.newOthers(opts.Shared)
		g.syncOthers(opts.Now())
	}
	return g, nil
}

// Admit says whether a client may connect, and if not why: "ban", "deny" or
// "not_listed". It is made for server.Options.Admit: it neither waits for
// anything nor allocates.
func (g *Guard) Admit(client netip.Addr) (reason string, ok bool) {
	client = client.Unmap().WithZone("")
	lists := g.lists.Load()
	switch {
	case lists.never.Contains(client):
		return "", true
	case lists.deny.Contains(client):
		return "deny", false
	case lists.limited && !lists.only.Contains(client):
		return "not_listed", false
	case g.bans.has(client, g.opts.Now):
		return "ban", false
	}
	return "", true
}

// Observe scores what a client did, and bans it when that was too much. It is
// made for server.Options.OnSecurity.
func (g *Guard) Observe(e server.SecurityEvent) {
	if g.opts.Off || !e.Client.IsValid() {
		return
	}
	network := NetworkOf(e.Client.Addr())
	if e.Kind == server.SecurityLoginOK {
		g.scores.forgive(network.Addr(), g.opts.Now())
		return
	}
	weight := g.opts.Weights.of(e)
	if weight == 0 || g.isExempt(network.Addr()) {
		return
	}
	now := g.opts.Now()
	strikes, over := g.scores.add(network.Addr(), weight, now)
	if over {
		g.ban(network, offence(e), strikes, now)
	}
}

// isExempt says whether nothing is to be gained by a score: the network is
// never banned, or is already.
func (g *Guard) isExempt(addr netip.Addr) bool {
	return g.lists.Load().never.Contains(addr) || g.bans.has(addr, g.opts.Now)
}

// offence names what led to a ban.
func offence(e server.SecurityEvent) string {
	if e.Reason != "" {
		return e.Reason
	}
	return e.Kind.String()
}

func (g *Guard) ban(network netip.Prefix, reason string, strikes int, now time.Time) {
	b := Ban{Network: network, Since: now, Until: now.Add(g.banLength(strikes)), Count: strikes, Reason: reason}
	switch g.bans.add(b, now) {
	case banAdded:
		g.scores.banned(network.Addr(), b.Until)
		g.tellBan(b)
	case banHasNoRoom:
		g.log.Error("too many bans at one time, no more are made", zap.Int("bans", g.opts.MaxBans))
	case banKnown:
	}
}

// banLength doubles with each ban.
func (g *Guard) banLength(strikes int) time.Duration {
	length := g.opts.Ban
	for range strikes - 1 {
		if length >= g.opts.MaxBan/2 {
			return g.opts.MaxBan
		}
		length *= 2
	}
	return length
}

// Bans are the present bans, in the order of their networks.
func (g *Guard) Bans() []Ban { return g.bans.list(g.opts.Now()) }

// Add bans a network for the operator, for good if until is zero. A ban that is
// there is replaced.
func (g *Guard) Add(network netip.Prefix, until time.Time, reason string) {
	b := Ban{Network: unmapped(network), Since: g.opts.Now(), Until: until, Reason: reason}
	g.bans.set(b, everybody)
	g.tellBan(b)
}

// Lift ends the ban of exactly this network, forgets what its address did, and
// says whether there was a ban.
func (g *Guard) Lift(network netip.Prefix) bool {
	return g.lift(unmapped(network), g.opts.Now(), everybody)
}

// lift lifts a ban, which is news to some.
func (g *Guard) lift(network netip.Prefix, now time.Time, news readers) bool {
	b, ok := g.bans.remove(network, news)
	if ok && !b.isOver(now) {
		g.tellUnban(b, "operator")
	}
	g.scores.pardon(network.Addr())
	return ok
}

func (g *Guard) tellBan(b Ban) {
	g.log.Warn("banned", zap.Stringer("network", b.Network), zap.String("reason", b.Reason), zap.Time("until", b.Until), zap.Int("count", b.Count))
	g.tell(server.SecurityEvent{Kind: server.SecurityBan, Network: b.Network, Until: b.Until.Round(0), Reason: b.Reason})
}

func (g *Guard) tellUnban(b Ban, reason string) {
	g.log.Info("no longer banned", zap.Stringer("network", b.Network), zap.String("reason", reason))
	g.tell(server.SecurityEvent{Kind: server.SecurityUnban, Network: b.Network, Reason: reason})
}

func (g *Guard) tell(e server.SecurityEvent) {
	if g.opts.OnSecurity != nil {
		e.Time = g.opts.Now()
		g.opts.OnSecurity(e)
	}
}
