package main

import (
	"context"
	"testing"
	"time"
)

func TestMemoryIsReleasedWhenTheServerBecomesQuiet(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, test := range map[string]struct {
		each []uint64 // MiB allocated before each look
		want int
	}{
		"a burst":                   {[]uint64{40, 40, 0, 0, 0}, 1},
		"busy all the time":         {[]uint64{40, 40, 40, 40}, 0},
		"quiet all the time":        {[]uint64{0, 0, 0, 0}, 0},
		"too little to be worth it": {[]uint64{10, 0, 0}, 0},
		"little by little":          {[]uint64{5, 5, 5, 5, 0}, 1},
		"two bursts":                {[]uint64{40, 0, 40, 0, 0}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			ticks, releases := make(chan time.Time), 0
			looks := append([]uint64{0}, test.each...)
			total, look := uint64(0), 0
			allocated := func() uint64 {
				total += looks[look] * mib
				look++
				return total
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				releaseWhenQuiet(ctx, ticks, allocated, func() { releases++ })
			}()
			for range test.each {
				ticks <- time.Time{}
			}
			cancel()
			<-done
			if releases != test.want {
				t.Errorf("released %d times, want %d", releases, test.want)
			}
		})
	}
}

func TestAllocatedMemoryIsKnown(t *testing.T) {
	t.Parallel()
	if allocatedMemory() == 0 {
		t.Error("nothing has been allocated")
	}
}
