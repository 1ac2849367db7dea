//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	idleParties = 8               // sessions that log in at one time
	idleSettle  = 2 * time.Second // for the garbage of the logins
)

// filesEach is how many files portico keeps free for a session, and so how many
// sessions it admits; the others would fail when they have none left.
const filesEach = 5

// idleRows have fewer sessions where a process may not have files enough.
func idleRows(files int) []row {
	var all []row
	for _, wanted := range []int{1000, 5000} {
		n := min(wanted, files/filesEach-2*passivePorts)
		all = append(all, row{
			name: fmt.Sprintf("idle-%d", wanted), title: fmt.Sprintf("Memory (PSS) of %d idle sessions", n),
			kind: idle, metrics: []metric{perIdle, wholePSS}, alone: passivePorts, sessions: n, once: true,
			measure: func(ctx context.Context, l *lab, s *server, _ options) (sample, error) {
				return measureIdle(ctx, l, s, n)
			},
		})
	}
	return all
}

// measureIdle logs sessions in and leaves them alone.
func measureIdle(ctx context.Context, l *lab, s *server, n int) (sample, error) {
	before, err := s.group.memory()
	if err != nil {
		return sample{}, err
	}
	sessions := make([]*session, n)
	defer func() {
		for _, c := range sessions {
			if c != nil {
				c.close()
			}
		}
	}()
	err = inParallel(idleParties, func(party int) (err error) {
		for i := party; i < n && err == nil; i += idleParties {
			sessions[i], err = l.open(s, inClear, localHost)
		}
		return err
	})
	pause(ctx, idleSettle)
	after, memoryErr := s.group.memory()
	if err := errors.Join(err, memoryErr, ctx.Err()); err != nil {
		return sample{}, err
	}
	return sample{values: []float64{float64(after-before) / float64(n), float64(after)}}, nil
}
