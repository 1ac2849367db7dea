package ldapusers

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/portico-ftp/portico/driver"
)

// list is what a search asks for.
func (a Attributes) list() []string {
	all := []string{a.Name, a.Home, a.Groups, a.QuotaBytes, a.QuotaFiles, a.Permissions, a.Certificate}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// userOf reads an entry. A value that makes no sense is an error: left out, it
// would mean that there is no such limit.
func (s *Source) userOf(entry *ldap.Entry, groups []string) (*driver.User, error) {
	names := s.opts.Attributes
	user := &driver.User{Groups: groups}
	var faults []error
	read := func(attribute string, take func(value string) error) {
		value, err := valueOf(entry, attribute)
		if err == nil && value != "" {
			err = take(value)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("attribute %s: %w", attribute, err))
		}
	}
	// One who has several names is one user all the same.
	user.Name = entry.GetEqualFoldAttributeValue(names.Name)
	if !canBeName(user.Name) {
		faults = append(faults, fmt.Errorf("attribute %s: there is no name in it that a client could send", names.Name))
	}
	read(names.Home, func(value string) (err error) {
		user.Home, err = literalDir(value)
		return err
	})
	read(names.QuotaBytes, func(value string) (err error) {
		user.Quota.Bytes, err = parseCount(value, s.opts.QuotaUnit)
		return err
	})
	read(names.QuotaFiles, func(value string) (err error) {
		user.Quota.Files, err = parseCount(value, 1)
		return err
	})
	read(names.Certificate, func(value string) error {
		user.CertificateName = value
		return nil
	})
	var err error
	if user.Permissions, err = permissionsOf(entry, names.Permissions); err != nil {
		faults = append(faults, fmt.Errorf("attribute %s: %w", names.Permissions, err))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("entry %q: %w", entry.DN, err)
	}
	return user, nil
}

// valueOf returns the only value of an attribute, "" if there is none.
func valueOf(entry *ldap.Entry, attribute string) (string, error) {
	if attribute == "" {
		return "", nil
	}
	switch values := entry.GetEqualFoldAttributeValues(attribute); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", errors.New("has several values, and can have one alone")
	}
}

// literalDir makes a directory a template that stands for it alone.
func literalDir(dir string) (string, error) {
	if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
		return "", fmt.Errorf("%q is no full path: write it from the root on", dir)
	}
	return strings.ReplaceAll(dir, "%", "%%"), nil
}

func parseCount(value string, unit int64) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is not a whole number that makes sense as a quota", value)
	}
	return n * unit, nil
}

// permissionsOf returns zero, which leaves them to the groups, where the entry
// has none.
func permissionsOf(entry *ldap.Entry, attribute string) (driver.Permissions, error) {
	if attribute == "" {
		return 0, nil
	}
	values := entry.GetEqualFoldAttributeValues(attribute)
	if len(values) == 0 {
		return 0, nil
	}
	words := strings.FieldsFunc(strings.Join(values, ","), func(c rune) bool { return c == ',' || c == ' ' })
	permissions, err := driver.ParsePermissions(words)
	if err == nil && permissions == 0 {
		err = errors.New("is empty, which allows nothing: name some permissions")
	}
	return permissions, err
}
