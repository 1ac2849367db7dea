//go:build linux

package main

import (
	"context"
	"fmt"
)

func smallRows() []row {
	var all []row
	for _, verb := range []kind{smallRetr, smallStor} {
		for _, sessions := range []int{1, 16, 100} {
			name := map[kind]string{smallRetr: "RETR", smallStor: "STOR"}[verb]
			all = append(all, row{
				name: fmt.Sprintf("%s-%d", verb, sessions), title: fmt.Sprintf("EPSV + %s of 1 KiB, %s", name, plural(sessions, "session")),
				kind: verb, metrics: []metric{opRate, opCPU, p50, p99},
				measure: func(ctx context.Context, l *lab, s *server, o options) (sample, error) {
					return measureSmall(ctx, l, s, o, verb, sessions)
				},
			})
		}
	}
	return all
}

func measureSmall(ctx context.Context, l *lab, s *server, o options, verb kind, sessions int) (sample, error) {
	if err := l.clearUploads(); err != nil {
		return sample{}, err
	}
	block, names := make([]byte, smallSize), make([]string, sessions)
	for i := range names {
		names[i] = fmt.Sprintf("STOR %s%d", uploadPrefix, i)
	}
	again := func(_ int, c *session) error {
		n, err := c.get("RETR "+smallFile, nil)
		if err == nil && n != smallSize {
			err = fmt.Errorf("a small transfer brings %d bytes, want %d", n, smallSize)
		}
		return err
	}
	if verb == smallStor {
		again = func(i int, c *session) error { return c.store(names[i], block) }
	}
	open := func() (*session, error) { return l.open(s, inClear, localHost) }
	return (&hammer{clients: sessions, begin: open, again: again, window: o.window}).run(ctx, s)
}
