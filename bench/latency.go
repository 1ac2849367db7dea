//go:build linux

package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// latencies are waiting times of many clients. The zero value is ready, and
// add may be called concurrently.
type latencies struct {
	mu  sync.Mutex // guards all
	all []time.Duration
}

func (l *latencies) add(several []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, several...)
}

// percentile is the time that this part of them stays within, 0 if there are
// none.
func (l *latencies) percentile(part float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return 0
	}
	slices.Sort(l.all)
	return l.all[min(len(l.all)-1, int(part*float64(len(l.all))))]
}

// milliseconds writes a time as the reports do.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
