package server

import (
	"testing"
	"time"
)

// The times of listings are what time.Time says they are.
func TestListingTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	times := []time.Time{
		{}, now, now.Add(-halfAYear), now.Add(-halfAYear - 1), now.Add(24 * time.Hour), now.Add(24*time.Hour + 1),
		time.Unix(0, 0), time.Unix(-1, 999), time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2024, 2, 29, 0, 0, 0, 0, time.FixedZone("", -7*3600)),
	}
	for day := range 400 {
		times = append(times, now.Add(time.Duration(day-200)*25*time.Hour+time.Duration(day)*61*time.Second))
	}
	for _, at := range times {
		layout := "Jan _2 15:04"
		if age := now.Sub(at.UTC()); age > halfAYear || age < -24*time.Hour {
			layout = "Jan _2  2006"
		}
		if got, want := string(appendListTime(nil, at, now)), at.UTC().Format(layout); got != want {
			t.Errorf("LIST of %v: got %q, want %q", at, got, want)
		}
		if got, want := string(appendFactTime(nil, at)), at.UTC().Format(timeFormat); got != want {
			t.Errorf("MLSD of %v: got %q, want %q", at, got, want)
		}
	}
}
