//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// measureUpload alternates between portico and two bare loops, by splice and by
// large blocks, into files on tmpfs.
func measureUpload(ctx context.Context, l *lab, o options) (rows []row, err error) {
	m, err := l.startMatch(inClear)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	ours := &source{server: m.portico, fetch: m.session.storeLarge, want: largeSize}
	splice := &source{server: m.bare, fetch: m.bare.storeBare(bareSplice), want: largeSize}
	blocks := &source{server: m.bare, fetch: m.bare.storeBare(bareBlocks), want: largeSize}
	if err := alternate(ctx, o.rounds, ours, splice, blocks); err != nil {
		return nil, err
	}
	best := min(mean(splice.used), mean(blocks.used))
	ratio := float64(mean(ours.used)) / float64(best)
	rows = append(rows, streamRow("Upload of 1 GiB in one stream, plain", ours),
		streamRow("The same to a bare Go splice loop", splice), streamRow("The same to a bare loop of 4 MiB blocks", blocks))
	return append(rows, row{"Server CPU of the upload against the better loop", fmt.Sprintf("%.2f", ratio), "at most 1.10", judge(ratio <= 1.1)}), nil
}

func streamRow(name string, s *source) row {
	return row{name, fmt.Sprintf("%.2f GiB/s, %.3f CPU s/GiB", median(s.rates)/(1<<30), mean(s.used).Seconds()), "", unjudged}
}

// storeLarge takes the time from STOR to the final reply.
func (c *client) storeLarge(buffer []byte) (int64, time.Duration, error) {
	address, err := c.epsv()
	if err != nil {
		return 0, 0, err
	}
	data, err := c.transfer(address, "STOR upload.bin")
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	n, err := pour(data, buffer)
	err = errors.Join(err, data.Close(), c.expect("150"), c.expect("226"))
	return n, time.Since(start), err
}

// storeBare takes the time from the request to the confirmation.
func (s *server) storeBare(kind byte) func([]byte) (int64, time.Duration, error) {
	return func(buffer []byte) (int64, time.Duration, error) {
		start := time.Now()
		conn, err := s.askBare(kind)
		if err != nil {
			return 0, 0, err
		}
		defer conn.Close()
		n, err := pour(conn, buffer)
		if err != nil {
			return n, 0, err
		}
		if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return n, 0, err
		}
		_, err = io.ReadFull(conn, make([]byte, 1))
		return n, time.Since(start), err
	}
}

// pour writes a large upload out of the given buffer.
func pour(conn net.Conn, buffer []byte) (total int64, err error) {
	for total < largeSize {
		n, err := conn.Write(buffer)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
