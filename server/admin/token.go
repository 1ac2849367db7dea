package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// Role says what a client may do. Text form: "read" or "admin".
type Role uint8

const (
	// RoleRead sees everything but the log and profiles.
	RoleRead Role = iota + 1
	// RoleAdmin may change what can be changed, too.
	RoleAdmin
)

// String returns the text form.
func (r Role) String() string {
	switch r {
	case RoleRead:
		return "read"
	case RoleAdmin:
		return "admin"
	default:
		return fmt.Sprintf("unknown (%d)", uint8(r))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error {
	for _, role := range []Role{RoleRead, RoleAdmin} {
		if string(text) == role.String() {
			*r = role
			return nil
		}
	}
	return fmt.Errorf("%q is no role: use read or admin", text)
}

// Token lets a client in that knows it.
type Token struct {
	// Name is what the log calls whoever uses it.
	Name string
	// Secret is what the client sends. Required.
	Secret string
	// Role is what the client may do. Required.
	Role Role
}

// knownToken is a token whose secret is not kept.
type knownToken struct {
	name string
	sum  [sha256.Size]byte
	role Role
}

func knownTokens(tokens []Token) ([]knownToken, error) {
	var known []knownToken
	var faults []error
	for i, t := range tokens {
		if t.Secret == "" {
			faults = append(faults, fmt.Errorf("admin: Options.Tokens[%d].Secret is empty: anybody could guess it", i))
		}
		if t.Role != RoleRead && t.Role != RoleAdmin {
			faults = append(faults, fmt.Errorf("admin: Options.Tokens[%d].Role is %v: set RoleRead or RoleAdmin", i, t.Role))
		}
		known = append(known, knownToken{t.Name, sha256.Sum256([]byte(t.Secret)), t.Role})
	}
	return known, errors.Join(faults...)
}

// match returns the token that a secret is. How long it takes tells nothing of
// the tokens.
func match(tokens []knownToken, secret string) (found knownToken, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	for _, t := range tokens {
		if subtle.ConstantTimeCompare(t.sum[:], sum[:]) == 1 {
			found, ok = t, true
		}
	}
	return found, ok && secret != ""
}
