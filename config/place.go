package config

import (
	"reflect"
	"time"
)

// Place says what stands at a user's "/" or at a mount, and what may happen
// there. Its keys are those of User and Mount.
type Place struct {
	// Storage is what the files are in: "local", a directory of this machine;
	// "memory", which a restart empties; "overlay", which shows Base and keeps
	// changes in a directory; "object", the bucket of an object store.
	Storage string `mapstructure:"storage" oneof:"local memory overlay object"`
	// Base is the directory below an overlay, which stays as it is. It may hold
	// %u for the user's name.
	Base Path `mapstructure:"base"`
	// Bucket is the name of one of Config.Buckets, for storage object.
	Bucket string `mapstructure:"bucket"`
	// Prefix is what the keys in the bucket start with; what lies outside is
	// not seen. It may hold %u for the user's name. A slash at its end is added
	// if it is missing. Empty: the whole bucket.
	Prefix string `mapstructure:"prefix"`
	// Permissions are what the user may do. Absent: everything.
	Permissions []string `mapstructure:"permissions" oneof:"list read write delete rename mkdir overwrite chmod"`
	// Uploads says when an upload becomes a file: "atomic" when it is complete,
	// "direct" while it arrives.
	Uploads string `mapstructure:"uploads" oneof:"atomic direct"`
	// Durable has uploads on the disk before they count as complete.
	Durable bool `mapstructure:"durable"`
	// KeepPartials is how long an interrupted upload can be continued. Zero:
	// for good.
	KeepPartials time.Duration `mapstructure:"keep_partials"`
	// Symlinks says which symbolic links are followed: "inside", those that
	// stay in the directory; "never"; "anywhere", which is not safe.
	Symlinks string `mapstructure:"symlinks" oneof:"inside never anywhere"`
	// Umask is taken from the modes of new files and directories. Empty: the
	// process's.
	Umask Umask `mapstructure:"umask"`
}

// Mount is a storage that a user sees beside the home.
type Mount struct {
	// Path is where the user sees it, "/pub".
	Path string `mapstructure:"path"`
	// Dir is the directory that is there. It may hold %u for the user's name.
	Dir Path `mapstructure:"dir"`
	// Create makes the directory when the user logs in and it is missing.
	Create bool `mapstructure:"create"`

	Place `mapstructure:",squash"`
}

// Quota is how much a user may keep at home. Zero: any number.
type Quota struct {
	// Bytes is the sum of the files' sizes.
	Bytes Size `mapstructure:"bytes"`
	// Files is the number of files and directories.
	Files int `mapstructure:"files"`
}

// DefaultPlace returns the values of the keys that a user or a mount leaves
// out.
func DefaultPlace() Place {
	return Place{Storage: "local", Uploads: "atomic", KeepPartials: 24 * time.Hour, Symlinks: "inside"}
}

// newItem returns an item of a list before its keys are read.
func newItem(t reflect.Type) reflect.Value {
	item := reflect.New(t).Elem()
	switch item := item.Addr().Interface().(type) {
	case *User:
		item.Place = DefaultPlace()
	case *Group:
		item.Place = DefaultPlace()
	case *Mount:
		item.Place = DefaultPlace()
	case *Hook:
		*item = DefaultHook()
	case *AdminToken:
		*item = DefaultAdminToken()
	}
	return item
}
