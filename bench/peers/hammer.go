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

// hammer is an operation that many clients repeat for some time.
type hammer struct {
	clients int
	// begin opens a client's session, which is not measured; nil if the operation
	// needs none.
	begin func() (*session, error)
	again func(client int, c *session) error
	// window is how long the operation is measured, after a quarter of it.
	window time.Duration

	measuring, over atomic.Bool
	mu              sync.Mutex // guards what follows
	times           []time.Duration
	failures        int
	failure         error // one of them
}

// run returns the rate, the server's processor time and the percentiles of the
// operations that ended in the window. One that fails is told, and the client goes
// on with another session.
func (h *hammer) run(ctx context.Context, srv *server) (sample, error) {
	sessions := make([]*session, h.clients)
	if h.begin != nil {
		for i := range sessions {
			c, err := h.begin()
			if err != nil {
				return sample{}, err
			}
			sessions[i] = c
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i, c := range sessions {
		all.Go(func() {
			if err := h.client(i, c); err != nil {
				cancel(err)
			}
		})
	}
	pause(ctx, h.window/4)
	before, err := srv.group.usage()
	start := time.Now()
	h.measuring.Store(true)
	pause(ctx, h.window)
	took := time.Since(start)
	h.measuring.Store(false)
	after, usageErr := srv.group.usage()
	h.over.Store(true)
	all.Wait()
	if err := errors.Join(err, usageErr, context.Cause(ctx)); err != nil {
		return sample{}, err
	}
	return h.sum(took, after-before)
}

// client repeats the operation until it is over, and closes its session.
func (h *hammer) client(i int, c *session) error {
	times := make([]time.Duration, 0, 1<<12)
	defer func() {
		if c != nil {
			c.close()
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.times = append(h.times, times...)
	}()
	for !h.over.Load() {
		start := time.Now()
		err := h.again(i, c)
		if err == nil {
			if h.measuring.Load() {
				times = append(times, time.Since(start))
			}
			continue
		}
		h.fail(err)
		if h.begin == nil {
			continue
		}
		c.close()
		if c, err = h.begin(); err != nil {
			return err
		}
	}
	return nil
}

func (h *hammer) fail(err error) {
	if !h.measuring.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	h.failure = err
}

func (h *hammer) sum(took, used time.Duration) (sample, error) {
	n := float64(len(h.times))
	if n == 0 {
		return sample{}, errors.Join(errors.New("nothing was completed in time"), h.failure)
	}
	s := sample{values: []float64{n / took.Seconds(), used.Seconds() / n, percentile(h.times, 0.5).Seconds(), percentile(h.times, 0.99).Seconds()}}
	if h.failures > 0 {
		s.note = fmt.Sprintf("%d of %d failed, such as: %v", h.failures, h.failures+len(h.times), h.failure)
	}
	return s, nil
}

// pause lets the servers work.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
