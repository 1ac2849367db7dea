//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/portico-ftp/portico/bench/plot"
)

// measureGrowth finds out what one more costs when there are many already:
// sessions, entries of a directory, passive ports.
func measureGrowth(ctx context.Context, l *lab, o options) (rows []row, err error) {
	if o.plots != "" { // now and not after a minute of measuring
		if err := os.MkdirAll(o.plots, 0o755); err != nil {
			return nil, fmt.Errorf("-plots: %w", err)
		}
	}
	for _, subject := range []struct {
		name    string
		measure func(context.Context, *lab) ([]row, plot.Figure, error)
	}{
		{"sessions", growSessions},
		{"ports", growPorts}, // before the entries, whose garbage would be in its way
		{"entries", growEntries},
	} {
		measured, figure, err := subject.measure(ctx, l)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("%s: %w", subject.name, err)
		}
		rows = append(rows, measured...)
		if o.plots == "" {
			continue
		}
		if err := savePlot(filepath.Join(o.plots, "growth-"+subject.name+".svg"), figure); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func savePlot(path string, figure plot.Figure) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(figure.WriteSVG(f), f.Close())
}

// lineOf picks what a line of a plot shows of each step.
func lineOf[S any](name string, steps []S, point func(S) plot.Point) plot.Line {
	l := plot.Line{Name: name}
	for _, s := range steps {
		if p := point(s); p.X > 0 && p.Y > 0 { // else too little to be measured
			l.Points = append(l.Points, p)
		}
	}
	return l
}
