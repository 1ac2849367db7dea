package config

import (
	"errors"
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a configuration. The errors of Load
// and Validate join all of them; Faults takes them apart.
type Fault struct {
	// Source is where the value was set: a file, an environment variable or
	// the command line. Empty: nowhere, it is a default or is missing.
	Source string
	// Key is the path of the key, "listeners[0].address". Empty: the fault is
	// with the source as a whole.
	Key string
	// Problem says what is wrong and what to do.
	Problem string
}

// Error returns "source: key: problem".
func (f *Fault) Error() string {
	var parts []string
	for _, part := range []string{f.Source, f.Key, f.Problem} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Faults takes an error of Load or Validate apart. It returns nil for nil, and
// an error of another kind as it is.
func Faults(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined):
		var faults []error
		for _, e := range joined.Unwrap() {
			faults = append(faults, Faults(e)...)
		}
		return faults
	default:
		return []error{err}
	}
}

// faults collects what is wrong with values that came from one source.
type faults struct {
	source string
	found  []error
}

func (f *faults) add(key, format string, args ...any) {
	f.found = append(f.found, &Fault{Source: f.source, Key: key, Problem: fmt.Sprintf(format, args...)})
}
