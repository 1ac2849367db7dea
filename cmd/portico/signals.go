package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that SIGINT or SIGTERM ends. The next of them
// ends the process at once. It does not leave that to the signal's own effect,
// which the first process of a container does not feel.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	go obeyStops(stops, cancel)
	return ctx
}

func obeyStops(stops <-chan os.Signal, cancel context.CancelFunc) {
	<-stops
	cancel()
	again := <-stops
	os.Exit(killedBy(again))
}

// killedBy is the exit code of what a signal has ended, as shells have it.
func killedBy(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}
