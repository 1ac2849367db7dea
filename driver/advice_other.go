//go:build !linux

package driver

import "os"

// adviseSequential does nothing here.
func adviseSequential(*os.File, int64) {}
