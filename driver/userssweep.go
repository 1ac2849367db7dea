package driver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Sweep removes from all homes what interrupted uploads have left, see
// Uploads.Sweep. A home that is gone is not an error. The error joins what
// could not be removed; each part names its user.
func (u *Users) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var all Swept
	var faults []error
	for _, user := range u.onePerHome() {
		if ctx.Err() != nil {
			return all, errors.Join(append(faults, ctx.Err())...)
		}
		swept, err := user.sweep(ctx, now)
		all.Files += swept.Files
		all.Bytes += swept.Bytes
		if err != nil {
			faults = append(faults, fmt.Errorf("driver: sweep the home of user %q: %w", user.name, err))
		}
	}
	return all, errors.Join(faults...)
}

// onePerHome returns, of the users who share a home, the one who keeps
// interrupted uploads the longest.
func (u *Users) onePerHome() map[string]*user {
	chosen := make(map[string]*user)
	for _, user := range u.byName {
		if other, shared := chosen[user.home.dir]; !shared || keepsLonger(user.upload, other.upload) {
			chosen[user.home.dir] = user
		}
	}
	return chosen
}

func keepsLonger(a, b UploadOptions) bool {
	keepA, keepB := a.withDefaults().KeepPartials, b.withDefaults().KeepPartials
	return keepB >= 0 && (keepA < 0 || keepA > keepB)
}

func (user *user) sweep(ctx context.Context, now time.Time) (Swept, error) {
	root, err := user.home.open()
	if errors.Is(err, os.ErrNotExist) {
		return Swept{}, nil
	}
	if err != nil {
		return Swept{}, err
	}
	return NewUploads(NewLocal(root), user.name, user.upload).Sweep(ctx, now)
}
