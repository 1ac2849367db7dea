package driver

import (
	"encoding/binary"
	"sync"
)

// maxDecoys is how many hashes are kept to stand in for those of unknown names.
const maxDecoys = 64

// decoys are hashes of users. A name that nobody has costs what the hash of
// some user costs, so that names cannot be found out by the clock.
type decoys struct {
	mu     sync.Mutex
	hashes []string
}

// learn takes up the hash of a user, the first ones for good.
func (d *decoys) learn(hash string) {
	if hash == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.hashes) < maxDecoys {
		d.hashes = append(d.hashes, hash)
	}
}

// of returns what accepts no password and costs what a hash costs; nil where
// none is known. The same name always meets the same one, so that an unknown
// name behaves like a known name even where users have hashes of different
// kinds.
func (d *decoys) of(name pairDigest) func(password string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.hashes) == 0 {
		return nil
	}
	pick := d.hashes[binary.BigEndian.Uint64(name[:8])%uint64(len(d.hashes))]
	digest, err := parseHash(pick)
	if err != nil {
		return nil
	}
	return func(password string) bool {
		digest.Match(password)
		return false
	}
}
