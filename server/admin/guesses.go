package admin

import (
	"net/netip"
	"sync"
	"time"
)

// guesses counts wrong tokens by address. After some nothing is looked at any
// more for the rest of a minute, right tokens included: else one could go on.
type guesses struct {
	mu    sync.Mutex
	wrong map[netip.Prefix]guessing
}

type guessing struct {
	count int
	until time.Time
}

const (
	maxGuesses  = 10
	guessPeriod = time.Minute
	maxGuessers = 4096
)

// blocked says for how long an address has to wait, 0 if not at all.
func (g *guesses) blocked(who netip.Prefix, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.wrong[who]; w.count >= maxGuesses && now.Before(w.until) {
		return w.until.Sub(now)
	}
	return 0
}

// add counts a wrong token.
func (g *guesses) add(who netip.Prefix, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, known := g.wrong[who]
	if !known || !now.Before(w.until) {
		g.makeRoomLocked(now)
		w = guessing{until: now.Add(guessPeriod)}
	}
	w.count++
	if g.wrong == nil {
		g.wrong = make(map[netip.Prefix]guessing)
	}
	g.wrong[who] = w
}

// makeRoomLocked forgets what is over, and under an attack from very many
// addresses any one.
func (g *guesses) makeRoomLocked(now time.Time) {
	if len(g.wrong) < maxGuessers {
		return
	}
	for who, w := range g.wrong {
		if !now.Before(w.until) {
			delete(g.wrong, who)
		}
	}
	for who := range g.wrong {
		if len(g.wrong) < maxGuessers {
			return
		}
		delete(g.wrong, who)
	}
}
