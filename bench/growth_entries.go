//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/bench/plot"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	ftp "github.com/portico-ftp/portico/server"
)

// growthListing is how long one directory is listed again and again, at least.
const growthListing = time.Second

// entryCost is what an entry of a large directory costs.
type entryCost struct {
	entries    int
	list, mlsd listingCost
}

type listingCost struct {
	time  time.Duration
	bytes float64 // allocated
}

// growEntries lists directories that are only made up: what is measured is the
// listing and the data connection, without a disk. The server is in this
// process, so that its allocations can be seen; the client makes none for an
// entry, but counting lines takes time.
func growEntries(ctx context.Context, _ *lab) ([]row, plot.Figure, error) {
	var costs []entryCost
	for _, n := range []int{100, 1000, 10_000, 100_000, 1_000_000} {
		cost, err := entryCostOf(ctx, n)
		if err != nil {
			return nil, plot.Figure{}, fmt.Errorf("%d: %w", n, err)
		}
		costs = append(costs, cost)
	}
	return entryRows(costs), entryFigure(costs), nil
}

func entryCostOf(ctx context.Context, entries int) (cost entryCost, err error) {
	port, err := freePorts(1)
	if err != nil {
		return cost, err
	}
	ports, err := portalloc.New(portalloc.Options{Ports: portalloc.PortList{{First: uint16(port), Last: uint16(port)}}})
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, ports.Close()) }()
	s, err := ftp.New(ftp.Options{Auth: anybody{newMadeUp(entries)}, Ports: ports, Active: ftp.Active{Disabled: true}})
	if err != nil {
		return cost, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return cost, err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	defer func() {
		_ = s.Close()
		if end := <-served; !errors.Is(end, ftp.ErrServerClosed) {
			err = errors.Join(err, end)
		}
	}()
	c, err := dial(listener.Addr().String())
	if err != nil {
		return cost, err
	}
	defer c.close()
	if err := c.login(userName, "any"); err != nil {
		return cost, err
	}
	cost.entries = entries
	if cost.list, err = listingCostOf(ctx, c, "LIST", entries); err != nil {
		return cost, err
	}
	cost.mlsd, err = listingCostOf(ctx, c, "MLSD", entries)
	return cost, err
}

func listingCostOf(ctx context.Context, c *client, command string, entries int) (cost listingCost, err error) {
	buffer := make([]byte, 256<<10)
	list := func() error {
		n, err := c.list(command, buffer)
		if err == nil && n != entries {
			err = fmt.Errorf("%s brings %d entries, want %d", command, n, entries)
		}
		return errors.Join(err, ctx.Err())
	}
	if err := list(); err != nil { // the first one fills the pools
		return cost, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	listed, start := 0, time.Now()
	for time.Since(start) < growthListing {
		if err := list(); err != nil {
			return cost, err
		}
		listed += entries
	}
	cost.time = time.Since(start) / time.Duration(listed)
	runtime.ReadMemStats(&after)
	cost.bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(listed)
	return cost, nil
}

func entryRows(costs []entryCost) (rows []row) {
	for _, c := range costs {
		for _, each := range []struct {
			verb string
			listingCost
		}{{"LIST", c.list}, {"MLSD", c.mlsd}} {
			rows = append(rows, row{what: fmt.Sprintf("Growth: %s of %d made-up entries", each.verb, c.entries),
				figure: fmt.Sprintf("%d ns and %.0f B allocated for each", each.time.Nanoseconds(), each.bytes)})
		}
	}
	return rows
}

func entryFigure(costs []entryCost) plot.Figure {
	line := func(name string, y func(entryCost) float64) plot.Line {
		return lineOf(name, costs, func(c entryCost) plot.Point { return plot.Point{X: float64(c.entries), Y: y(c)} })
	}
	return plot.Figure{Title: "What an entry of a listing costs", X: "entries in the directory", Panels: []plot.Panel{
		{Y: "time of an entry, ns", Lines: []plot.Line{
			line("LIST", func(c entryCost) float64 { return float64(c.list.time) }),
			line("MLSD", func(c entryCost) float64 { return float64(c.mlsd.time) }),
		}},
		{Y: "allocated for an entry, bytes", Lines: []plot.Line{
			line("LIST", func(c entryCost) float64 { return c.list.bytes }),
			line("MLSD", func(c entryCost) float64 { return c.mlsd.bytes }),
		}},
	}}
}

// anybody lets everybody in, to the same files.
type anybody struct{ fs afero.Fs }

func (a anybody) Authenticate(_ context.Context, attempt driver.Attempt) (*driver.Account, error) {
	return &driver.Account{Name: attempt.User, FS: a.fs}, nil
}

// madeUp is a file system that is one directory of files that are not there.
type madeUp struct {
	afero.Fs
	entries []os.FileInfo
}

// newMadeUp has entries in no order, as file systems have.
func newMadeUp(n int) madeUp {
	m := madeUp{Fs: afero.NewMemMapFs(), entries: make([]os.FileInfo, n)}
	for i, place := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		m.entries[place] = madeUpFile{name: fmt.Sprintf("report-%07d.csv", i), size: int64(i)}
	}
	return m
}

func (m madeUp) Open(name string) (afero.File, error) {
	dir, err := m.Fs.Open(name)
	return madeUpDir{dir, m.entries}, err
}

type madeUpDir struct {
	afero.File
	entries []os.FileInfo
}

// Readdir gives all at once, in a slice that is the caller's: 16 bytes an entry.
func (d madeUpDir) Readdir(int) ([]os.FileInfo, error) { return slices.Clone(d.entries), nil }

type madeUpFile struct {
	name string
	size int64
}

func (f madeUpFile) Name() string     { return f.name }
func (f madeUpFile) Size() int64      { return f.size }
func (madeUpFile) Mode() os.FileMode  { return 0o644 }
func (madeUpFile) ModTime() time.Time { return time.Unix(1_700_000_000, 0) }
func (madeUpFile) IsDir() bool        { return false }
func (madeUpFile) Sys() any           { return nil }
