//go:build linux

package main

import (
	"math"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":               {[]float64{3}, 3},
		"odd, unsorted":     {[]float64{9, 1, 5}, 5},
		"even: mean of two": {[]float64{4, 1, 2, 9}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("%s: median(%v) = %v, want %v", name, c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestMedianLeavesItsValuesInOrder(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("median has sorted its argument: %v", values)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, c := range []struct {
		times []time.Duration
		part  float64
		want  time.Duration
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1},
		{[]time.Duration{7}, 0.99, 7}, {nil, 0.5, 0},
	} {
		if got := percentile(c.times, c.part); got != c.want {
			t.Errorf("percentile(%d times, %v) = %d, want %d", len(c.times), c.part, got, c.want)
		}
	}
}

func TestBest(t *testing.T) {
	t.Parallel()
	missing := math.NaN()
	for _, c := range []struct {
		values []float64
		more   bool
		at     int
	}{
		{[]float64{1, 3, 2}, true, 1}, {[]float64{missing, 3, 2}, false, 2}, {[]float64{2, 2}, true, 0},
		{[]float64{missing, missing}, true, -1}, {nil, false, -1},
	} {
		if _, at := best(c.values, c.more); at != c.at {
			t.Errorf("best(%v, %v) is number %d, want %d", c.values, c.more, at, c.at)
		}
	}
}
