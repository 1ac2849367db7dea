// Package plot draws measurements over logarithmic axes as SVG, readable in
// light and dark. It knows lines and points and nothing else: a figure is one
// subject, its panels stand on one another and share what goes to the right.
package plot

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Figure is what a file shows.
type Figure struct {
	Title  string
	X      string // what the horizontal axes count
	Panels []Panel
}

// Panel is one pair of axes.
type Panel struct {
	Y     string // what the vertical axis measures, with its unit
	Lines []Line // at most as many as there are colours: 4
}

// Line is drawn from point to point in their order.
type Line struct {
	Name   string
	Points []Point
}

// Point is where a line goes. Both numbers are above 0: the axes are
// logarithmic.
type Point struct{ X, Y float64 }

// Sizes in pixels.
const (
	width       = 680
	left        = 84         // of the axes
	right       = width - 44 // half of a large number stands beyond
	headHeight  = 44
	panelHeight = 250
	above       = 40 // of a panel's axes, for the names of its lines
	below       = 30 // of them, for the numbers
	footHeight  = 30
)

// WriteSVG writes the figure. It is an error if there is nothing to show, a
// number is not above 0, or a panel has more lines than there are colours.
func (f Figure) WriteSVG(w io.Writer) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("plot %q: %w", f.Title, err)
	}
	x := newScale(f.values(func(p Point) float64 { return p.X }), left, right)
	height := headHeight + len(f.Panels)*panelHeight + footHeight
	c := newCanvas(width, height, f.Title)
	c.text("title", left, 28, "start", f.Title)
	for i, p := range f.Panels {
		p.draw(c, x, float64(headHeight+i*panelHeight))
	}
	c.text("name", (left+right)/2, float64(height)-14, "middle", f.X)
	return c.writeTo(w)
}

func (f Figure) check() error {
	if len(f.Panels) == 0 {
		return errors.New("there is no panel")
	}
	for _, p := range f.Panels {
		if len(p.Lines) == 0 || len(p.Lines) > len(colours) {
			return fmt.Errorf("panel %q has %d lines, want 1 to %d", p.Y, len(p.Lines), len(colours))
		}
		for _, l := range p.Lines {
			if len(l.Points) == 0 {
				return fmt.Errorf("line %q has no points", l.Name)
			}
			for _, point := range l.Points {
				if !(point.X > 0 && point.Y > 0) || math.IsInf(point.X+point.Y, 0) {
					return fmt.Errorf("line %q: %v cannot stand on logarithmic axes", l.Name, point)
				}
			}
		}
	}
	return nil
}

func (f Figure) values(of func(Point) float64) (all []float64) {
	for _, p := range f.Panels {
		all = append(all, p.values(of)...)
	}
	return all
}

func (p Panel) values(of func(Point) float64) (all []float64) {
	for _, l := range p.Lines {
		for _, point := range l.Points {
			all = append(all, of(point))
		}
	}
	return all
}

// draw draws the panel below top.
func (p Panel) draw(c *canvas, x scale, top float64) {
	high, low := top+above, top+panelHeight-below
	y := newScale(p.values(func(p Point) float64 { return p.Y }), low, high)
	c.text("name", left, top+14, "start", p.Y)
	for _, tick := range x.ticks() {
		c.line("grid", x.at(tick), high, x.at(tick), low)
		c.text("number", x.at(tick), low+16, "middle", number(tick))
	}
	for _, tick := range y.ticks() {
		c.line("grid", left, y.at(tick), right, y.at(tick))
		c.text("number", left-8, y.at(tick)+4, "end", number(tick))
	}
	for i, l := range p.Lines {
		p.label(c, i, top+30)
		points := slices.Clone(l.Points)
		for k, point := range points {
			points[k] = Point{x.at(point.X), y.at(point.Y)}
		}
		c.path(i, points)
	}
}

// label names a line beside a piece of it. One line alone is what the axis says.
func (p Panel) label(c *canvas, i int, y float64) {
	if len(p.Lines) == 1 && p.Lines[0].Name == "" {
		return
	}
	start := float64(left + i*(right-left)/len(p.Lines))
	c.path(i, []Point{{start, y - 4}, {start + 30, y - 4}})
	c.text("number", start+38, y, "start", p.Lines[i].Name)
}
