package httpusers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/portico-ftp/portico/driver"
)

// Account is the answer about somebody who gets in. What it leaves out, groups
// settle, and then the defaults.
type Account struct {
	// Name is the name by which the FTP server knows the user: one and the same,
	// however the client has spelled it. Required.
	Name string `json:"name"`
	// Home is the full path of the home, in which %u is the user's name and %% a
	// percent sign.
	Home string `json:"home,omitempty"`
	// CreateHome makes the home if it is missing.
	CreateHome bool `json:"create_home,omitempty"`
	// Permissions are words such as "list" and "read".
	Permissions []string `json:"permissions,omitempty"`
	// Groups are groups of the FTP server's.
	Groups []string `json:"groups,omitempty"`
	// Quota is how much the user may keep.
	Quota Quota `json:"quota,omitzero"`
	// Limits bounds what the user may use at one time.
	Limits Limits `json:"limits,omitzero"`
	// Disabled refuses the login.
	Disabled bool `json:"disabled,omitempty"`
	// Expires is the last day on which the user may log in, "2026-12-31", by the
	// clock of the FTP server.
	Expires string `json:"expires,omitempty"`
	// Networks are those that the client's address must be in one of.
	Networks []netip.Prefix `json:"networks,omitempty"`
	// Hours are when the user may log in, "Mon-Fri 08:00-18:00", see
	// driver.Hours.
	Hours driver.Hours `json:"hours,omitempty"`
	// RequireTLS refuses logins in clear.
	RequireTLS bool `json:"require_tls,omitempty"`
	// Certificate is a name in a client certificate that lets the user in without
	// the password, see driver.User.
	Certificate string `json:"certificate,omitempty"`
}

// Quota is a driver.QuotaLimits.
type Quota struct {
	Bytes int64 `json:"bytes,omitempty"`
	Files int64 `json:"files,omitempty"`
}

// Limits is a driver.Limits.
type Limits struct {
	Sessions     int   `json:"sessions,omitempty"`
	Transfers    int   `json:"transfers,omitempty"`
	UploadRate   int64 `json:"upload_rate,omitempty"`
	DownloadRate int64 `json:"download_rate,omitempty"`
}

// longestName is more than anybody is called.
const longestName = 255

// readAccount reads an answer, which must be one account and nothing else: a key
// with a slip in it may be the one that refuses the login.
func readAccount(body []byte) (Account, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	var account Account
	if err := decoder.Decode(&account); err != nil {
		return Account{}, fmt.Errorf("the answer is no account: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Account{}, errors.New("the answer goes on after the account")
	}
	return account, nil
}

// user turns an account into a user of the driver. A value that makes no sense
// is an error: left out, it would mean that there is no such limit.
func (a Account) user(groups []string) (*driver.User, error) {
	user := &driver.User{
		Name: a.Name, Home: a.Home, Groups: append(a.Groups[:len(a.Groups):len(a.Groups)], groups...), CertificateName: a.Certificate,
		Quota:  driver.QuotaLimits(a.Quota),
		Limits: driver.Limits(a.Limits),
		Access: driver.Access{Disabled: a.Disabled, Networks: a.Networks, Hours: a.Hours, RequireTLS: a.RequireTLS},
	}
	if a.CreateHome {
		user.Home, user.Storage = "", driver.Storage{Dir: a.Home, Create: true}
	}
	var faults []error
	add := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	if a.Name == "" || len(a.Name) > longestName || strings.ContainsFunc(a.Name, unicode.IsControl) {
		add("name", "has to be there, without control characters and not longer than %d bytes", longestName)
	}
	if a.Home != "" && !filepath.IsAbs(a.Home) || strings.ContainsRune(a.Home, 0) {
		add("home", "%q is no full path: write it from the root on", a.Home)
	}
	var err error
	if user.Permissions, err = driver.ParsePermissions(a.Permissions); err != nil {
		add("permissions", "%w", err)
	} else if a.Permissions != nil && user.Permissions == 0 {
		add("permissions", "is empty, which allows nothing: name some, or set disabled")
	}
	if min(a.Quota.Bytes, a.Quota.Files, int64(a.Limits.Sessions), int64(a.Limits.Transfers), a.Limits.UploadRate, a.Limits.DownloadRate) < 0 {
		add("quota, limits", "hold a negative number: write 0 for no limit")
	}
	if user.Access.Expires, err = endOf(a.Expires); err != nil {
		add("expires", "%w", err)
	}
	return user, errors.Join(faults...)
}

// endOf returns when a day is over, zero for none.
func endOf(day string) (time.Time, error) {
	if day == "" {
		return time.Time{}, nil
	}
	date, err := time.ParseInLocation(time.DateOnly, day, time.Local)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a day: write it as 2026-12-31", day)
	}
	return date.AddDate(0, 0, 1), nil
}
