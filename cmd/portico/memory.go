package main

import (
	"errors"
	"fmt"
	"math"

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
