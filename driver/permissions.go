package driver

import (
	"fmt"
	"strings"
)

// Permissions is the set of things that an account may do with its files. The
// zero value allows nothing. Text form: the names of its members separated by
// commas ("list, read, write, delete, rename, mkdir, overwrite, chmod"), or
// "none".
//
// Who may both write and delete may overwrite too, for he could delete the file
// and write it anew. So CanOverwrite matters where CanDelete is missing: without
// either, CanWrite makes new files only, as a drop box wants it.
type Permissions uint16

// The members of the set.
const (
	// CanList allows listing directories and asking for the size and times of
	// files.
	CanList Permissions = 1 << iota
	// CanRead allows downloads and checksums.
	CanRead
	// CanWrite allows creating files, going on with interrupted uploads of
	// one's own, and setting the times of files.
	CanWrite
	// CanDelete allows removing files and directories.
	CanDelete
	// CanRename allows renaming and moving. Replacing an existing file that
	// way takes the right to overwrite as well.
	CanRename
	// CanMkdir allows making directories.
	CanMkdir
	// CanOverwrite allows, with CanWrite, replacing files that exist, and
	// changing and appending to them.
	CanOverwrite
	// CanChmod allows changing the modes of files and directories (SITE CHMOD).
	CanChmod
)

const (
	// AllPermissions allows everything.
	AllPermissions = CanList | CanRead | CanWrite | CanDelete | CanRename | CanMkdir | CanOverwrite | CanChmod
	// ReadOnly allows listing and downloading.
	ReadOnly = CanList | CanRead
)

const (
	permissionNames = "list, read, write, delete, rename, mkdir, overwrite, chmod"
	noPermissions   = "none"
)

// ParsePermissions returns the set that the names make up. Space around a
// name is ignored and a name may come twice; no names make the empty set. An
// unknown name is an error that lists the known ones.
func ParsePermissions(names []string) (Permissions, error) {
	var set Permissions
	for _, name := range names {
		member, err := parsePermission(strings.TrimSpace(name))
		if err != nil {
			return 0, err
		}
		set |= member
	}
	return set, nil
}

func parsePermission(name string) (Permissions, error) {
	switch name {
	case "list":
		return CanList, nil
	case "read":
		return CanRead, nil
	case "write":
		return CanWrite, nil
	case "delete":
		return CanDelete, nil
	case "rename":
		return CanRename, nil
	case "mkdir":
		return CanMkdir, nil
	case "overwrite":
		return CanOverwrite, nil
	case "chmod":
		return CanChmod, nil
	default:
		return 0, fmt.Errorf("%q is not a permission: use %s", name, permissionNames)
	}
}

// Has reports whether every member of wanted is in the set.
func (p Permissions) Has(wanted Permissions) bool { return p&wanted == wanted }

// HasAny reports whether at least one member of wanted is in the set.
func (p Permissions) HasAny(wanted Permissions) bool { return p&wanted != 0 }

// overwrites reports whether files that exist may be changed.
func (p Permissions) overwrites() bool {
	return p.Has(CanWrite) && p.HasAny(CanOverwrite|CanDelete)
}

// String returns the text form.
func (p Permissions) String() string {
	var members []string
	for i, name := range strings.Split(permissionNames, ", ") {
		if p.Has(1 << i) {
			members = append(members, name)
		}
	}
	if len(members) == 0 {
		return noPermissions
	}
	return strings.Join(members, ", ")
}

// MarshalText implements encoding.TextMarshaler.
func (p Permissions) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is the empty
// set.
func (p *Permissions) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s == "" || s == noPermissions {
		*p = 0
		return nil
	}
	set, err := ParsePermissions(strings.Split(s, ","))
	if err != nil {
		return err
	}
	*p = set
	return nil
}
