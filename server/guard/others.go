package guard

import (
	"net/netip"
	"time"
)

// SharedBans is where several servers keep bans together. Its errors mean that it
// is away for now; whoever implements it tells of that. One goroutine of a Guard
// uses it, and may have to wait a little.
type SharedBans interface {
	// Changes returns what has changed since a position that an earlier call has
	// returned; "" is none.
	Changes(since string) (BanChanges, error)
	// Update puts bans in, whatever is there, and takes others out if they are
	// there just as they are given.
	Update(put, remove []Ban) error
}

// BanChanges is what has changed of shared bans. The times of bans are those of
// the clock there.
type BanChanges struct {
	// Position is where the next call goes on.
	Position string
	// Clock is the time of day there.
	Clock time.Time
	// Whole says that Bans are all there are: there are no others.
	Whole bool
	// Lost says that bans of before are not there because they got lost, so that
	// whoever knows them has to put them in again.
	Lost bool
	// Bans are new, or different.
	Bans []Ban
	// Lifted are the networks that have no ban any more.
	Lifted []netip.Prefix
}

// othersInterval is how often others are asked what has changed. With the time
// until they have been told, it makes less than a second.
const othersInterval = 500 * time.Millisecond

// clockJitter is how far the same time may be off after it went from one clock
// to the other and back.
const clockJitter = 2 * time.Second

// others is what was last seen of shared bans. One goroutine uses it.
type others struct {
	place    SharedBans
	position string
	content  map[netip.Prefix]Ban // with the times of the clock there
	next     time.Time            // when to ask again
}

// newOthers expects what the file holds: what is not there any more was lifted
// while this server did not run.
func (g *Guard) newOthers(place SharedBans) *others {
	o := &others{place: place, content: make(map[netip.Prefix]Ban)}
	if g.file != nil {
		for network, b := range g.file.content {
			o.content[network] = b
		}
	}
	return o
}

// syncOthers takes over what others have changed, and tells them what was changed
// here. While they are away both wait, and bans go on here.
func (g *Guard) syncOthers(now time.Time) {
	o := g.others
	if o == nil || now.Before(o.next) && !g.bans.isChanged(theOthers) {
		return
	}
	o.next = now.Add(othersInterval)
	changes, err := o.place.Changes(o.position)
	if err != nil {
		return
	}
	o.position = changes.Position
	g.takeFromOthers(changes, now)
	if g.bans.isChanged(theOthers) {
		g.tellOthers(now, changes.Clock)
	}
}

func (g *Guard) takeFromOthers(changes BanChanges, now time.Time) {
	o := g.others
	if changes.Lost {
		clear(o.content)
		g.bans.markChanged(theOthers)
	}
	lifted := changes.Lifted
	if changes.Whole {
		there := byNetwork(changes.Bans)
		for network := range o.content {
			if _, still := there[network]; !still {
				lifted = append(lifted, network)
			}
		}
	}
	for _, network := range lifted {
		delete(o.content, network)
		g.lift(network, now, theFile)
	}
	for _, b := range changes.Bans {
		before, known := o.content[b.Network]
		o.content[b.Network] = b
		if !known || !before.same(b) {
			g.adopt(b.fromClock(now, changes.Clock), now)
		}
	}
}

// adopt takes over a ban of others, unless it is ours.
func (g *Guard) adopt(b Ban, now time.Time) {
	if present, ok := g.bans.get(b.Network); b.isOver(now) || ok && present.isAbout(b) {
		return
	}
	g.bans.set(b, theFile)
	g.scores.remember(b, now)
	g.tellBan(b)
}

// isAbout compares bans whose times went through another clock.
func (b Ban) isAbout(c Ban) bool {
	return b.Network == c.Network && b.Count == c.Count && b.Reason == c.Reason && b.Until.IsZero() == c.Until.IsZero() &&
		b.Since.Sub(c.Since).Abs() <= clockJitter && b.Until.Sub(c.Until).Abs() <= clockJitter
}

func (g *Guard) tellOthers(now, clock time.Time) {
	o := g.others
	here := make(map[netip.Prefix]Ban)
	var put, remove []Ban
	for _, b := range g.bans.takeChanges(now, theOthers) {
		b = b.toClock(now, clock)
		here[b.Network] = b
		if there, ok := o.content[b.Network]; !ok || !there.isAbout(b) {
			put = append(put, b)
		}
	}
	for network, b := range o.content {
		if _, ok := here[network]; !ok {
			remove = append(remove, b)
		}
	}
	if len(put)+len(remove) == 0 {
		return
	}
	if err := o.place.Update(put, remove); err != nil {
		g.bans.markChanged(theOthers)
		return
	}
	for _, b := range put {
		o.content[b.Network] = b
	}
	for _, b := range remove {
		delete(o.content, b.Network)
	}
}
