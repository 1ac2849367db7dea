//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
)

// measureLimits downloads one large file from three servers in turn: without
// limits, with all that count and a bandwidth that is never reached, and held to
// a bandwidth that this machine could exceed.
func measureLimits(ctx context.Context, l *lab, o options) (rows []row, err error) {
	if _, err := l.provideLarge(); err != nil {
		return nil, err
	}
	var sources []*source
	for _, limits := range []map[string]any{
		{},
		{
			"sessions": 1000, "sessions_per_ip": 1000, "sessions_per_user": 1000, "transfers_per_user": 1000, "commands_per_second": 10_000,
			"download_rate": "100GiB", "download_rate_per_user": "100GiB", "download_rate_per_session": "100GiB",
		},
		{"download_rate": "512MiB"},
	} {
		s, err := l.startWith(10, map[string]any{"limits": limits})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		c, err := l.loginTo(s, inClear)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		sources = append(sources, &source{server: s, fetch: c.fetchLarge, want: largeSize})
	}
	if err := alternate(ctx, o.rounds, sources...); err != nil {
		return nil, err
	}
	free, limited, held := sources[0], sources[1], sources[2]
	ratio := float64(mean(limited.used)) / float64(mean(free.used))
	return []row{
		streamRow("Download of 1 GiB without limits", free),
		streamRow("The same with limits that are not reached", limited),
		{"Ratio of their server CPU times (means)", fmt.Sprintf("%.2f", ratio), "at most 1.05", judge(ratio <= 1.05)},
		streamRow("The same held to 512MiB per second", held),
	}, nil
}
