package migrate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// take is how a setting is translated.
type take func(*draft, Given) error

// count sets a key to a number. 0 is no limit on both sides.
func count(key string) take {
	return func(d *draft, g Given) error {
		n, err := strconv.ParseUint(g.Value, 10, 31)
		if err != nil {
			return errors.New("is no number")
		}
		d.set(key, int(n), g)
		return nil
	}
}

// duration sets a key to a time that is given as a number of units. Zero is no
// limit on both sides.
func duration(key string, unit time.Duration) take {
	return func(d *draft, g Given) error {
		n, err := strconv.ParseUint(g.Value, 10, 31)
		if err != nil {
			return errors.New("is no number")
		}
		d.set(key, config.FormatDuration(time.Duration(n)*unit), g)
		return nil
	}
}

// text sets a key to the value.
func text(key string) take {
	return func(d *draft, g Given) error {
		if g.Value == "" {
			return errors.New("has no value")
		}
		d.set(key, g.Value, g)
		return nil
	}
}

// when sets a key to one of two values. An empty string sets nothing.
func when(key string, yes, no any) take {
	return func(d *draft, g Given) error {
		on, err := parseBool(g.Value)
		if err != nil {
			return err
		}
		value := no
		if on {
			value = yes
		}
		if value != nil {
			d.set(key, value, g)
		}
		return nil
	}
}

// isBool only checks the value: before or after looks at it.
func isBool(_ *draft, g Given) error {
	_, err := parseBool(g.Value)
	return err
}

// asText is for values that before or after looks at.
func asText(*draft, Given) error { return nil }

// leastRate is the lowest that Portico takes, in bytes per second.
const leastRate = 1 << 10

// rate parses a bandwidth and returns it for the configuration.
func rate(value string, unit float64) (string, error) {
	n, err := strconv.ParseFloat(value, 64)
	switch bytes := n * unit; {
	case err != nil || n < 0 || bytes > 1<<50:
		return "", errors.New("is no bandwidth")
	case n > 0 && bytes < leastRate:
		return "", errors.New("is less than 1KiB per second, which Portico takes for a mistake")
	default:
		return config.Size(bytes).String(), nil
	}
}

// ports parses a range.
func ports(first, last string) (string, error) {
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil || a == 0 || b < a {
		return "", fmt.Errorf("%s to %s is no range of ports", first, last)
	}
	return fmt.Sprintf("%d-%d", a, b), nil
}

// octal parses a umask.
func octal(value string) (string, error) {
	n, err := strconv.ParseUint(value, 8, 16)
	if err != nil || n > 0o777 {
		return "", errors.New("is no umask")
	}
	return fmt.Sprintf("%03o", n), nil
}

// address is "host:port" for a listener. An empty host is every address.
func address(host, port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%q is no port", port)
	}
	if host == "" {
		return ":" + port, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(addr, uint16(n)).String(), nil
	}
	return host + ":" + port, nil
}

// template is a directory as Portico writes it, with %u for what stood for the
// name of the user.
func template(directory, user string) string {
	parts := []string{directory}
	if user != "" {
		parts = strings.Split(directory, user)
	}
	for i := range parts {
		parts[i] = strings.ReplaceAll(parts[i], "%", "%%")
	}
	return strings.Join(parts, "%u")
}

// permissions are those that hold, in the order of the configuration.
func permissions(may map[string]bool) []string {
	var list []string
	for _, name := range []string{"list", "read", "write", "overwrite", "delete", "rename", "mkdir", "chmod"} {
		if may[name] {
			list = append(list, name)
		}
	}
	return list
}

// everything is what a user may do who may do all of it.
func everything() map[string]bool {
	return map[string]bool{"list": true, "read": true, "write": true, "overwrite": true, "delete": true, "rename": true, "mkdir": true, "chmod": true}
}

// verbs splits a list of commands into those that Portico knows, in upper case,
// and the others.
func verbs(list string) (known, others []string) {
	all := server.Verbs()
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if verb := strings.ToUpper(word); !slices.Contains(all, verb) {
			others = append(others, word)
		} else if !slices.Contains(known, verb) {
			known = append(known, verb)
		}
	}
	return known, others
}
