package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

const (
	sweepInterval = time.Hour
	flushInterval = time.Minute // of quotas: less has to be counted anew after a crash
	shareInterval = time.Second // of quotas that servers count together
)

// quotaInterval is how often quotas are written.
func (s *service) quotaInterval() time.Duration {
	if s.shared != nil {
		return shareInterval
	}
	return flushInterval
}

// upkeep is what a running server does to its storage by itself.
type upkeep struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startUpkeep sweeps up what interrupted uploads of the present accounts have
// left, now and every hour, and writes quotas at each interval, until ctx is done.
// The caller stops it before it closes the accounts.
func startUpkeep(ctx context.Context, present func() *accounts, interval time.Duration, log *zap.Logger) *upkeep {
	ctx, cancel := context.WithCancel(ctx)
	u := &upkeep{cancel: cancel, done: make(chan struct{})}
	go u.run(ctx, present, interval, log)
	return u
}

func (u *upkeep) run(ctx context.Context, present func() *accounts, interval time.Duration, log *zap.Logger) {
	defer close(u.done)
	sweep, flush := time.NewTicker(sweepInterval), time.NewTicker(interval)
	defer sweep.Stop()
	defer flush.Stop()
	present().sweep(ctx, time.Now(), log)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-sweep.C:
			present().sweep(ctx, now, log)
		case <-flush.C:
			present().flush(log)
		}
	}
}

// stop ends the upkeep and waits for it.
func (u *upkeep) stop() {
	u.cancel()
	<-u.done
}

func (a *accounts) sweep(ctx context.Context, now time.Time, log *zap.Logger) {
	for _, users := range a.lists {
		swept, err := users.Sweep(ctx, now)
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("interrupted uploads could not all be removed", zap.Error(err))
		}
		if swept.Files > 0 {
			log.Info("interrupted uploads removed", zap.Int64("files", swept.Files), zap.Int64("bytes", swept.Bytes))
		}
	}
}

func (a *accounts) flush(log *zap.Logger) {
	if a.quotas == nil {
		return
	}
	if err := a.quotas.Flush(); err != nil {
		log.Error("quotas could not be written", zap.Error(err))
	}
}
