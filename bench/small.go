//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	smallSessions = 16
	smallWarmUp   = time.Second
)

// measureSmall runs small downloads, each with EPSV, in many sessions at once.
func measureSmall(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startPortico()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var transfers atomic.Int64
	var all sync.WaitGroup
	for range smallSessions {
		all.Go(func() {
			if err := repeatSmall(ctx, s.address, l.password, &transfers); err != nil {
				cancel(err)
			}
		})
	}
	defer all.Wait()
	defer cancel(nil)

	pause(ctx, smallWarmUp)
	start, count := time.Now(), transfers.Load()
	used, err := s.processorTime()
	if err != nil {
		return nil, err
	}
	pause(ctx, o.duration)
	elapsed, done := time.Since(start), transfers.Load()-count
	after, err := s.processorTime()
	if err := errors.Join(err, context.Cause(ctx)); err != nil {
		return nil, err
	}
	if done == 0 {
		return nil, errors.New("not one transfer was completed")
	}
	each := float64((after - used).Microseconds()) / float64(done)
	return []row{
		{"Small transfers (EPSV + RETR of 1 KiB, 16 sessions)", fmt.Sprintf("%.0f a second", float64(done)/elapsed.Seconds()), "", unjudged},
		{"Server CPU of a small transfer", fmt.Sprintf("%.0f µs", each), "at most 300 µs", judge(each <= 300)},
	}, nil
}

// repeatSmall downloads the small file until ctx ends.
func repeatSmall(ctx context.Context, address, password string, transfers *atomic.Int64) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.login(userName, password); err != nil {
		return err
	}
	buffer := make([]byte, 4*smallSize)
	for ctx.Err() == nil {
		n, err := c.download(smallFile, buffer)
		if err != nil {
			return err
		}
		if n != smallSize {
			return fmt.Errorf("a small transfer brings %d bytes, want %d", n, smallSize)
		}
		transfers.Add(1)
	}
	return nil
}

// download is a whole transfer with both its replies.
func (c *client) download(file string, buffer []byte) (int64, error) {
	data, err := c.retr(file)
	if err != nil {
		return 0, err
	}
	if err := c.expect("150"); err != nil {
		return 0, errors.Join(err, data.Close())
	}
	n, err := drain(data, buffer)
	if err := errors.Join(err, data.Close()); err != nil {
		return n, err
	}
	return n, c.expect("226")
}

// pause lets the servers work.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
