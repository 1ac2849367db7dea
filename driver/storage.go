package driver

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/afero"
)

// StorageKind says what a Storage is made of. Text form: "local", "memory",
// "overlay", "object".
type StorageKind uint8

// The kinds.
const (
	// StorageLocal is a directory of this machine.
	StorageLocal StorageKind = iota
	// StorageMemory keeps everything in memory, shared by the user's sessions,
	// and loses it with the Users. It is for tests and scratch space, has no
	// limit of its own, and no other user sees it.
	StorageMemory
	// StorageOverlay shows the directory Base and keeps what is changed in the
	// directory Dir; Base stays as it is (afero.CopyOnWriteFs). What is in Base
	// alone can be read and replaced, but not removed or renamed.
	StorageOverlay
	// StorageObject is what lies behind Prefix in a Bucket.
	StorageObject
)

// String returns the text form.
func (k StorageKind) String() string {
	switch k {
	case StorageLocal:
		return "local"
	case StorageMemory:
		return "memory"
	case StorageOverlay:
		return "overlay"
	case StorageObject:
		return "object"
	default:
		return fmt.Sprintf("StorageKind(%d)", uint8(k))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (k StorageKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is
// StorageLocal.
func (k *StorageKind) UnmarshalText(text []byte) error {
	for _, kind := range []StorageKind{StorageLocal, StorageMemory, StorageOverlay, StorageObject} {
		if string(text) == kind.String() {
			*k = kind
			return nil
		}
	}
	if len(text) == 0 {
		*k = StorageLocal
		return nil
	}
	return fmt.Errorf("%q is not a kind of storage: use local, memory, overlay or object", text)
}

// Bucket is storage that is divided by prefixes, such as a bucket of package
// object's.
type Bucket interface {
	// Sub returns what lies behind a prefix.
	Sub(prefix string) afero.Fs
}

// Storage says where the files of a home or a mount are. Directories may hold
// %u, which stands for the user's name, and %% for a percent sign.
type Storage struct {
	// FS is the storage itself, for embedders. Where it is set, everything else here must be zero. It is shared by all sessions
	// and stays the caller's.
	FS afero.Fs
	// Kind is what it is made of otherwise. Zero: StorageLocal.
	Kind StorageKind
	// Dir is the directory on this machine. Required for StorageLocal and
	// StorageOverlay, and for them alone.
	Dir string
	// Base is the directory below, for StorageOverlay alone. It must exist.
	Base string
	// Bucket is the bucket, for StorageObject alone. It is shared by all users
	// and stays the caller's.
	Bucket Bucket
	// Prefix is what the names in the bucket start with, filled in as
	// directories are. Empty: the whole bucket.
	Prefix string
	// Create has Dir made, with mode 0750 less the process's umask, when the
	// user logs in and it does not exist. Otherwise it must exist.
	Create bool
	// Local says which symbolic links are followed and how files are created.
	Local LocalOptions
}

// isZero says whether nothing is set.
func (s Storage) isZero() bool {
	isOwn := s.FS != nil || s.Bucket != nil
	s.FS, s.Bucket = nil, nil // they may be of types that cannot be compared
	return !isOwn && s == (Storage{})
}

// hasDir says whether the storage is a directory.
func (s Storage) hasDir() bool {
	return s.FS == nil && s.Kind != StorageMemory && s.Kind != StorageObject
}

// storage is a Storage of a user that was found valid.
type storage struct {
	kind  StorageKind
	kept  afero.Fs // what is no directory
	dir   home
	base  home // of an overlay
	local LocalOptions
}

// newStorage checks a Storage and fills in the user's name. It returns all that
// is wrong.
func newStorage(entry Storage, user string) (*storage, []error) {
	s := &storage{kind: entry.Kind, kept: entry.FS, local: entry.Local}
	if entry.FS != nil {
		entry.FS = nil
		if !entry.isZero() {
			return s, []error{errors.New("a storage of your own (FS) takes no other settings: remove them")}
		}
		return s, nil
	}
	var faults []error
	check := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	check(entry.Local.check())
	if (entry.Base != "") != (entry.Kind == StorageOverlay) {
		check(errors.New("a base is for the kind overlay, and required there: set or remove it"))
	}
	if (entry.Bucket != nil || entry.Prefix != "") && entry.Kind != StorageObject {
		check(errors.New("a bucket and a prefix are for the kind object: remove them"))
	}
	switch entry.Kind {
	case StorageObject:
		check(s.setBucket(entry, user))
	case StorageMemory:
		s.kept = afero.NewMemMapFs()
		if entry.Dir != "" {
			check(errors.New("memory has no directory: remove it, or use the kind local"))
		}
	case StorageLocal, StorageOverlay:
		check(s.dir.set(entry.Dir, user, entry.Create))
		if entry.Base != "" {
			check(s.base.set(entry.Base, user, false))
		}
	default:
		check(fmt.Errorf("%v is not a kind of storage: use local, memory, overlay or object", entry.Kind))
	}
	return s, faults
}

func (s *storage) setBucket(entry Storage, user string) error {
	bucket, template := entry.Bucket, entry.Prefix
	entry.Kind, entry.Bucket, entry.Prefix, entry.Base = 0, nil, "", "" // the base is looked at everywhere
	switch {
	case bucket == nil:
		return errors.New("the bucket is missing: set one")
	case !entry.isZero():
		return errors.New("an object store takes no settings of directories: remove them")
	}
	prefix, err := ExpandDir(template, user)
	if err != nil {
		return err
	}
	s.kept = bucket.Sub(prefix)
	return nil
}

// set fills the user's name into a template and checks the directory.
func (h *home) set(template, user string, create bool) error {
	if template == "" {
		return errors.New("the directory is missing: name one")
	}
	dir, err := ExpandDir(template, user)
	if err != nil {
		return err
	}
	h.dir, h.create = dir, create
	return h.check()
}

// ExpandDir returns the directory that a template stands for: %u is the user's
// name and %% a percent sign. A name that is no plain file name, such as "..",
// cannot be filled in.
func ExpandDir(template, user string) (string, error) {
	var dir strings.Builder
	rest := template
	for {
		before, after, found := strings.Cut(rest, "%")
		dir.WriteString(before)
		switch {
		case !found:
			return dir.String(), nil
		case strings.HasPrefix(after, "%"):
			dir.WriteByte('%')
		case !strings.HasPrefix(after, "u"):
			return "", fmt.Errorf("directory %q: after %% comes u, for the user's name, or another %%", template)
		case strings.Trim(user, ".") == "" || strings.ContainsAny(user, "/\\:\x00"):
			return "", fmt.Errorf("directory %q: the name %q is no file name: name the directory yourself", template, user)
		default:
			dir.WriteString(user)
		}
		rest = after[1:]
	}
}

// open returns the file system that a session uses. It makes the directory if
// that is wanted.
func (s *storage) open() (afero.Fs, error) {
	if s.kept != nil {
		return s.kept, nil
	}
	if err := s.dir.make(); err != nil {
		return nil, err
	}
	layer, err := s.openDir(&s.dir)
	if err != nil || s.base.dir == "" {
		return layer, err
	}
	base, err := s.openDir(&s.base)
	if err != nil {
		return nil, err
	}
	return afero.NewCopyOnWriteFs(afero.NewReadOnlyFs(base), layer), nil
}

// openWritable returns the file system that uploads end up in. One that does
// not exist is not made: the error wraps os.ErrNotExist.
func (s *storage) openWritable() (afero.Fs, error) {
	if s.kept != nil {
		return s.kept, nil
	}
	return s.openDir(&s.dir)
}

func (s *storage) openDir(home *home) (afero.Fs, error) {
	root, err := home.open()
	if err != nil {
		return nil, err
	}
	local, err := NewLocalWith(root, s.local)
	if err != nil {
		return nil, err
	}
	return local, nil
}
