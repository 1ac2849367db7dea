package pace

import (
	"testing"
	"time"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, perMinute := range []int{1, 2, 3, 7, 60, 1000, 100_000} {
		a := NewAttempts[string](perMinute)
		now := time.Unix(1_000_000, 0)
		for i := range perMinute {
			if !a.Take(now, "alice") {
				t.Fatalf("%d per minute: attempt %d is refused", perMinute, i+1)
			}
		}
		if a.Take(now, "alice") {
			t.Errorf("%d per minute: one more is allowed", perMinute)
		}
		if !a.Take(now, "bob") {
			t.Errorf("%d per minute: somebody else is refused", perMinute)
		}
		for range 3 { // refused attempts do not count
			if a.Take(now.Add(time.Minute/time.Duration(perMinute)-time.Millisecond/10), "alice") {
				t.Errorf("%d per minute: another is allowed too early", perMinute)
			}
		}
		if !a.Take(now.Add(time.Minute/time.Duration(perMinute)+1), "alice") {
			t.Errorf("%d per minute: another is refused after its time", perMinute)
		}
	}
}

// An attempt counts for a minute, whenever what is remembered is turned over.
func TestAttemptsRememberForAMinute(t *testing.T) {
	t.Parallel()
	for offset := time.Duration(0); offset < 2*time.Minute; offset += 7 * time.Second {
		a := NewAttempts[int](1)
		start := time.Unix(1_000_000, 0)
		a.Take(start, 0)
		first := start.Add(offset)
		a.Take(first, 1)
		for after := time.Second; after < time.Minute; after += time.Second {
			a.Take(first.Add(after), 1000+int(after)) // others
			if a.Take(first.Add(after), 1) {
				t.Fatalf("begun %v before: an attempt is forgotten after %v", offset, after)
			}
		}
		if !a.Take(first.Add(time.Minute), 1) {
			t.Fatalf("begun %v before: an attempt is refused after a minute", offset)
		}
	}
}

func TestAttemptsOfVeryManyAreBounded(t *testing.T) {
	t.Parallel()
	a := NewAttempts[int](1)
	now := time.Unix(1_000_000, 0)
	for i := range 1_000_000 {
		if !a.Take(now, i) {
			t.Fatalf("the first attempt of %d is refused", i)
		}
		if n := len(a.recent) + len(a.older); n > 2*maxRemembered {
			t.Fatalf("%d are remembered, want %d at the most", n, 2*maxRemembered)
		}
	}
	if a.Take(now, 999_999) {
		t.Error("the last of them is forgotten")
	}
}

func TestNoLimitOfAttempts(t *testing.T) {
	t.Parallel()
	a := NewAttempts[string](0)
	for range 1000 {
		if !a.Take(time.Time{}, "alice") {
			t.Fatal("an attempt is refused")
		}
	}
}
