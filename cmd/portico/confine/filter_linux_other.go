//go:build linux && !amd64 && !arm64

package confine

import (
	"errors"
	"runtime"
)

var errNoFilter = errors.New("there is none for " + runtime.GOARCH + " yet")

func (thisProcess) filter() error { return errNoFilter }
func (trial) filter() error       { return errNoFilter }
