package config

import (
	"encoding"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "64MiB". Units are B, KiB, MiB, GiB and
// TiB; without one it is bytes.
type Size int64

var (
	_ encoding.TextMarshaler   = Size(0)
	_ encoding.TextUnmarshaler = (*Size)(nil)
)

// sizeUnits are the units, each 1,024 times the one before.
func sizeUnits() []string { return []string{"B", "KiB", "MiB", "GiB", "TiB"} }

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	units, n := sizeUnits(), int64(s)
	for n != 0 && n%1024 == 0 && len(units) > 1 {
		units, n = units[1:], n/1024
	}
	if n == int64(s) {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10) + units[0]
}

// MarshalText returns what String does.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "BKMGTi")
	unit := string(text)[len(digits):]
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	factor := int64(1)
	for _, known := range sizeUnits() {
		if unit == "" || unit == known {
			if err != nil || n < 0 || n > math.MaxInt64/factor {
				break
			}
			*s = Size(n * factor)
			return nil
		}
		factor *= 1024
	}
	return fmt.Errorf("%q is not a size: write it as 500MiB or 10GiB (B, KiB, MiB, GiB, TiB)", text)
}
