//go:build unix

package main

import (
	"os"
	"syscall"
)

func reopenSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1} }
