package plot

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// colours of lines, on light and on dark ground. Dashes tell the lines apart
// where colours do not.
var colours = [...]struct{ light, dark, dashes string }{
	{"#0b61c4", "#6cb2ff", "none"},
	{"#b34700", "#ff9d57", "7 4"},
	{"#1a7a35", "#56d364", "2 4"},
	{"#8a3fc0", "#c79bff", "10 3 2 3"},
}

// canvas collects the elements of a picture.
type canvas struct{ elements strings.Builder }

// newCanvas has a ground of its own: whoever shows a picture may not know the
// colours that its reader has asked for.
func newCanvas(width, height int, title string) *canvas {
	c := new(canvas)
	fmt.Fprintf(&c.elements, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`, width, height, width, height)
	fmt.Fprintf(&c.elements, "\n<title>%s</title>\n<style>\n", escape(title))
	c.elements.WriteString("text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:16px;font-weight:600}.name{font-size:13px}\n" +
		".ground{fill:#ffffff}.grid{stroke:#d5dae0}.path{fill:none;stroke-width:2}\n")
	var dark strings.Builder
	for i, colour := range colours {
		fmt.Fprintf(&c.elements, ".l%d{stroke:%s;stroke-dasharray:%s}.d%d{fill:%s}\n", i, colour.light, colour.dashes, i, colour.light)
		fmt.Fprintf(&dark, ".l%d{stroke:%s}.d%d{fill:%s}", i, colour.dark, i, colour.dark)
	}
	fmt.Fprintf(&c.elements, "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.grid{stroke:#30363d}%s}\n</style>\n", dark.String())
	c.elements.WriteString(`<rect class="ground" width="100%" height="100%"/>` + "\n")
	return c
}

func (c *canvas) text(class string, x, y float64, anchor, text string) {
	fmt.Fprintf(&c.elements, `<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, escape(text))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&c.elements, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

// path draws a line in the colour of its number, and a dot at each point.
func (c *canvas) path(i int, points []Point) {
	var at, dots strings.Builder
	for _, p := range points {
		fmt.Fprintf(&at, "%.1f,%.1f ", p.X, p.Y)
		fmt.Fprintf(&dots, `<circle class="d%d" cx="%.1f" cy="%.1f" r="3.5"/>`, i, p.X, p.Y)
	}
	fmt.Fprintf(&c.elements, `<polyline class="path l%d" points="%s"/>%s`+"\n", i, strings.TrimSpace(at.String()), dots.String())
}

func (c *canvas) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, c.elements.String()+"</svg>\n")
	return err
}

func escape(text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a strings.Builder takes everything
	return escaped.String()
}
