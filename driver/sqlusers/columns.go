package sqlusers

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-ftp/portico/driver"
)

const (
	kibi = 1 << 10
	mebi = 1 << 20
)

// column is one that is known.
type column struct {
	// names are in lower case.
	names []string
	// settles is what it is about: two columns about one thing are an error.
	settles string
	// set puts a value into the user, which is neither NULL nor an empty text.
	set func(*driver.User, value) error
	// empty is told of those. Nil: they say nothing.
	empty func(*driver.User, value) error
}

// knownColumns are those of the package comment.
func knownColumns() []column {
	return []column{
		{[]string{"name", "userid", "user", "username", "login"}, "name", setName, nil},
		{[]string{"password", "passwd", "password_hash"}, "password", text(func(u *driver.User) *string { return &u.PasswordHash }), nil},
		{[]string{"certificate"}, "certificate", text(func(u *driver.User) *string { return &u.CertificateName }), nil},
		{[]string{"home", "homedir", "dir"}, "home", setHome, nil},
		{[]string{"permissions"}, "permissions", setPermissions, refuseNoPermissions},
		{[]string{"groups"}, "groups", setGroups, nil},
		{[]string{"quota_bytes"}, "quota_bytes", count(1, quotaBytes), nil},
		{[]string{"quotasize"}, "quota_bytes", count(mebi, quotaBytes), nil},
		{[]string{"quota_files", "quotafiles"}, "quota_files", count(1, func(u *driver.User) *int64 { return &u.Quota.Files }), nil},
		{[]string{"upload_rate"}, "upload_rate", count(1, uploadRate), nil},
		{[]string{"ulbandwidth"}, "upload_rate", count(kibi, uploadRate), nil},
		{[]string{"download_rate"}, "download_rate", count(1, downloadRate), nil},
		{[]string{"dlbandwidth"}, "download_rate", count(kibi, downloadRate), nil},
		{[]string{"max_sessions"}, "max_sessions", count(1, func(u *driver.User) *int { return &u.Limits.Sessions }), nil},
		{[]string{"max_transfers"}, "max_transfers", count(1, func(u *driver.User) *int { return &u.Limits.Transfers }), nil},
		{[]string{"disabled"}, "disabled", setDisabled, nil},
		{[]string{"enabled", "active", "status"}, "disabled", setEnabled, disable},
		{[]string{"expires"}, "expires", setExpires, nil},
		{[]string{"networks", "ipaccess"}, "networks", setNetworks, nil},
		{[]string{"hours"}, "hours", setHours, nil},
		{[]string{"require_tls"}, "require_tls", setRequireTLS, nil},
	}
}

// text is a column whose text goes into a field as it is.
func text(field func(*driver.User) *string) func(*driver.User, value) error {
	return func(u *driver.User, v value) (err error) {
		*field(u), err = v.text()
		return err
	}
}

// count is a column with a number of units, which goes into a field.
func count[T int | int64](unit int64, field func(*driver.User) *T) func(*driver.User, value) error {
	return func(u *driver.User, v value) error {
		n, err := v.count(unit)
		if err != nil {
			return err
		}
		if int64(T(n)) != n {
			return v.isNot("a number that is small enough")
		}
		*field(u) = T(n)
		return nil
	}
}

func quotaBytes(u *driver.User) *int64   { return &u.Quota.Bytes }
func uploadRate(u *driver.User) *int64   { return &u.Limits.UploadRate }
func downloadRate(u *driver.User) *int64 { return &u.Limits.DownloadRate }

// foundColumns says for each column of a query which of those known it is. Nil:
// none.
type foundColumns []*column

// findColumns looks for the columns of a query. The name is required although
// the client has said it: where a database does not tell ALICE from alice, they
// would be two users with one password.
func findColumns(names []string) (foundColumns, error) {
	known := knownColumns()
	found := make(foundColumns, len(names))
	first := map[string]string{}
	for i, name := range names {
		at := slices.IndexFunc(known, func(c column) bool { return slices.Contains(c.names, strings.ToLower(name)) })
		if at < 0 {
			continue
		}
		found[i] = &known[at]
		settles := known[at].settles
		if other, taken := first[settles]; taken {
			return nil, fmt.Errorf("the columns %s and %s are both about %s: select one of them, or give the other another name with AS", other, name, settles)
		}
		first[settles] = name
	}
	_, hasPassword := first["password"]
	_, hasCertificate := first["certificate"]
	switch {
	case first["name"] == "":
		return nil, errors.New("no column is the user's name: select it, as userid, user, username, login or, with AS, name")
	case !hasPassword && !hasCertificate:
		return nil, errors.New("no column is the password: select it, as passwd or, with AS, password")
	}
	return found, nil
}

func (f foundColumns) describe(names []string) Columns {
	var described Columns
	for i, c := range f {
		if c != nil {
			described.Known = append(described.Known, names[i])
		} else {
			described.Ignored = append(described.Ignored, names[i])
		}
	}
	return described
}

// readUser makes a user of the row.
func readUser(rows *sql.Rows) (*driver.User, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	names, values, into := make([]string, len(types)), make([]value, len(types)), make([]any, len(types))
	for i, t := range types {
		names[i] = t.Name()
		values[i].databaseType = strings.ToUpper(t.DatabaseTypeName())
		into[i] = &values[i].raw
	}
	found, err := findColumns(names)
	if err != nil {
		return nil, err
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	user := &driver.User{}
	for i, c := range found {
		if err := c.put(user, values[i]); err != nil {
			return nil, fmt.Errorf("column %s: %w", names[i], err)
		}
	}
	if user.Name == "" {
		return nil, errors.New("returns a row without the user's name")
	}
	return user, nil
}

func (c *column) put(user *driver.User, v value) error {
	switch {
	case c == nil:
		return nil
	case !v.isEmpty():
		return c.set(user, v)
	case c.empty != nil:
		return c.empty(user, v)
	default:
		return nil
	}
}
