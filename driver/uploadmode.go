package driver

import (
	"fmt"
	"time"
)

// UploadMode says how an upload becomes a file. Text form: "atomic", "direct".
type UploadMode uint8

// The modes.
const (
	// UploadAtomic collects an upload in a hidden file beside its target and
	// renames it when it is complete. Nobody ever sees half a file, and what
	// stood there before stays until then. On tmpfs that takes 20 µs more than
	// UploadDirect for a new file and 35 µs more to replace one; ext4 writes a
	// file that replaces another to the disk at once, which takes as long as
	// the disk does (BenchmarkUpload, 2 cores).
	UploadAtomic UploadMode = iota
	// UploadDirect writes into the target itself, as FTP servers of old do. It
	// is for storage where renaming is dear or not atomic, and for readers that
	// follow a file while it grows.
	UploadDirect
)

// String returns the text form.
func (m UploadMode) String() string {
	switch m {
	case UploadAtomic:
		return "atomic"
	case UploadDirect:
		return "direct"
	default:
		return fmt.Sprintf("UploadMode(%d)", uint8(m))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (m UploadMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is
// UploadAtomic.
func (m *UploadMode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "", "atomic":
		*m = UploadAtomic
	case "direct":
		*m = UploadDirect
	default:
		return fmt.Errorf("%q is not a way to upload: use atomic or direct", text)
	}
	return nil
}

// UploadOptions configures Uploads. The zero value publishes atomically, does
// not sync, and keeps interrupted uploads for a day.
type UploadOptions struct {
	// Mode is how an upload becomes a file. Zero: UploadAtomic.
	Mode UploadMode
	// Durable has each upload on the disk, and its name in its directory,
	// before it counts as complete (fsync). An upload then survives a power
	// cut from the moment that the client is told of its success.
	Durable bool
	// KeepPartials is how long after its last byte an interrupted upload can be
	// continued; then Sweep removes it. Zero: 24 h. Negative: for good. Choose
	// it longer than any pause a running upload may make, for Sweep knows a
	// running one from an abandoned one by nothing else.
	KeepPartials time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

const defaultKeepPartials = 24 * time.Hour

// isZero says whether nothing is set.
func (o UploadOptions) isZero() bool {
	return o.Mode == 0 && !o.Durable && o.KeepPartials == 0 && o.Now == nil
}

func (o UploadOptions) withDefaults() UploadOptions {
	if o.KeepPartials == 0 {
		o.KeepPartials = defaultKeepPartials
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
