package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parse reads the text of a single value into the key's type.
func parse(k key, text string) (reflect.Value, error) {
	if len(k.oneOf) > 0 && !slices.Contains(k.oneOf, text) {
		return reflect.Value{}, errors.New(unknown(fmt.Sprintf("value %q", text), text, k.oneOf))
	}
	value := reflect.New(k.typ).Elem()
	switch {
	case k.typ == reflect.TypeFor[time.Duration]():
		d, err := parseDuration(text)
		value.SetInt(int64(d))
		return value, err
	case k.typ == reflect.TypeFor[netip.Prefix]():
		network, err := parseNetwork(text)
		return reflect.ValueOf(network), err
	case isText(k.typ):
		return value, value.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	case k.typ.Kind() == reflect.Bool:
		return parseBool(k.typ, text)
	case k.typ.Kind() == reflect.Int:
		return parseInt(k.typ, text)
	default:
		value.SetString(text)
		return value, nil
	}
}

func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%q has no unit: write it as %ss, or with ms, m or h", text, text)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write it as 30s, 5m or 1h30m", text)
	}
	return d, nil
}

// parseNetwork reads a network. It masks the bits of the host, so that
// 10.0.0.5/8 is the network that the machine 10.0.0.5 is in.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err == nil {
		return network.Masked(), nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: write %s/%d for this one address", text, text, address.BitLen())
	}
	return netip.Prefix{}, fmt.Errorf("%q is not a network: write it as 10.0.0.0/8 or 2001:db8::/32", text)
}

func parseBool(t reflect.Type, text string) (reflect.Value, error) {
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return reflect.Value{}, fmt.Errorf("%q is neither true nor false", text)
	}
	return reflect.ValueOf(yes).Convert(t), nil
}

func parseInt(t reflect.Type, text string) (reflect.Value, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return reflect.Value{}, fmt.Errorf("%q is not a whole number", text)
	}
	return reflect.ValueOf(n).Convert(t), nil
}

// wanted says in words which values a key takes.
func wanted(k key) string {
	switch {
	case len(k.oneOf) > 0:
		return "one of " + strings.Join(k.oneOf, ", ")
	case k.typ == reflect.TypeFor[time.Duration]():
		return "a duration such as 30s"
	case k.typ == reflect.TypeFor[netip.Prefix]():
		return "a network such as 10.0.0.0/8"
	case k.typ == reflect.TypeFor[Size]():
		return "a size such as 10GiB"
	case k.typ == reflect.TypeFor[Umask]():
		return `an octal number in quotes, such as "027"`
	case k.typ == reflect.TypeFor[Date]():
		return "a date such as 2026-12-31"
	case isText(k.typ):
		return "a text"
	case k.typ.Kind() == reflect.Bool:
		return "true or false"
	case k.typ.Kind() == reflect.Int:
		return "a number"
	default:
		return "a text"
	}
}

// under resolves a relative path.
func (p Path) under(directory string) Path {
	if p == "" || directory == "" || filepath.IsAbs(string(p)) {
		return p
	}
	return Path(filepath.Join(directory, string(p)))
}
