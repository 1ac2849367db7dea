package plot

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// picture is what of an SVG the tests look at.
type picture struct {
	ViewBox   string `xml:"viewBox,attr"`
	Title     string `xml:"title"`
	Polylines []struct {
		Class  string `xml:"class,attr"`
		Points string `xml:"points,attr"`
	} `xml:"polyline"`
	Texts []struct {
		X    float64 `xml:"x,attr"`
		Y    float64 `xml:"y,attr"`
		Text string  `xml:",chardata"`
	} `xml:"text"`
}

func draw(t *testing.T, f Figure) picture {
	t.Helper()
	var svg bytes.Buffer
	if err := f.WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	var p picture
	if err := xml.Unmarshal(svg.Bytes(), &p); err != nil {
		t.Fatalf("not XML: %v\n%s", err, svg.String())
	}
	return p
}

// coordinates of the line that is drawn as the nth.
func (p picture) coordinates(t *testing.T, n int) (points []Point) {
	t.Helper()
	for pair := range strings.FieldsSeq(p.Polylines[n].Points) {
		x, y, _ := strings.Cut(pair, ",")
		fx, errX := strconv.ParseFloat(x, 64)
		fy, errY := strconv.ParseFloat(y, 64)
		if errX != nil || errY != nil {
			t.Fatalf("%q is no point", pair)
		}
		points = append(points, Point{fx, fy})
	}
	return points
}

func (p picture) hasText(text string) bool {
	for _, each := range p.Texts {
		if each.Text == text {
			return true
		}
	}
	return false
}

func TestTenTimesAsMuchIsAlwaysAsFar(t *testing.T) {
	t.Parallel()
	got := draw(t, Figure{"growth", "entries", []Panel{{"ns", []Line{{"", []Point{{1, 1000}, {10, 100}, {100, 10}, {1000, 1}}}}}}}).coordinates(t, 0)
	if got[0].X != left || got[3].X != right {
		t.Errorf("drawn from %v to %v, want %v to %v", got[0].X, got[3].X, left, right)
	}
	const top, bottom = headHeight + above, headHeight + panelHeight - below
	if got[0].Y != top || got[3].Y != bottom {
		t.Errorf("drawn from %v down to %v, want %v to %v", got[0].Y, got[3].Y, top, bottom)
	}
	for i := 1; i < len(got); i++ {
		if step, want := got[i].X-got[i-1].X, (right-left)/3.0; math.Abs(step-want) > 0.2 {
			t.Errorf("step %d is %v wide, want %v", i, step, want)
		}
	}
}

func TestAFigureShowsAllItsPartsInside(t *testing.T) {
	t.Parallel()
	line := func(name string, points ...Point) Line { return Line{name, points} }
	p := draw(t, Figure{"<sessions> & more", "sessions", []Panel{
		{"KiB", []Line{line("memory", Point{1, 30}, Point{3784, 31})}},
		{"µs", []Line{line("command", Point{1, 0.02}, Point{5000, 7}), line("transfer", Point{10, 90})}},
	}})
	if p.Title != "<sessions> & more" {
		t.Errorf("the title is %q", p.Title)
	}
	for _, text := range []string{"<sessions> & more", "sessions", "KiB", "µs", "memory", "command", "transfer", "1,000", "0.1"} {
		if !p.hasText(text) {
			t.Errorf("%q is not to be seen", text)
		}
	}
	if len(p.Polylines) != 6 {
		t.Fatalf("%d lines are drawn, want each and its piece in the legend", len(p.Polylines))
	}
	size := strings.Fields(p.ViewBox)
	height, _ := strconv.ParseFloat(size[3], 64)
	for n := range p.Polylines {
		for _, point := range p.coordinates(t, n) {
			if point.X < left || point.X > right || point.Y < headHeight || point.Y > height-footHeight {
				t.Errorf("line %d goes out of the picture, to %v", n, point)
			}
		}
	}
	for _, text := range p.Texts {
		if text.X < 0 || text.X > width || text.Y < 0 || text.Y > height {
			t.Errorf("%q stands outside, at %v, %v", text.Text, text.X, text.Y)
		}
	}
}

func TestLinesHaveColoursOfTheirOwnOnBothGrounds(t *testing.T) {
	t.Parallel()
	for i, a := range colours {
		for _, b := range colours[:i] {
			if a.light == b.light || a.dark == b.dark || a.dashes == b.dashes {
				t.Errorf("%v and %v are taken for one another", a, b)
			}
		}
	}
	var svg bytes.Buffer
	if err := (Figure{"t", "x", []Panel{{"y", []Line{{"", []Point{{1, 1}}}}}}}).WriteSVG(&svg); err != nil {
		t.Fatal(err)
	}
	_, dark, found := strings.Cut(svg.String(), "prefers-color-scheme:dark")
	for _, colour := range colours {
		if !found || !strings.Contains(dark, colour.dark) {
			t.Errorf("%s is not there in the dark", colour.dark)
		}
	}
}

func TestAxes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		ticks  string
	}{
		{[]float64{1, 5000}, "1 10 100 1,000"},
		{[]float64{10, 16384}, "10 100 1,000 10,000"},
		{[]float64{31, 34}, "20 50"},
		{[]float64{20}, "20 50"},
		{[]float64{99.9, 1}, "1 2 5 10 20 50 100"},
		{[]float64{0.3, 4}, "0.2 0.5 1 2 5"},
		{[]float64{100, 1_000_000}, "100 1,000 10,000 100,000 1,000,000"},
	} {
		var got []string
		s := newScale(test.values, 0, 100)
		for _, tick := range s.ticks() {
			got = append(got, number(tick))
		}
		if strings.Join(got, " ") != test.ticks {
			t.Errorf("%v has the ticks %v, want %s", test.values, got, test.ticks)
		}
		for _, v := range test.values {
			if at := s.at(v); at < -1e-9 || at > 100+1e-9 {
				t.Errorf("%v is drawn at %v, want 0 to 100", v, at)
			}
		}
		if !slices.IsSorted(s.steps) {
			t.Errorf("%v has the steps %v", test.values, s.steps)
		}
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	panel := func(points ...Point) []Panel { return []Panel{{"y", []Line{{"line", points}}}} }
	for name, panels := range map[string][]Panel{
		"nothing":          nil,
		"no line":          {{"y", nil}},
		"no points":        panel(),
		"nought":           panel(Point{1, 0}),
		"less":             panel(Point{-1, 1}),
		"not a number":     panel(Point{1, math.NaN()}),
		"without end":      panel(Point{1, math.Inf(1)}),
		"too many colours": {{"y", make([]Line, len(colours)+1)}},
	} {
		if err := (Figure{"t", "x", panels}).WriteSVG(io.Discard); err == nil {
			t.Errorf("%s is drawn", name)
		}
	}
}
