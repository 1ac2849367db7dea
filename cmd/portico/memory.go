package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

// limitMemory has the garbage collector keep the process below 90 % of what its
// cgroup may use (version 1 or 2), so that the kernel does not end it. GOMEMLIMIT
// in the environment goes first. It returns the limit in bytes, math.MaxInt64
// for none.
func limitMemory() (int64, error) {
	limit, err := memlimit.Set()
	if errors.Is(err, memlimit.ErrNoLimit) || errors.Is(err, memlimit.ErrNoCgroup) || errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		return math.MaxInt64, nil
	}
	return limit, err
}

// startLimitingMemory is no reason not to serve.
func (p *program) startLimitingMemory(log *zap.Logger) {
	switch limit, err := p.limitMemory(); {
	case err != nil:
		log.Warn("the memory limit of the cgroup is not known: set GOMEMLIMIT if there is one", zap.Error(err))
	case limit != math.MaxInt64:
		log.Info("memory is limited", zap.String("limit", fmt.Sprintf("%d MiB", limit>>20)))
	}
}

const (
	// quietInterval is how often the allocations are looked at.
	quietInterval = 500 * time.Millisecond
	// quietAllocation is how much a quiet server allocates in an interval at the
	// most, in bytes.
	quietAllocation = 512 << 10
	// worthReleasing is how much must have been allocated since the last release:
	// one costs a garbage collection.
	worthReleasing = 16 << 20
)

// releaseWhenQuiet gives memory back to the system when a busy time is over, for
// many sessions may then wait for hours. By itself the runtime collects garbage
// only after two minutes in which little was allocated, and gives back what is
// free bit by bit. It ends with ctx.
func releaseWhenQuiet(ctx context.Context, ticks <-chan time.Time, allocated func() uint64, release func()) {
	last := allocated()
	released := last
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now := allocated()
		if now-last <= quietAllocation && now-released >= worthReleasing {
			release()
			released = now
		}
		last = now
	}
}

// allocatedMemory is how many bytes the process has allocated so far.
func allocatedMemory() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// startReleasingMemory starts releaseWhenQuiet.
func (p *program) startReleasingMemory(ctx context.Context) {
	go func() {
		ticker := time.NewTicker(quietInterval)
		defer ticker.Stop()
		releaseWhenQuiet(ctx, ticker.C, allocatedMemory, p.releaseMemory)
	}()
}
