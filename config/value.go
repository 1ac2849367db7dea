package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"strconv"
)

// Path is the path of a file or directory. A relative one in a configuration
// file counts from that file's directory, and Load resolves it; elsewhere it
// counts from the working directory.
type Path string

// Secret is a text that must not be shown. Its String and text form are
// asterisks, so that logs and error messages cannot give it away.
type Secret string

var (
	_ fmt.Stringer           = Secret("")
	_ fmt.GoStringer         = Secret("")
	_ encoding.TextMarshaler = Secret("")
)

const mask = "********"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns asterisks, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is String in quotes, for %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText returns what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// SourcePort is the local port of active data connections: "auto" is port 20
// where this process may bind it and any other elsewhere, "ephemeral" leaves
// it to the kernel, a number from 1 to 65535 is that port.
type SourcePort string

var _ encoding.TextUnmarshaler = (*SourcePort)(nil)

const (
	// SourcePortAuto is port 20 where this process may bind it.
	SourcePortAuto SourcePort = "auto"
	// SourcePortEphemeral leaves the port to the kernel.
	SourcePortEphemeral SourcePort = "ephemeral"
)

// Number returns the port, and false when the kernel or "auto" settles it.
func (p SourcePort) Number() (uint16, bool) {
	n, err := strconv.ParseUint(string(p), 10, 16)
	return uint16(n), err == nil && n != 0
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *SourcePort) UnmarshalText(text []byte) error {
	parsed := SourcePort(text)
	if err := parsed.check(); err != nil {
		return err
	}
	*p = parsed
	return nil
}

func (p SourcePort) check() error {
	if _, isNumber := p.Number(); isNumber || p == SourcePortAuto || p == SourcePortEphemeral {
		return nil
	}
	return fmt.Errorf("%q is not a source port: use auto, ephemeral, or a port from 1 to 65535", string(p))
}

// AddressRules say which address a client is told. The first that matches
// wins. In the file, a plain address is short for one rule for everybody.
type AddressRules []AddressRule

// AddressRule tells one address to the clients of some networks.
type AddressRule struct {
	// Clients are the networks the rule is for. Empty: everybody.
	Clients []netip.Prefix `mapstructure:"clients"`
	// Address is an IP address, a host name, or "local" for the control
	// connection's local address.
	Address string `mapstructure:"address"`
}
