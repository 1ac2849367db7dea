package driver_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/portico-ftp/portico/driver"
)

func TestDenialReason(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"unknown_user":   driver.ErrUnknownUser,
		"wrong_password": fmt.Errorf("file of users: %w", driver.ErrWrongPassword),
		"expired":        &driver.Denial{Reason: "expired"},
		"denied":         driver.ErrDenied,
	} {
		if got := driver.DenialReason(err); got != want || !errors.Is(err, driver.ErrDenied) {
			t.Errorf("%v: reason %q and denied %v, want %q and true", err, got, errors.Is(err, driver.ErrDenied), want)
		}
	}
}
