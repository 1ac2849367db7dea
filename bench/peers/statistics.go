//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// median is the middle value, or the mean of the two in the middle; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile is the time that this part of them stays within, 0 of none. It sorts
// them.
func percentile(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	rank := int(math.Ceil(part*float64(len(times)))) - 1
	return times[max(0, min(len(times)-1, rank))]
}

// best is the best of the values that are there, and its place; -1 if there is
// none.
func best(values []float64, more bool) (value float64, at int) {
	at = -1
	for i, v := range values {
		if math.IsNaN(v) {
			continue
		}
		if at < 0 || more && v > value || !more && v < value {
			value, at = v, i
		}
	}
	return value, at
}
