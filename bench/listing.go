//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// listedEachRound is how many entries a round lists: the directory as often as
// that takes, for one small listing is shorter than a tick of the clock.
const listedEachRound = 200_000

// measureListings alternates between portico and the engine alone, on
// directories of two sizes.
func measureListings(ctx context.Context, l *lab, o options) (rows []row, err error) {
	for _, entries := range []int{10_000, 100_000} {
		dir := fmt.Sprintf("listed-%d", entries)
		if err := l.provideEntries(dir, entries); err != nil {
			return nil, err
		}
		for _, verb := range []string{"LIST", "MLSD"} {
			measured, err := l.measureListing(ctx, verb+" "+dir, entries, o.rounds)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", verb, dir, err)
			}
			rows = append(rows, measured...)
		}
	}
	return rows, nil
}

// provideEntries makes a directory of empty files.
func (l *lab) provideEntries(dir string, n int) error {
	path := filepath.Join(l.home, dir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("report-%06d.csv", i)), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) measureListing(ctx context.Context, command string, entries, rounds int) (rows []row, err error) {
	portico, err := l.startPortico()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, portico.stop()) }()
	engine, err := l.startSelf(engineCommand, l.home)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.stop()) }()
	ours, err := l.lister(portico, command, entries)
	if err != nil {
		return nil, err
	}
	theirs, err := l.lister(engine, command, entries)
	if err != nil {
		return nil, err
	}
	idle, err := portico.residentMemory()
	if err != nil {
		return nil, err
	}
	if err := alternate(ctx, rounds, ours, theirs); err != nil {
		return nil, err
	}
	peak, err := portico.peakMemory()
	if err != nil {
		return nil, err
	}
	return compareListings(command, entries, ours, theirs, peak-idle), nil
}

// lister logs in to a server and lists a directory of it in each round. The
// session ends with the server.
func (l *lab) lister(s *server, command string, entries int) (*source, error) {
	session, err := l.loginTo(s, inClear)
	if err != nil {
		return nil, err
	}
	fetch := func(buffer []byte) (listed int64, took time.Duration, err error) {
		start := time.Now()
		for listed < listedEachRound {
			n, err := session.list(command, buffer)
			if err == nil && n != entries {
				err = fmt.Errorf("%q brings %d entries, want %d", command, n, entries)
			}
			if err != nil {
				return listed, 0, err
			}
			listed += int64(n)
		}
		return listed, time.Since(start), nil
	}
	return &source{server: s, fetch: fetch, want: listedEachRound}, nil
}

// list counts the lines of a listing.
func (c *client) list(command string, buffer []byte) (lines int, err error) {
	address, err := c.epsv()
	if err != nil {
		return 0, err
	}
	data, err := c.transfer(address, command)
	if err != nil {
		return 0, err
	}
	if err := c.expect("150"); err != nil {
		return 0, errors.Join(err, data.Close())
	}
	_, err = drainEach(data, buffer, func(block []byte) { lines += bytes.Count(block, []byte("\n")) })
	return lines, errors.Join(err, data.Close(), c.expect("226"))
}

func compareListings(command string, entries int, ours, theirs *source, memory int64) []row {
	// The best rounds: ours keeps all processors busy, so that whatever else the
	// machine does costs it more than the engine, which keeps one.
	rate, bareRate := slices.Max(ours.rates), slices.Max(theirs.rates)
	perEntry := func(s *source) float64 { return float64(mean(s.used).Nanoseconds()) / listedEachRound }
	each := float64(memory) / float64(entries)
	return []row{
		{command, fmt.Sprintf("%.0f entries/s, %.0f CPU ns each", rate, perEntry(ours)), "", unjudged},
		{"The same from the engine over afero's BasePathFs", fmt.Sprintf("%.0f entries/s, %.0f CPU ns each", bareRate, perEntry(theirs)), "", unjudged},
		{"Ratio of the rates (best rounds)", fmt.Sprintf("%.1f", rate/bareRate), "at least 5.0", judge(rate >= 5*bareRate)},
		{"Memory meanwhile (peak RSS growth)", fmt.Sprintf("%.0f B an entry", each), "", unjudged},
	}
}
