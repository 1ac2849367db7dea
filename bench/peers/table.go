//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// cell is what was measured of one server in one row.
type cell struct {
	samples []sample
	reason  string // why there is nothing
}

// medians has one value for each metric, NaN where nothing was measured.
func (c cell) medians(metrics int) []float64 {
	values := make([]float64, metrics)
	for m := range values {
		var column []float64
		for _, s := range c.samples {
			column = append(column, s.values[m])
		}
		values[m] = median(column)
	}
	return values
}

// table is a whole run: cells[row][server].
type table struct {
	rows    []row
	servers []string
	cells   [][]cell
}

// write prints a Markdown table. The last columns compare portico with the best
// of the others, the bare loop apart.
func (t table) write(w io.Writer) error {
	var text strings.Builder
	text.WriteString("| | |")
	for _, s := range t.servers {
		fmt.Fprintf(&text, " %s |", s)
	}
	text.WriteString(" Best peer | Ratio | |\n|---|---|" + strings.Repeat("---:|", len(t.servers)) + "---|---:|---|\n")
	var notes []string
	for i, r := range t.rows {
		values := make([][]float64, len(t.servers))
		for s := range t.servers {
			values[s] = t.cells[i][s].medians(len(r.metrics))
			if reason := t.cells[i][s].reason; reason != "" {
				notes = append(notes, fmt.Sprintf("- %s, %s: %s", r.title, t.servers[s], reason))
			}
		}
		for m, metric := range r.metrics {
			title := ""
			if m == 0 {
				title = r.title
			}
			fmt.Fprintf(&text, "| %s | %s |", title, metric.name)
			column := make([]float64, len(t.servers))
			for s := range t.servers {
				column[s] = values[s][m]
				fmt.Fprintf(&text, " %s |", metric.show(column[s]))
			}
			text.WriteString(t.compare(metric, column) + "\n")
		}
	}
	if len(notes) > 0 {
		text.WriteString("\nNotes, and why there is nothing (–):\n\n" + strings.Join(notes, "\n") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (m metric) show(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return m.format(v)
}

// compare names the best peer, portico's ratio to it, and who wins.
func (t table) compare(m metric, column []float64) string {
	ours, peers := math.NaN(), make([]float64, len(column))
	for s, v := range column {
		peers[s] = v
		switch t.servers[s] {
		case porticoName:
			ours, peers[s] = v, math.NaN()
		case bareName:
			peers[s] = math.NaN()
		}
	}
	value, at := best(peers, m.more)
	if at < 0 || math.IsNaN(ours) {
		return " – | – | |"
	}
	return fmt.Sprintf(" %s | %s | %s |", t.servers[at], ratio(ours, value), judge(ours, value, m.more))
}

func ratio(ours, theirs float64) string {
	if theirs == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", ours/theirs)
}

func judge(ours, theirs float64, more bool) string {
	switch {
	case ours == theirs:
		return "equal"
	case more == (ours > theirs):
		return "wins"
	default:
		return "**loses**"
	}
}
