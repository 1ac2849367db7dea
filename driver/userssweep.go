package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"
)

// Sweep removes from all homes and mounts what interrupted uploads have left,
// see Uploads.Sweep. Those of a source that cannot name its users are swept
// once their users have logged in. A directory that does not exist is not an error. The error
// joins what could not be removed; each part names its user.
func (u *Users) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var all Swept
	var faults []error
	for place, name := range u.placesToSweep() {
		if ctx.Err() != nil {
			return all, errors.Join(append(faults, ctx.Err())...)
		}
		swept, err := place.sweep(ctx, now, name, u.layer)
		all.Files += swept.Files
		all.Bytes += swept.Bytes
		if err != nil {
			faults = append(faults, fmt.Errorf("driver: sweep %s of user %q: %w", place.path, name, err))
		}
	}
	return all, errors.Join(faults...)
}

// placesToSweep returns places with the names of their users. Of those that
// share a storage it is the one that keeps interrupted uploads the longest.
// Where nobody can leave any, nothing is looked for.
func (u *Users) placesToSweep() map[*place]string {
	type key struct {
		dir  string
		kept *storage
	}
	longest := make(map[key]*place)
	names := make(map[*place]string)
	for _, user := range u.known() {
		for _, place := range user.places {
			if place.upload.Mode == UploadDirect || !place.access.Has(CanWrite) {
				continue
			}
			at := key{dir: place.storage.dir.dir}
			if place.storage.kept != nil {
				at.kept = place.storage
			}
			if other, shared := longest[at]; !shared || keepsLonger(place.upload, other.upload) {
				longest[at] = place
				names[place] = user.name
				delete(names, other)
			}
		}
	}
	return names
}

// known returns the users that are known now, among them those that a list has
// got meanwhile, but for users who are not valid.
func (u *Users) known() []*user {
	for i, source := range u.sources {
		for user := range usersOf(source) {
			_, _ = u.accounts.get(i, user)
		}
	}
	return u.accounts.users()
}

// Names are those of the users that are known: all of sources that can name
// theirs, and of others those who have logged in. They are sorted.
func (u *Users) Names() []string {
	names := make(map[string]struct{})
	for _, user := range u.known() {
		names[user.name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names))
}

func keepsLonger(a, b UploadOptions) bool {
	keepA, keepB := a.withDefaults().KeepPartials, b.withDefaults().KeepPartials
	return keepB >= 0 && (keepA < 0 || keepA > keepB)
}

func (p *place) sweep(ctx context.Context, now time.Time, user string, layer LayerFunc) (Swept, error) {
	fs, err := p.storage.openWritable()
	if errors.Is(err, os.ErrNotExist) {
		return Swept{}, nil
	}
	if err == nil && layer != nil { // a quota has to learn what is freed
		fs, err = layer(Place{User: user, Path: p.path, Kind: p.storage.kind, Quota: p.quota}, fs)
	}
	if err != nil {
		return Swept{}, err
	}
	return NewUploads(fs, "", p.upload).Sweep(ctx, now)
}
