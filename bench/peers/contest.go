//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// contest runs the rows. Servers of rows that need no server of their own keep
// running from row to row.
type contest struct {
	lab      *lab
	options  options
	peers    []*peer
	progress io.Writer
	blocks   portBlocks
	running  map[*peer]*server
}

// run measures row by row. A server that fails in a row is no error: the table
// tells. What was measured before an interrupt is in the table too.
func (c *contest) run(ctx context.Context, wanted []row) (table, error) {
	var t table
	for _, p := range c.peers {
		t.servers = append(t.servers, p.name)
	}
	for _, r := range wanted {
		fmt.Fprintln(c.progress, "measuring:", r.name)
		if r.prepare != nil {
			if err := r.prepare(c.lab); err != nil {
				return t, fmt.Errorf("%s: %w", r.name, err)
			}
		}
		t.rows, t.cells = append(t.rows, r), append(t.cells, c.measure(ctx, r))
		if err := ctx.Err(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// measure runs the rounds of a row. The order moves on by one with each round.
func (c *contest) measure(ctx context.Context, r row) []cell {
	cells := make([]cell, len(c.peers))
	rounds := c.options.rounds
	if r.once {
		rounds = 1
	}
	for round := range rounds {
		for i := range c.peers {
			at := (round + i) % len(c.peers)
			cell, peer := &cells[at], c.peers[at]
			if reason, lacks := peer.lacks[r.kind]; lacks || ctx.Err() != nil {
				cell.reason = reason
				continue
			}
			sample, err := c.measureOne(ctx, r, peer)
			if err != nil {
				cell.reason = err.Error()
				fmt.Fprintf(c.progress, "%s, %s: %v\n", r.name, peer.name, err)
				continue
			}
			cell.samples = append(cell.samples, sample)
			if sample.note != "" {
				cell.reason = sample.note
			}
		}
	}
	return cells
}

func (c *contest) measureOne(ctx context.Context, r row, p *peer) (_ sample, err error) {
	if r.alone > 0 {
		s, err := c.start(p, p.passive(r.alone, r.sessions))
		if err != nil {
			return sample{}, err
		}
		measured, err := r.measure(ctx, c.lab, s, c.options)
		return measured, errors.Join(err, s.stop())
	}
	s, found := c.running[p]
	if !found {
		if s, err = c.start(p, p.passive(passivePorts, mostSessions)); err != nil {
			return sample{}, err
		}
		if c.running == nil {
			c.running = make(map[*peer]*server)
		}
		c.running[p] = s
	}
	measured, err := r.measure(ctx, c.lab, s, c.options)
	if err != nil {
		// The next row shall meet a server that nothing has broken.
		delete(c.running, p)
		err = errors.Join(err, s.stop())
	}
	return measured, err
}

func (c *contest) start(p *peer, passive int) (*server, error) {
	ports, err := c.blocks.take(passive)
	if err != nil {
		return nil, err
	}
	return c.lab.start(p, ports)
}

// stop ends all servers.
func (c *contest) stop() error {
	var errs []error
	for _, s := range c.running {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}
