//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// way is one way to move a large file, and what it has cost on each file system.
type way struct {
	name  string
	costs []string
}

// measureWays is where the table in the documentation of package server comes
// from: the processor time of each way to move a file, in memory and on the disk
// that holds temporary files, whose pages are in the cache all the same. It is
// that of the best round, and in brackets the mean.
func measureWays(ctx context.Context, l *lab, o options) (rows []row, err error) {
	disk, err := newLab(l.binary, os.TempDir())
	if err != nil {
		return nil, err
	}
	defer disk.close()
	var ways []way
	for _, where := range []*lab{l, disk} {
		if ways, err = where.addCosts(ctx, o.rounds, ways); err != nil {
			return nil, err
		}
	}
	for _, w := range ways {
		rows = append(rows, row{w.name, fmt.Sprintf("in memory %s, on disk %s CPU s/GiB", w.costs[0], w.costs[1]), "", unjudged})
	}
	return rows, nil
}

func (l *lab) addCosts(ctx context.Context, rounds int, ways []way) (_ []way, err error) {
	plain, err := l.startMatch(inClear)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plain.stop()) }()
	secret, err := l.loginTo(plain.portico, encrypted)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, secret.close()) }()
	bare := plain.bare
	sources := []*source{
		{name: "RETR, portico", server: plain.portico, fetch: plain.session.fetchLarge},
		{name: "RETR, sendfile", server: bare, fetch: bare.fetchBare(bareDownload)},
		{name: "RETR, buffer of 256 KiB", server: bare, fetch: bare.fetchBare(bareReads)},
		{name: "STOR, portico", server: plain.portico, fetch: plain.session.storeLarge},
		{name: "STOR, splice", server: bare, fetch: bare.storeBare(bareSplice)},
		{name: "STOR, buffer of 256 KiB", server: bare, fetch: bare.storeBare(bareSmallBlocks)},
		{name: "STOR, buffer of 4 MiB", server: bare, fetch: bare.storeBare(bareBlocks)},
		{name: "RETR under TLS 1.3, portico", server: plain.portico, fetch: secret.fetchLarge},
		{name: "RETR under TLS 1.3, io.Copy", server: bare, fetch: bare.fetchBare(bareTLSDownload)},
		{name: "STOR under TLS 1.3, portico", server: plain.portico, fetch: secret.storeLarge},
		{name: "STOR under TLS 1.3, io.Copy", server: bare, fetch: bare.storeBare(bareTLSUpload)},
	}
	for i, s := range sources {
		s.want = largeSize
		if i == len(ways) {
			ways = append(ways, way{name: s.name})
		}
	}
	if err := alternate(ctx, rounds, sources...); err != nil {
		return nil, err
	}
	for i, s := range sources {
		ways[i].costs = append(ways[i].costs, fmt.Sprintf("%.2f (%.2f)", slices.Min(s.used).Seconds(), mean(s.used).Seconds()))
	}
	return ways, nil
}
