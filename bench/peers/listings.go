//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// listedEachRound is how many entries a round lists, the directory as often as
// that takes.
const listedEachRound = 100_000

func listingRows() []row {
	var all []row
	for _, verb := range []kind{list, mlsd} {
		for _, entries := range []int{10_000, 100_000} {
			dir := fmt.Sprintf("listed-%d", entries)
			command := string(bytes.ToUpper([]byte(verb)))
			all = append(all, row{
				name: fmt.Sprintf("%s-%d", verb, entries), title: fmt.Sprintf("%s of %d entries", command, entries),
				kind: verb, metrics: []metric{entryRate, entryCPU},
				prepare: func(l *lab) error { return l.provideEntries(dir, entries) },
				measure: func(_ context.Context, l *lab, s *server, _ options) (sample, error) {
					return measureListing(l, s, command, dir, entries)
				},
			})
		}
	}
	return all
}

func measureListing(l *lab, s *server, command, dir string, entries int) (sample, error) {
	c, err := l.open(s, inClear, localHost)
	if err != nil {
		return sample{}, err
	}
	defer c.close()
	if err := c.command("CWD "+dir, '2'); err != nil {
		return sample{}, err
	}
	buffer := make([]byte, cryptBlock)
	before, err := s.group.usage()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	for listed := 0; listed < listedEachRound; listed += entries {
		if err := c.list(command, entries, buffer); err != nil {
			return sample{}, err
		}
	}
	took := time.Since(start)
	after, err := s.group.usage()
	return sample{values: []float64{listedEachRound / took.Seconds(), (after - before).Seconds() / listedEachRound}}, err
}

// list counts the lines. MLSD may show the directory and its parent too.
func (c *session) list(command string, entries int, buffer []byte) error {
	data, err := c.transfer(command)
	if err != nil {
		return err
	}
	lines := 0
	_, err = drain(data, buffer, func(block []byte) { lines += bytes.Count(block, []byte{'\n'}) })
	if err := c.done(data, err); err != nil {
		return err
	}
	if lines < entries || lines > entries+3 {
		return errors.New(fmt.Sprint(command, " brings ", lines, " lines, want ", entries))
	}
	return nil
}
