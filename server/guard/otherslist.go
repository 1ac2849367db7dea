package guard

import (
	"context"
	"net/netip"
	"time"
)

// SharedList are shared bans for commands, with times of day of this machine.
type SharedList struct {
	// Place is where the bans are.
	Place SharedBans
}

// Read returns all bans.
func (l SharedList) Read() ([]Ban, error) {
	bans, _, _, err := l.read()
	return bans, err
}

// read returns the bans with the times of this machine and with those of the clock
// there, and how far that is ahead.
func (l SharedList) read() (here, there []Ban, ahead time.Duration, err error) {
	changes, err := l.Place.Changes("")
	if err != nil {
		return nil, nil, 0, err
	}
	ahead = time.Until(changes.Clock)
	for _, b := range changes.Bans {
		here = append(here, b.shifted(-ahead))
	}
	return here, changes.Bans, ahead, nil
}

// shifted has the times of a clock that is ahead of the ban's.
func (b Ban) shifted(ahead time.Duration) Ban {
	b.Since = b.Since.Add(ahead).Round(time.Second)
	if !b.Until.IsZero() {
		b.Until = b.Until.Add(ahead).Round(time.Second)
	}
	return b
}

// Edit replaces the bans by what change makes of them. What others change
// meanwhile stays.
func (l SharedList) Edit(_ context.Context, change func([]Ban) ([]Ban, error)) error {
	here, there, ahead, err := l.read()
	if err != nil {
		return err
	}
	before, original := byNetwork(here), byNetwork(there)
	after, err := change(here)
	if err != nil {
		return err
	}
	var put, remove []Ban
	kept := make(map[netip.Prefix]bool)
	for _, b := range after {
		kept[b.Network] = true
		if was, ok := before[b.Network]; !ok || !was.same(b) {
			put = append(put, b.shifted(ahead))
		}
	}
	for network, b := range original {
		if !kept[network] {
			remove = append(remove, b)
		}
	}
	return l.Place.Update(put, remove)
}
