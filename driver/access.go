package driver

import (
	"net/netip"
	"slices"
	"time"
)

// Access says when an account may be used, from where, and how. The zero value
// is always, from everywhere, in clear too. It is asked at login alone: a
// session that has begun goes on.
type Access struct {
	// Disabled refuses every login.
	Disabled bool
	// Expires is from when on logins are refused. Zero: never.
	Expires time.Time
	// Networks are those that the client's address must be in one of. Empty:
	// any address will do.
	Networks []netip.Prefix
	// Hours are when logins are allowed, in the time zone of this process.
	// Empty: always.
	Hours Hours
	// RequireTLS refuses a login on a control connection in clear.
	RequireTLS bool
}

// check returns why an attempt may not use the account, as a Denial; nil if it
// may.
func (a Access) check(attempt Attempt, now time.Time) error {
	switch {
	case a.Disabled:
		return AccountDisabled
	case !a.Expires.IsZero() && !now.Before(a.Expires):
		return AccountExpired
	case a.RequireTLS && attempt.TLS == nil:
		return TLSMissing
	case len(a.Networks) > 0 && !contains(a.Networks, attempt.Client.Addr()):
		return WrongNetwork
	case len(a.Hours) > 0 && !a.Hours.Contain(now.Local()):
		return WrongHour
	}
	return nil
}

// contains says whether an address is in one of the networks. No address is
// in none.
func contains(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(addr) })
}
