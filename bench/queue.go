//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	queueClients  = 200
	queuePorts    = 4
	queueTransfer = 200 * time.Millisecond
)

// queue is what happens when many plain clients of one address have few ports.
type queue struct {
	address, password  string
	transfers, refused atomic.Int64
	pasv               latencies
}

// measureQueue runs uploads that last, so that far more transfers run at a time
// than there are ports.
func measureQueue(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startWithPorts(queuePorts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	q := &queue{address: s.address, password: l.password}
	var clients crowd
	defer clients.leave()
	if err := clients.enter(s.address, l.password, queueClients); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	var all sync.WaitGroup
	for i, c := range clients.clients {
		all.Go(func() {
			if err := q.client(ctx, c, fmt.Sprintf("upload-%d", i)); err != nil {
				cancel(fmt.Errorf("client %d: %w", i, err))
			}
		})
	}
	pause(ctx, 2*o.duration)
	err = context.Cause(ctx)
	cancel(nil)
	all.Wait()
	return q.report(time.Since(began)), err
}

// client uploads until ctx ends. Only a refused PASV is no error.
func (q *queue) client(ctx context.Context, c *client, file string) error {
	var waits []time.Duration
	defer func() { q.pasv.add(waits) }()
	for ctx.Err() == nil {
		asked := time.Now()
		address, err := c.pasv()
		if err != nil {
			return err
		}
		waits = append(waits, time.Since(asked))
		if address == "" {
			q.refused.Add(1)
			continue
		}
		if err := c.slowUpload(address, file); err != nil {
			return err
		}
		q.transfers.Add(1)
	}
	return nil
}

// pasv asks for a passive port. The address is empty if there is none.
func (c *client) pasv() (string, error) {
	if err := c.send("PASV"); err != nil {
		return "", err
	}
	line, err := c.reply()
	if err != nil || strings.HasPrefix(line, "425 ") {
		return "", err
	}
	var ip [4]int
	var high, low int
	_, numbers, _ := strings.Cut(line, "(")
	if _, err := fmt.Sscanf(numbers, "%d,%d,%d,%d,%d,%d)", &ip[0], &ip[1], &ip[2], &ip[3], &high, &low); err != nil {
		return "", fmt.Errorf("reply %q, want 227: %w", line, err)
	}
	return fmt.Sprintf("%d.%d.%d.%d:%d", ip[0], ip[1], ip[2], ip[3], high<<8|low), nil
}

// slowUpload sends half, rests, and sends the other half.
func (c *client) slowUpload(address, file string) error {
	data, err := c.transfer(address, "STOR "+file)
	if err != nil {
		return err
	}
	half := make([]byte, smallSize/2)
	_, first := data.Write(half)
	time.Sleep(queueTransfer)
	_, second := data.Write(half)
	return errors.Join(first, second, data.Close(), c.expect("150"), c.expect("226"))
}

func (q *queue) report(took time.Duration) []row {
	refused, p99 := q.refused.Load(), q.pasv.percentile(0.99)
	return []row{
		{"4 ports, 200 plain clients of one address (PASV + STOR that lasts 200 ms)", fmt.Sprintf("%.0f a second", float64(q.transfers.Load())/took.Seconds()), "", unjudged},
		{"PASV refused", fmt.Sprint(refused), "0", judge(refused == 0)},
		{"PASV, p50", milliseconds(q.pasv.percentile(0.5)), "", unjudged},
		{"PASV, p99", milliseconds(p99), "", unjudged},
	}
}
