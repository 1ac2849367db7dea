package pace

import (
	"testing"
	"time"
)

// play has a client send commands, each so long after the last was acted on.
// It returns how long that took, and how many were acted on before it was a
// flood, if so.
func play(c *Commands, commands int, gap time.Duration, ahead bool) (took time.Duration, floodAfter int) {
	start := time.Unix(1_000_000, 0)
	now := start
	for i := range commands {
		wait, flood := c.Take(now, ahead)
		if flood {
			return now.Sub(start), i
		}
		now = now.Add(wait + gap)
	}
	return now.Sub(start), commands
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		perSecond, commands int
		gap                 time.Duration
		ahead               bool
		took                time.Duration
		floodAfter          int
	}{
		"no limit":                          {0, 100_000, 0, true, 0, 100_000},
		"a burst":                           {10, 50, 0, false, 0, 50},
		"a burst at a low rate":             {1, 40, 0, false, 0, 40},
		"one more is slowed":                {10, 51, 0, false, 100 * time.Millisecond, 51},
		"at the rate for ever":              {10, 10_000, 100 * time.Millisecond, false, 1000 * time.Second, 10_000},
		"one that waits for replies":        {10, 10_050, 0, false, 1000 * time.Second, 10_050},
		"one that sends all at once":        {10, 99, 0, true, 4900 * time.Millisecond, 99},
		"a flood":                           {10, 10_000, 0, true, 5 * time.Second, 100},
		"ahead, but not faster than it may": {10, 10_000, 100 * time.Millisecond, true, 1000 * time.Second, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			took, floodAfter := play(NewCommands(test.perSecond), test.commands, test.gap, test.ahead)
			if took != test.took || floodAfter != test.floodAfter {
				t.Errorf("%d commands took %v; want %d in %v", floodAfter, took, test.floodAfter, test.took)
			}
		})
	}
}

// A client that sometimes waits for replies is slow, but no flood.
func TestCommandsForgiveWhoeverWaits(t *testing.T) {
	t.Parallel()
	c := NewCommands(10)
	now := time.Unix(1_000_000, 0)
	for i := range 10_000 {
		wait, flood := c.Take(now, i%40 != 0)
		if flood {
			t.Fatalf("command %d is called a flood", i)
		}
		now = now.Add(wait)
	}
}
