package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"

	"github.com/portico-ftp/portico/internal/sharedfile"
)

// File is a file of bans. A server that runs and the commands of its operator
// may change it at the same time: who does holds a lock, on a second file
// beside it, because the file itself is replaced as a whole.
type File struct {
	// Path is where the file is.
	Path string
}

// ErrInvalid says that a file holds something else than bans.
var ErrInvalid = errors.New("guard: not a file of bans")

const maxFileSize = 256 << 20

// content is what the file holds: JSON, so that a half of it is never taken for
// the whole.
type content struct {
	Bans []Ban `json:"bans"`
}

// Read returns the bans of the file, none if it does not exist. The error is an
// ErrInvalid when something else stands there.
func (f File) Read() ([]Ban, error) {
	info, err := os.Stat(f.Path) // opening a pipe would wait
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no ordinary file", ErrInvalid, f.Path)
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var c content
	decoder := json.NewDecoder(io.LimitReader(file, maxFileSize))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalid, f.Path, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: %s: something follows the end", ErrInvalid, f.Path)
	}
	for i, b := range c.Bans {
		if err := b.check(); err != nil {
			return nil, fmt.Errorf("%w: %s: ban %d: %w", ErrInvalid, f.Path, i+1, err)
		}
		c.Bans[i].Network = unmapped(b.Network)
	}
	return c.Bans, nil
}

func (b Ban) check() error {
	switch {
	case !b.Network.IsValid():
		return errors.New("network is missing")
	case b.Since.IsZero():
		return errors.New("since is missing")
	case !b.Until.IsZero() && b.Until.Before(b.Since):
		return errors.New("until is before since")
	case b.Count < 0:
		return errors.New("count is negative")
	}
	return nil
}

// unmapped is a network in the form that the rest compares.
func unmapped(network netip.Prefix) netip.Prefix {
	if addr := network.Addr(); addr.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(addr.Unmap(), network.Bits()-96)
	}
	return network.Masked()
}

// Edit replaces the bans of the file by what change makes of them, under the
// file's lock. It waits for the lock until ctx is done.
func (f File) Edit(ctx context.Context, change func([]Ban) ([]Ban, error)) error {
	return f.locked(ctx, func() error {
		bans, err := f.Read()
		if err != nil {
			return err
		}
		if bans, err = change(bans); err != nil {
			return err
		}
		return f.write(bans)
	})
}

func (f File) locked(ctx context.Context, do func() error) error {
	return sharedfile.Lock(ctx, f.Path, do)
}

// write replaces the file at once and durably. The caller holds the lock.
func (f File) write(bans []Ban) error {
	text, err := encode(bans)
	if err != nil {
		return err
	}
	return sharedfile.Replace(f.Path, text)
}

// encode writes a line for each ban, which is pleasant to read and to compare.
func encode(bans []Ban) ([]byte, error) {
	slices.SortFunc(bans, func(a, b Ban) int { return a.Network.Compare(b.Network) })
	text := []byte("{\"bans\":[")
	for i, b := range bans {
		line, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(text, '\n'), line...)
	}
	return append(text, "\n]}\n"...), nil
}
