//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sharingClients = 64
	sharedSize     = 256 << 10
)

// sharing is what happens when many FTPS clients of one address share one
// passive port.
type sharing struct {
	address, password string
	transfers         atomic.Int64
	failures          atomic.Int64
	wrongBytes        atomic.Int64
	epsv              latencies

	mu    sync.Mutex // guards first
	first error
}

// measureSharing gives each client a file of its own and one port to all.
func measureSharing(ctx context.Context, l *lab, o options) (rows []row, err error) {
	for i := range sharingClients {
		if err := os.WriteFile(filepath.Join(l.home, ownFile(i)), pattern(i, sharedSize), 0o644); err != nil {
			return nil, err
		}
	}
	s, err := l.startWithPorts(1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	shared := &sharing{address: s.address, password: l.password}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ready, start := new(sync.WaitGroup), make(chan struct{})
	ready.Add(sharingClients)
	var all sync.WaitGroup
	for i := range sharingClients {
		all.Go(func() { shared.client(ctx, i, ready, start) })
	}
	ready.Wait()
	before, err := s.processorTime()
	close(start)
	began := time.Now()
	pause(ctx, 2*o.duration)
	cancel()
	all.Wait()
	took := time.Since(began)
	after, afterErr := s.processorTime()
	if shared.first != nil {
		fmt.Fprintln(os.Stderr, "the first failure:", shared.first)
	}
	return shared.report(took, after-before), errors.Join(err, afterErr)
}

func ownFile(i int) string { return fmt.Sprintf("own-%d.bin", i) }

// pattern is n bytes that no other client's file has at any place.
func pattern(i, n int) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, 0x0101010101010101*uint64(i+1)), n/8)
}

// client downloads its file until ctx ends, in a new session after a failure.
func (s *sharing) client(ctx context.Context, i int, ready *sync.WaitGroup, start <-chan struct{}) {
	want, buffer := pattern(i, sharedSize), make([]byte, 64<<10)
	c, err := s.login()
	ready.Done()
	<-start
	var waits []time.Duration
	for ctx.Err() == nil {
		if err == nil {
			var waited time.Duration
			if waited, err = s.download(c, i, want, buffer); waited > 0 {
				waits = append(waits, waited)
			}
		}
		if err == nil {
			s.transfers.Add(1)
			continue
		}
		s.fail(fmt.Errorf("client %d: %w", i, err))
		if c != nil {
			_ = c.close()
		}
		c, err = s.login()
	}
	s.epsv.add(waits)
	if c != nil {
		_ = c.close()
	}
}

func (s *sharing) login() (*client, error) {
	c, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(c.encrypt(), c.login(userName, s.password))
}

func (s *sharing) download(c *client, i int, want, buffer []byte) (waited time.Duration, err error) {
	asked := time.Now()
	address, err := c.epsv()
	if err != nil {
		return 0, err
	}
	waited = time.Since(asked)
	data, err := c.transfer(address, "RETR "+ownFile(i))
	if err != nil {
		return waited, err
	}
	err = s.compare(data, want, buffer)
	return waited, errors.Join(err, data.Close(), c.expect("150"), c.expect("226"))
}

// compare reads a data connection to its end.
func (s *sharing) compare(data net.Conn, want, buffer []byte) error {
	for at := 0; ; {
		n, err := data.Read(buffer)
		if n > len(want)-at || !bytes.Equal(buffer[:n], want[at:at+n]) {
			s.wrongBytes.Add(int64(n))
			return errors.New("bytes of another file")
		}
		at += n
		switch {
		case err == io.EOF && at == len(want):
			return nil
		case err != nil:
			return fmt.Errorf("after %d of %d bytes: %w", at, len(want), err)
		}
	}
}

func (s *sharing) fail(err error) {
	s.failures.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = err
	}
}

func (s *sharing) report(took, used time.Duration) []row {
	failures, wrong, p99 := s.failures.Load(), s.wrongBytes.Load(), s.epsv.percentile(0.99)
	transfers := float64(max(1, s.transfers.Load()))
	return []row{
		{"One port, 64 FTPS clients of one address (EPSV + RETR of 256 KiB)", fmt.Sprintf("%.0f a second", transfers/took.Seconds()), "", unjudged},
		{"Server CPU of such a transfer", fmt.Sprintf("%.0f µs", float64(used.Microseconds())/transfers), "", unjudged},
		{"Transfers that failed", fmt.Sprint(failures), "0", judge(failures == 0)},
		{"Bytes of another client's file", fmt.Sprint(wrong), "0", judge(wrong == 0)},
		{"EPSV, p50", milliseconds(s.epsv.percentile(0.5)), "", unjudged},
		{"EPSV, p99", milliseconds(p99), "below 50 ms", judge(p99 < 50*time.Millisecond)},
	}
}
