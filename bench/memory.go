//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	memoryWarmUp  = 50
	memoryParties = 8               // sessions that log in at one time
	memorySettle  = 3 * time.Second // for the garbage of the logins
)

// measureMemory opens sessions, logs them in and leaves them alone.
func measureMemory(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startPortico()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var sessions crowd
	defer sessions.leave()

	if err := sessions.enter(s.address, l.password, memoryWarmUp); err != nil {
		return nil, err
	}
	pause(ctx, memorySettle)
	before, err := s.residentMemory()
	if err != nil {
		return nil, err
	}
	if err := sessions.enter(s.address, l.password, o.sessions); err != nil {
		return nil, err
	}
	pause(ctx, memorySettle)
	after, err := s.residentMemory()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	each := float64(after-before) / float64(o.sessions) / 1024
	return []row{{
		fmt.Sprintf("Memory of an idle logged-in session (RSS growth over %d)", o.sessions),
		fmt.Sprintf("%.1f KiB", each), "at most 32 KiB", judge(each <= 32),
	}}, nil
}

// crowd is a number of idle sessions.
type crowd struct {
	mu      sync.Mutex // guards clients
	clients []*client
}

func (c *crowd) enter(address, password string, n int) error {
	var all sync.WaitGroup
	failures := make([]error, memoryParties)
	for party := range memoryParties {
		all.Go(func() {
			for i := party; i < n && failures[party] == nil; i += memoryParties {
				failures[party] = c.enterOne(address, password)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func (c *crowd) enterOne(address, password string) error {
	one, err := dial(address)
	if err != nil {
		return err
	}
	if err := one.login(userName, password); err != nil {
		return errors.Join(err, one.close())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = append(c.clients, one)
	return nil
}

func (c *crowd) leave() {
	for _, one := range c.clients {
		_ = one.close()
	}
}
