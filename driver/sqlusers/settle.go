package sqlusers

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/portico-ftp/portico/driver"
)

func setName(u *driver.User, v value) error {
	name, err := v.text()
	if err == nil && strings.ContainsAny(name, "\r\n\x00") {
		err = errors.New("holds CR, LF or NUL, which no client can send")
	}
	u.Name = name
	return err
}

func setHome(u *driver.User, v value) error {
	home, err := v.text()
	if err == nil && !filepath.IsAbs(home) {
		err = v.isNot("an absolute path")
	}
	u.Home = strings.ReplaceAll(home, "%", "%%") // a path and no template
	return err
}

// setPermissions takes care that none at all do not come to be all: for the
// driver, none are those of somebody else.
func setPermissions(u *driver.User, v value) error {
	words, err := v.list()
	if err != nil {
		return err
	}
	if err := u.Permissions.UnmarshalText([]byte(strings.Join(words, ","))); err != nil {
		return err
	}
	if u.Permissions == 0 {
		return refuseNoPermissions(u, v)
	}
	return nil
}

// refuseNoPermissions is for an empty text. NULL leaves them to groups.
func refuseNoPermissions(_ *driver.User, v value) error {
	if v.raw == nil {
		return nil
	}
	return errors.New("there are none: write NULL to leave them to the groups, or refuse logins with a column disabled")
}

func setGroups(u *driver.User, v value) (err error) {
	u.Groups, err = v.list()
	return err
}

func setDisabled(u *driver.User, v value) (err error) {
	u.Access.Disabled, err = v.truth()
	return err
}

func setEnabled(u *driver.User, v value) error {
	enabled, err := v.truth()
	u.Access.Disabled = !enabled
	return err
}

// disable is for who is not said to be enabled.
func disable(u *driver.User, _ value) error {
	u.Access.Disabled = true
	return nil
}

func setExpires(u *driver.User, v value) (err error) {
	u.Access.Expires, err = v.end()
	return err
}

// setNetworks takes addresses, too, and * for all.
func setNetworks(u *driver.User, v value) error {
	words, err := v.list()
	if err != nil || len(words) == 1 && words[0] == "*" {
		return err
	}
	for _, word := range words {
		network, err := parseNetwork(word)
		if err != nil {
			return v.isNot("a list of addresses and networks such as 10.0.0.0/8, or *")
		}
		u.Access.Networks = append(u.Access.Networks, network)
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	address = address.Unmap().WithZone("")
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func setHours(u *driver.User, v value) error {
	hours, err := v.text()
	if err != nil {
		return err
	}
	if err := u.Access.Hours.UnmarshalText([]byte(hours)); err != nil {
		return err
	}
	if len(u.Access.Hours) == 0 {
		return v.isNot("a time of the week such as Mon-Fri 08:00-18:00")
	}
	return nil
}

func setRequireTLS(u *driver.User, v value) (err error) {
	u.Access.RequireTLS, err = v.truth()
	return err
}
