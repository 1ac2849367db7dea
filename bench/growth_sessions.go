//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/portico-ftp/portico/bench/plot"
	"github.com/portico-ftp/portico/portalloc"
)

const (
	growthPorts    = 100
	growthWork     = 2 * time.Second // of commands, and again of transfers
	growthSessions = 5000            // the most
	// growthVisible is from how many sessions on RSS tells what one weighs: the
	// logins of fewer leave more free memory behind than their sessions take.
	growthVisible = 1000
)

// sessionCost is what there is beside so many idle sessions.
type sessionCost struct {
	sessions          int
	memory            float64 // growth of RSS for each, bytes; 0: too few to tell
	command, transfer time.Duration
}

// growSessions lets idle sessions become more and more, and meanwhile one
// session work. A fixed crowd is there before, so that its memory is not the
// start's.
func growSessions(ctx context.Context, l *lab) (_ []row, _ plot.Figure, err error) {
	steps, err := sessionSteps()
	if err != nil {
		return nil, plot.Figure{}, err
	}
	s, err := l.startWith(growthPorts, map[string]any{"limits": map[string]any{
		"sessions": 0, "sessions_per_ip": 0, "sessions_per_user": 0, "commands_per_second": 0,
	}})
	if err != nil {
		return nil, plot.Figure{}, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var sessions crowd
	defer sessions.leave()
	if err := sessions.enter(s.address, l.password, memoryWarmUp); err != nil {
		return nil, plot.Figure{}, err
	}
	worker := sessions.clients[0]
	if _, err := work(ctx, s, worker); err != nil {
		return nil, plot.Figure{}, err
	}
	pause(ctx, memorySettle)
	before, err := s.residentMemory()
	if err != nil {
		return nil, plot.Figure{}, err
	}
	var costs []sessionCost
	for _, n := range steps {
		if err := sessions.enter(s.address, l.password, memoryWarmUp+n-len(sessions.clients)); err != nil {
			return nil, plot.Figure{}, fmt.Errorf("%d: %w", n, err)
		}
		pause(ctx, memorySettle)
		now, err := s.residentMemory()
		if err != nil {
			return nil, plot.Figure{}, err
		}
		cost, err := work(ctx, s, worker)
		if err != nil {
			return nil, plot.Figure{}, err
		}
		cost.sessions = n
		if n >= growthVisible {
			cost.memory = float64(now-before) / float64(n)
		}
		costs = append(costs, cost)
	}
	return sessionRows(costs), sessionFigure(costs), nil
}

// sessionSteps end where the limit of open files does.
func sessionSteps() ([]int, error) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	most := portalloc.MostSessions(files.Cur, growthPorts+1) - memoryWarmUp
	if most <= 2*growthVisible {
		return nil, fmt.Errorf("%d open files do not suffice for %d sessions: ulimit -n", files.Cur, 2*growthVisible)
	}
	return []int{1, 10, 100, growthVisible, 2 * growthVisible, min(growthSessions, most)}, nil
}

// work has one session send commands, and then download small files.
func work(ctx context.Context, s *server, c *client) (cost sessionCost, err error) {
	cost.command, err = s.costOf(ctx, growthWork, func() error { return c.command("NOOP", "200") })
	if err != nil {
		return cost, err
	}
	buffer := make([]byte, 4*smallSize)
	cost.transfer, err = s.costOf(ctx, growthWork, func() error {
		n, err := c.download(smallFile, buffer)
		if err == nil && n != smallSize {
			err = fmt.Errorf("a small transfer brings %d bytes, want %d", n, smallSize)
		}
		return err
	})
	return cost, err
}

// costOf is the processor time that the server spends on each of many.
func (s *server) costOf(ctx context.Context, d time.Duration, do func() error) (time.Duration, error) {
	before, err := s.processorTime()
	if err != nil {
		return 0, err
	}
	n := 0
	for start := time.Now(); time.Since(start) < d && ctx.Err() == nil; n++ {
		if err := do(); err != nil {
			return 0, err
		}
	}
	after, err := s.processorTime()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return 0, err
	}
	return (after - before) / time.Duration(n), nil
}

func sessionRows(costs []sessionCost) (rows []row) {
	for _, c := range costs {
		figure := fmt.Sprintf("server CPU %.1f µs a NOOP, %.0f µs a small transfer", microseconds(c.command), microseconds(c.transfer))
		if c.memory != 0 {
			figure = fmt.Sprintf("%.1f KiB each (RSS growth), %s", c.memory/1024, figure)
		}
		rows = append(rows, row{what: fmt.Sprintf("Growth: %d idle sessions", c.sessions), figure: figure})
	}
	return rows
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func sessionFigure(costs []sessionCost) plot.Figure {
	line := func(name string, y func(sessionCost) float64) plot.Line {
		return lineOf(name, costs, func(c sessionCost) plot.Point { return plot.Point{X: float64(c.sessions), Y: y(c)} })
	}
	return plot.Figure{Title: "What a session costs beside others", X: "idle sessions", Panels: []plot.Panel{
		{Y: "memory of an idle session, KiB", Lines: []plot.Line{line("", func(c sessionCost) float64 { return c.memory / 1024 })}},
		{Y: "processor time of the server, µs", Lines: []plot.Line{
			line("a NOOP", func(c sessionCost) float64 { return microseconds(c.command) }),
			line("a small transfer", func(c sessionCost) float64 { return microseconds(c.transfer) }),
		}},
	}}
}
