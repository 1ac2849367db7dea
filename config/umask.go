package config

import (
	"encoding"
	"fmt"
	"io/fs"
	"strconv"
)

// Umask is a file mode creation mask in octal, "027". Empty: none is set.
type Umask string

var _ encoding.TextUnmarshaler = (*Umask)(nil)

// Mode returns the mask, and false if none is set.
func (u Umask) Mode() (fs.FileMode, bool) {
	mask, err := strconv.ParseUint(string(u), 8, 32)
	return fs.FileMode(mask), err == nil && mask <= 0o777
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Umask) UnmarshalText(text []byte) error {
	parsed := Umask(text)
	if err := parsed.check(); err != nil {
		return err
	}
	*u = parsed
	return nil
}

func (u Umask) check() error {
	if _, set := u.Mode(); !set && u != "" {
		return fmt.Errorf("%q is not a umask: write it in octal and in quotes, such as \"027\"", string(u))
	}
	return nil
}
