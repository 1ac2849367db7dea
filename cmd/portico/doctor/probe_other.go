//go:build !linux

package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// sendProbe cannot be made here without rights of an administrator.
func sendProbe(netip.AddrPort, int, time.Duration) (hop, error) {
	return hop{}, fmt.Errorf("doctor: hop limits: %w", errors.ErrUnsupported)
}
