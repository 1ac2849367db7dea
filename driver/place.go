package driver

import (
	"errors"
	"fmt"

	"github.com/spf13/afero"
)

// UserMount is a storage that a user sees beside his home.
type UserMount struct {
	// Path is where, such as "/pub", see Mount.
	Path string
	// Storage is what is there.
	Storage Storage
	// Permissions is what the user may do there. Required.
	Permissions Permissions
	// Uploads is how uploads become files there. Zero: when they are complete.
	Uploads UploadOptions
}

// LayerFunc puts a layer, such as a quota, over a storage of a user's. It is
// called at every login, and by Users.Sweep. What it returns should pass on what the storage below
// can do, see the package comment.
type LayerFunc func(at Place, storage afero.Fs) (afero.Fs, error)

// Place says whose storage a layer is for.
type Place struct {
	// User is the user's name.
	User string
	// Path is where the user sees the storage, "/" for the home.
	Path string
	// Kind is what the storage is made of. An embedder's own counts as
	// StorageLocal.
	Kind StorageKind
	// Quota is how much may be kept there.
	Quota QuotaLimits
	// SessionID is that of the attempt that opened the storage. Zero: none did.
	SessionID uint64
}

// place is a storage in a user's tree, found valid.
type place struct {
	path    string
	storage *storage
	access  Permissions
	upload  UploadOptions
	quota   QuotaLimits
}

func newPlace(user string, entry UserMount) (*place, []error) {
	storage, faults := newStorage(entry.Storage, user)
	if entry.Permissions == 0 || !AllPermissions.Has(entry.Permissions) {
		faults = append(faults, fmt.Errorf("permissions are missing or unknown: use some of %s", permissionNames))
	}
	return &place{path: entry.Path, storage: storage, access: entry.Permissions, upload: entry.Uploads}, faults
}

// open returns what a session of the user's sees at the place, but for the
// permissions.
func (p *place) open(user string, session uint64, layer LayerFunc) (afero.Fs, error) {
	fs, err := p.storage.open()
	if err != nil {
		return nil, err
	}
	if layer != nil {
		if fs, err = layer(Place{User: user, Path: p.path, Kind: p.storage.kind, Quota: p.quota, SessionID: session}, fs); err != nil {
			return nil, fmt.Errorf("storage at %s: %w", p.path, err)
		}
	}
	return NewUploads(fs, user, p.upload), nil
}

// tree returns what a session of the user's sees.
func (user *user) tree(session uint64, layer LayerFunc) (afero.Fs, error) {
	mounts := make([]Mount, 0, len(user.places))
	for _, place := range user.places {
		fs, err := place.open(user.name, session, layer)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, Mount{Path: place.path, FS: fs, Permissions: place.access})
	}
	if len(mounts) == 1 {
		return Restrict(mounts[0].FS, mounts[0].Permissions), nil
	}
	return NewMounts(mounts)
}

// addPlaces checks the home and the mounts of an entry, and returns all that is
// wrong.
func (user *user) addPlaces(entry User) []error {
	home := UserMount{Path: "/", Storage: entry.Storage, Permissions: entry.Permissions, Uploads: entry.Uploads}
	if entry.Home != "" {
		if entry.Storage.Dir != "" || entry.Storage.FS != nil {
			return []error{errors.New("the home is named twice: use Home or Storage")}
		}
		home.Storage.Dir = entry.Home
	}
	place, faults := newPlace(user.name, home)
	place.quota = entry.Quota
	user.places = append(user.places, place)
	tree := &Mounts{skeleton: afero.NewMemMapFs()}
	for _, entry := range append([]UserMount{home}, entry.Mounts...) {
		// What it holds does not matter here.
		if err := tree.add(Mount{Path: entry.Path, FS: tree.skeleton}); err != nil {
			faults = append(faults, fmt.Errorf("mount %q: %w", entry.Path, err))
		}
	}
	for _, entry := range entry.Mounts {
		place, wrong := newPlace(user.name, entry)
		for _, err := range wrong {
			faults = append(faults, fmt.Errorf("mount %q: %w", entry.Path, err))
		}
		user.places = append(user.places, place)
	}
	return faults
}
