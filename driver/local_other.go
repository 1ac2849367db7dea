//go:build !linux && !darwin && !freebsd

package driver

import (
	"errors"
	"os"
)

const openNonblock = 0

// spaceBehind is not known here.
func spaceBehind(*os.File) (int64, error) { return 0, errors.ErrUnsupported }

// lockWhole does nothing here.
func lockWhole(*os.File) error { return nil }
