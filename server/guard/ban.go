package guard

import (
	"net/netip"
	"sync"
	"time"

	"github.com/gaissmai/bart"
)

// Ban closes a network out for some time.
type Ban struct {
	// Network is closed out.
	Network netip.Prefix `json:"network"`
	// Since is when the ban began.
	Since time.Time `json:"since"`
	// Until is when it ends. Zero: never.
	Until time.Time `json:"until,omitzero"`
	// Count is the how manieth ban in a row this is. Zero: the operator's.
	Count int `json:"count,omitempty"`
	// Reason is the last offence, or what the operator said.
	Reason string `json:"reason,omitempty"`
}

// isOver says whether the ban has ended.
func (b Ban) isOver(now time.Time) bool { return !b.Until.IsZero() && !now.Before(b.Until) }

// same compares bans whose times may have a monotonic reading.
func (b Ban) same(c Ban) bool {
	return b.Network == c.Network && b.Count == c.Count && b.Reason == c.Reason && b.Since.Equal(c.Since) && b.Until.Equal(c.Until)
}

// NetworkOf is what is banned for the sake of one address: itself, or for IPv6
// its /64, all of which one client may use.
func NetworkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// bans finds bans by address.
type bans struct {
	max int

	mu      sync.RWMutex
	table   bart.Table[*Ban] // the bans do not change
	changed readers          // who has not taken the last changes
	full    bool             // was told
}

// readers are those who keep bans elsewhere.
type readers uint8

const (
	theFile readers = 1 << iota
	theOthers
	everybody = theFile | theOthers
)

func newBans(limit int) *bans { return &bans{max: limit} }

// has says whether an address is banned.
func (b *bans) has(addr netip.Addr, now func() time.Time) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ban, ok := b.table.Lookup(addr)
	if !ok {
		return false
	}
	at := now()
	if !ban.isOver(at) {
		return true
	}
	for _, wider := range b.table.Supernets(ban.Network) {
		if !wider.isOver(at) {
			return true
		}
	}
	return false
}

// addition is what became of a new ban.
type addition int

const (
	banAdded addition = iota
	banKnown
	banHasNoRoom // told once, until there is some
)

func (b *bans) add(ban Ban, now time.Time) addition {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, exists := b.table.Get(ban.Network)
	switch {
	case exists && !old.isOver(now):
		return banKnown
	case !exists && b.table.Size() >= b.max && b.full:
		return banKnown
	case !exists && b.table.Size() >= b.max:
		b.full = true
		return banHasNoRoom
	}
	b.table.Insert(ban.Network, &ban)
	b.changed = everybody
	return banAdded
}

// get returns the ban of exactly this network.
func (b *bans) get(network netip.Prefix) (Ban, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ban, ok := b.table.Get(network)
	if !ok {
		return Ban{}, false
	}
	return *ban, true
}

// set puts in a ban, whatever was there. It is a change for those who do not
// know it.
func (b *bans) set(ban Ban, news readers) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.table.Insert(ban.Network, &ban)
	b.changed |= news
}

// remove takes out a ban and says whether there was one.
func (b *bans) remove(network netip.Prefix, news readers) (Ban, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ban, ok := b.table.Get(network)
	if !ok {
		return Ban{}, false
	}
	b.table.Delete(network)
	b.changed |= news
	return *ban, true
}

// expire takes out the bans that are over and returns them.
func (b *bans) expire(now time.Time) []Ban {
	over := b.over(now)
	if len(over) == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ended := over[:0]
	for _, ban := range over {
		if present, ok := b.table.Get(ban.Network); ok && present.isOver(now) { // not a new one meanwhile
			b.table.Delete(ban.Network)
			ended = append(ended, *present)
		}
	}
	b.changed, b.full = everybody, false
	return ended
}

func (b *bans) over(now time.Time) (over []Ban) {
	b.mu.RLock() // lookups go on
	defer b.mu.RUnlock()
	for _, ban := range b.table.All() {
		if ban.isOver(now) {
			over = append(over, *ban)
		}
	}
	return over
}

func (b *bans) list(now time.Time) []Ban {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]Ban, 0, b.table.Size())
	for _, ban := range b.table.AllSorted() {
		if !ban.isOver(now) {
			all = append(all, *ban)
		}
	}
	return all
}

// isChanged says whether there is something that a reader does not know.
func (b *bans) isChanged(to readers) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.changed&to != 0
}

// takeChanges is list, and from now on the reader knows everything.
func (b *bans) takeChanges(now time.Time, by readers) []Ban {
	b.mu.Lock()
	b.changed &^= by
	b.mu.Unlock()
	return b.list(now)
}

// markChanged is for changes that a reader could not be told.
func (b *bans) markChanged(to readers) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed |= to
}
