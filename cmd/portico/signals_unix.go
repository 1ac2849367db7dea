//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// upgradeSignals returns the signals that ask for a successor, until stop is
// called.
func upgradeSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	return signals, func() { signal.Stop(signals) }
}

func signalUpgrade(pid int) error { return syscall.Kill(pid, syscall.SIGUSR2) }
