//go:build !unix

package main

import "os"

// reopenSignals: there is none. Logs can be truncated, though.
func reopenSignals() []os.Signal { return nil }
