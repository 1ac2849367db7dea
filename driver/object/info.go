package object

import (
	"os"
	"time"
)

// info is what is known of an object or a directory.
type info struct {
	name    string
	size    int64
	modTime time.Time
	dir     bool
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) ModTime() time.Time { return i.modTime }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return nil }

// Mode returns what a client may expect: stores have no modes.
func (i info) Mode() os.FileMode {
	if i.dir {
		return os.ModeDir | 0o755
	}
	return 0o644
}
