package driver

import "fmt"

// LinkPolicy says which symbolic links a Local follows. Text form: "inside",
// "never", "anywhere".
type LinkPolicy uint8

// The policies.
const (
	// LinksInside follows links that stay inside the directory. Absolute ones
	// count as leading out. No path gets out, whoever changes links meanwhile.
	LinksInside LinkPolicy = iota
	// LinksNever follows none. Somebody who may make links on this machine, as
	// no FTP client may, could have one followed that he makes at the same
	// moment; that does not lead out either.
	LinksNever
	// LinksAnywhere follows all, and is not safe: whoever can make a link in
	// the directory, by whatever means, has clients read and write everything
	// that this process may. It is for directories that are made of links.
	LinksAnywhere
)

// String returns the text form.
func (p LinkPolicy) String() string {
	switch p {
	case LinksInside:
		return "inside"
	case LinksNever:
		return "never"
	case LinksAnywhere:
		return "anywhere"
	default:
		return fmt.Sprintf("LinkPolicy(%d)", uint8(p))
	}
}

// MarshalText implements encoding.TextMarshaler.
func (p LinkPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is LinksInside.
func (p *LinkPolicy) UnmarshalText(text []byte) error {
	for _, policy := range []LinkPolicy{LinksInside, LinksNever, LinksAnywhere} {
		if string(text) == policy.String() {
			*p = policy
			return nil
		}
	}
	if len(text) == 0 {
		*p = LinksInside
		return nil
	}
	return fmt.Errorf("%q is not a policy for symbolic links: use inside, never or anywhere", text)
}
