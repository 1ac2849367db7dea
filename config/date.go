package config

import (
	"encoding"
	"fmt"
	"time"
)

// Date is a day, "2026-12-31". The zero value is none.
type Date struct{ day time.Time }

var (
	_ encoding.TextMarshaler   = Date{}
	_ encoding.TextUnmarshaler = (*Date)(nil)
)

// End returns when the day is over by the clock of this process; the zero time
// for none.
func (d Date) End() time.Time {
	if d.day.IsZero() {
		return time.Time{}
	}
	year, month, day := d.day.Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.Local)
}

// String returns the text form, empty for none.
func (d Date) String() string {
	if d.day.IsZero() {
		return ""
	}
	return d.day.Format(time.DateOnly)
}

// MarshalText returns what String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	day, err := time.Parse(time.DateOnly, string(text))
	if err != nil || day.IsZero() {
		return fmt.Errorf("%q is not a day: write it as 2026-12-31", text)
	}
	d.day = day
	return nil
}
