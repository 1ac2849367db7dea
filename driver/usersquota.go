package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/afero"
)

// QuotaHome is the home of a user who has a quota.
type QuotaHome struct {
	// Place says whose it is and what the quota is.
	Place Place

	storage *storage
}

// Open returns the files that count, without the layers above them.
func (h QuotaHome) Open() (afero.Fs, error) { return h.storage.openWritable() }

// QuotaHomes returns the homes that have a quota: those of listed users, of
// users who have logged in, and of the users named, whom the sources are asked
// for. A name that nobody has is no error.
func (u *Users) QuotaHomes(ctx context.Context, names ...string) ([]QuotaHome, error) {
	for _, name := range names {
		source, found, err := u.find(ctx, Attempt{User: name})
		if errors.Is(err, ErrDenied) {
			return nil, fmt.Errorf("driver: look for user %q: the source that would know tells nothing without the password", name)
		}
		if err != nil {
			return nil, fmt.Errorf("driver: look for user %q: %w", name, err)
		}
		if found != nil {
			if _, err := u.accounts.get(source, found.User); err != nil {
				return nil, err
			}
		}
	}
	var homes []QuotaHome
	for _, user := range u.known() {
		home := user.places[0]
		if home.quota != (QuotaLimits{}) {
			homes = append(homes, QuotaHome{Place{User: user.name, Path: home.path, Quota: home.quota}, home.storage})
		}
	}
	return homes, nil
}
