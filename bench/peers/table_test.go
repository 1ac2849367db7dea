//go:build linux

package main

import (
	"strings"
	"testing"
)

// madeUp is a run with a row that is won, one that is lost, and what was not
// measured.
func madeUp() table {
	of := func(values ...float64) cell {
		var c cell
		for _, v := range values {
			c.samples = append(c.samples, sample{values: []float64{v * 1e6, v}})
		}
		return c
	}
	return table{
		servers: []string{porticoName, "one", "two", bareName},
		rows: []row{
			{title: "First", metrics: []metric{opRate, gibCPU}},
			{title: "Second", metrics: []metric{opRate, gibCPU}},
		},
		cells: [][]cell{
			{of(3, 1, 2), of(1), of(4), of(9)},
			{of(5), {reason: "has no such thing"}, {}, {}},
		},
	}
}

func TestTableComparesWithTheBestPeer(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	if err := madeUp().write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| First | per second | 2000000 | 1000000 | 4000000 | 9000000 | two | 0.50 | **loses** |\n",
		"|  | server CPU, s/GiB | 2.000 | 1.000 | 4.000 | 9.000 | one | 2.00 | **loses** |\n",
		"| Second | per second | 5000000 | – | – | – | – | – | |\n",
		"- Second, one: has no such thing\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table has no line %q:\n%s", want, text.String())
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ours, theirs float64
		more         bool
		want         string
	}{
		{2, 1, true, "wins"}, {2, 1, false, "**loses**"}, {1, 2, true, "**loses**"}, {1, 2, false, "wins"}, {0, 0, false, "equal"},
	} {
		if got := judge(c.ours, c.theirs, c.more); got != c.want {
			t.Errorf("judge(%v, %v, %v) = %q, want %q", c.ours, c.theirs, c.more, got, c.want)
		}
	}
}

func TestRatioToNothing(t *testing.T) {
	t.Parallel()
	if got := ratio(1, 0); got != "–" {
		t.Errorf("ratio(1, 0) = %q, want a dash", got)
	}
}
