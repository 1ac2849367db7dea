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
	hogSessions = 20
	hogPorts    = 4
	hogPause    = time.Second // between a lease and asking for the next
	otherHost   = "127.0.0.2"
)

// measureHog alternates between rounds in which one address takes leases and
// never connects, and rounds in which it does not. Another address transfers
// all the time.
func measureHog(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startWithPorts(hogPorts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	other, err := dialFrom(otherHost, s.address)
	if err != nil {
		return nil, err
	}
	defer other.close()
	if err := other.login(userName, l.password); err != nil {
		return nil, err
	}
	var with, without []float64
	for round := range o.rounds + 1 { // the first does not count
		alone, err := other.smallest(ctx, o.duration/2)
		if err != nil {
			return nil, err
		}
		beside, err := besideHogs(ctx, s.address, l.password, func() (*latencies, error) {
			return other.smallest(ctx, o.duration/2)
		})
		if err != nil {
			return nil, err
		}
		if round > 0 {
			without = append(without, float64(alone.percentile(0.99)))
			with = append(with, float64(beside.percentile(0.99)))
		}
	}
	ratio := median(with) / median(without)
	return []row{
		{"EPSV + RETR of 1 KiB of one client, p99", milliseconds(time.Duration(median(without))), "", unjudged},
		{"The same beside 20 sessions of another address that hog 4 ports", milliseconds(time.Duration(median(with))), "", unjudged},
		{fmt.Sprintf("Ratio of the two (medians of %d)", o.rounds), fmt.Sprintf("%.2f", ratio), "at most 1.20", judge(ratio <= 1.2)},
	}, nil
}

// smallest runs small downloads one after the other.
func (c *client) smallest(ctx context.Context, duration time.Duration) (*latencies, error) {
	var took []time.Duration
	buffer := make([]byte, 4*smallSize)
	for began := time.Now(); time.Since(began) < duration; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		start := time.Now()
		if _, err := c.download(smallFile, buffer); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	var all latencies
	all.add(took)
	return &all, nil
}

// besideHogs calls measure while all ports are taken by sessions of localHost,
// and more of them wait.
func besideHogs(ctx context.Context, address, password string, measure func() (*latencies, error)) (*latencies, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var hogs crowd
	if err := hogs.enter(address, password, hogSessions); err != nil {
		hogs.leave()
		return nil, err
	}
	var all sync.WaitGroup
	granted := make(chan struct{}, hogPorts)
	for _, c := range hogs.clients {
		all.Go(func() { c.hog(ctx, granted) })
	}
	for range hogPorts {
		<-granted
	}
	measured, err := measure()
	cancel()
	hogs.leave()
	all.Wait()
	return measured, err
}

// hog takes a lease, and when it may be lost the next. It ends when its session
// is closed.
func (c *client) hog(ctx context.Context, granted chan<- struct{}) {
	for ctx.Err() == nil {
		if err := c.send("EPSV"); err != nil {
			return
		}
		if _, err := c.reply(); err != nil { // 229, or 425 when it has waited too long
			return
		}
		select {
		case granted <- struct{}{}:
		default:
		}
		pause(ctx, hogPause)
	}
}
