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
	changed bool             // since takeChanges
	full    bool             // was told
}

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
	b.changed = true
	return banAdded
}

// set puts in a ban that comes from the file, whatever was there.
func (b *bans) set(ban Ban) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.table.Insert(ban.Network, &ban)
}

// remove takes out a ban and says whether there was one.
func (b *bans) remove(network netip.Prefix) (Ban, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ban, ok := b.table.Get(network)
	if !ok {
		return Ban{}, false
	}
	b.table.Delete(network)
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
	b.changed, b.full = true, false
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

// isChanged says whether there is something that the file does not know.
func (b *bans) isChanged() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.changed
}

// takeChanges is list, and from now on nothing is changed.
func (b *bans) takeChanges(now time.Time) []Ban {
	b.mu.Lock()
	b.changed = false
	b.mu.Unlock()
	return b.list(now)
}

// markChanged is for changes that could not be written.
func (b *bans) markChanged() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = true
}
