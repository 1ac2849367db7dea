package server

import (
	"fmt"
	"slices"
	"strings"
)

// enumNames are the text forms of an enumeration whose values count from 0.
// The empty text stands for the first.
type enumNames []string

func (names enumNames) text(value int) string {
	if value < 0 || value >= len(names) {
		return fmt.Sprintf("unknown (%d)", value)
	}
	return names[value]
}

func (names enumNames) value(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	if i := slices.Index(names, string(text)); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("%q is unknown: use %s", text, strings.Join(names, ", "))
}
