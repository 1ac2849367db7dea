//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/portico-ftp/portico/bench/plot"
	"github.com/portico-ftp/portico/portalloc"
)

const (
	growthStarts = 5           // of each allocator; the fastest counts
	growthLeases = time.Second // acquired and closed, one after another
	boundAtStart = 1024        // ports that an allocator binds when it starts, at most
)

// portCost is what a range of so many passive ports costs.
type portCost struct {
	ports  int
	start  time.Duration // the fastest
	bound  bool          // by the start: larger ranges bind a port at its first lease
	fill   time.Duration // for each lease while one client takes every port, all bound
	lease  time.Duration // acquired and closed, alone
	memory float64       // for each bound port, bytes in this process
}

// growPorts starts allocators in this process, on ports of the kernel.
func growPorts(ctx context.Context, _ *lab) ([]row, plot.Figure, error) {
	var costs []portCost
	for _, n := range []int{10, 100, 1000, 4096, 16_384} {
		cost, err := portCostOf(ctx, n)
		if err != nil {
			return nil, plot.Figure{}, fmt.Errorf("%d: %w", n, err)
		}
		costs = append(costs, cost)
	}
	return portRows(costs), portFigure(costs), nil
}

func portCostOf(ctx context.Context, n int) (cost portCost, err error) {
	cost.ports, cost.bound = n, n <= boundAtStart
	first := firstPort
	if cost.bound { // else it does without ports that others hold
		if first, err = freePorts(n); err != nil {
			return cost, err
		}
	}
	before := memoryInUse()
	a, start, err := startBestOf(growthStarts, portalloc.PortList{{First: uint16(first), Last: uint16(first + n - 1)}})
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	cost.start = start
	claim := portalloc.Claim{Client: netip.MustParseAddr("192.0.2.1")}
	_, bound, err := fillPorts(a, claim)
	if err != nil {
		return cost, err
	}
	cost.memory = float64(memoryInUse()-before) / float64(bound)
	if cost.fill, _, err = fillPorts(a, claim); err != nil {
		return cost, err
	}
	cost.lease, err = leaseAlone(ctx, a, claim)
	return cost, err
}

// startBestOf starts an allocator so many times, tells how long the fastest
// took, and leaves the last.
func startBestOf(times int, ports portalloc.PortList) (a *portalloc.Allocator, best time.Duration, err error) {
	for i := range times {
		if i > 0 {
			if err := a.Close(); err != nil {
				return nil, 0, err
			}
		}
		start := time.Now()
		if a, err = portalloc.New(portalloc.Options{Ports: ports, AcceptTimeout: time.Hour}); err != nil {
			return nil, 0, err
		}
		if took := time.Since(start); i == 0 || took < best {
			best = took
		}
	}
	return a, best, nil
}

// fillPorts takes every port for one client and gives all back.
func fillPorts(a *portalloc.Allocator, claim portalloc.Claim) (each time.Duration, taken int, err error) {
	var held []*portalloc.Lease
	start := time.Now()
	for {
		lease, err := a.TryAcquire(claim)
		if errors.Is(err, portalloc.ErrExhausted) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		held = append(held, lease)
	}
	each = time.Since(start) / time.Duration(max(1, len(held)))
	for _, lease := range held {
		err = errors.Join(err, lease.Close())
	}
	return each, len(held), err
}

// leaseAlone acquires and closes one lease after another.
func leaseAlone(ctx context.Context, a *portalloc.Allocator, claim portalloc.Claim) (time.Duration, error) {
	leases, start := 0, time.Now()
	for ; time.Since(start) < growthLeases; leases++ {
		lease, err := a.Acquire(ctx, claim)
		if err != nil {
			return 0, err
		}
		if err := lease.Close(); err != nil {
			return 0, err
		}
	}
	return time.Since(start) / time.Duration(leases), nil
}

// memoryInUse is heap and stacks of this process, without what the kernel keeps
// for sockets.
func memoryInUse() int64 {
	runtime.GC()
	runtime.GC() // pools give up what they hold at the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc + stats.StackInuse)
}

func portRows(costs []portCost) (rows []row) {
	for _, c := range costs {
		rows = append(rows, row{what: fmt.Sprintf("Growth: %d passive ports", c.ports), figure: fmt.Sprintf(
			"fastest start %s, %.1f µs a lease while one client takes all, %.2f µs one acquired and closed, %.1f KiB a bound port",
			milliseconds(c.start), microseconds(c.fill), microseconds(c.lease), c.memory/1024)})
	}
	return rows
}

func portFigure(costs []portCost) plot.Figure {
	line := func(name string, y func(portCost) float64) plot.Line {
		return lineOf(name, costs, func(c portCost) plot.Point { return plot.Point{X: float64(c.ports), Y: y(c)} })
	}
	return plot.Figure{Title: "What passive ports cost", X: "ports in the range", Panels: []plot.Panel{
		{Y: "fastest start of the allocator, ms", Lines: []plot.Line{
			line("ports bound at the start", func(c portCost) float64 { return startOf(c, true) }),
			line("ports bound at their first lease", func(c portCost) float64 { return startOf(c, false) }),
		}},
		{Y: "time of a lease, µs", Lines: []plot.Line{
			line("while all are taken", func(c portCost) float64 { return microseconds(c.fill) }),
			line("acquired and closed", func(c portCost) float64 { return microseconds(c.lease) }),
		}},
		{Y: "memory of a bound port, KiB", Lines: []plot.Line{line("", func(c portCost) float64 { return c.memory / 1024 })}},
	}}
}

// startOf is 0, which is not drawn, for a range of the other kind.
func startOf(c portCost, bound bool) float64 {
	if c.bound != bound {
		return 0
	}
	return float64(c.start) / float64(time.Millisecond)
}
