//go:build !linux

package confine

import (
	"errors"
	"runtime"
)

// thisProcess has nothing to offer here.
type thisProcess struct{}

type trial = thisProcess

var errNotHere = errors.New("not supported on " + runtime.GOOS)

func (thisProcess) landlockABI() (int, error)  { return 0, errNotHere }
func (thisProcess) restrict(*rules, int) error { return errNotHere }
func (thisProcess) noNewPrivileges() error     { return errNotHere }
func (thisProcess) filter() error              { return errNotHere }
