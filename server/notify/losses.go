package notify

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// lossReportInterval keeps a flood of lost events from becoming a flood of log
// lines.
const lossReportInterval = time.Second

// losses counts the events that nobody will be told of, and logs them at most
// once in lossReportInterval.
type losses struct {
	logger *zap.Logger

	mu       sync.Mutex // guards what follows
	total    uint64
	unlogged uint64
	reason   string
	quiet    time.Time // until when nothing is logged
}

// add counts n more. The reason of the latest loss stands for all of a line.
func (l *losses) add(n int, reason string) {
	if n == 0 {
		return
	}
	now := time.Now()
	l.mu.Lock()
	l.total += uint64(n)
	l.unlogged += uint64(n)
	l.reason = reason
	if now.Before(l.quiet) {
		l.mu.Unlock()
		return
	}
	l.quiet = now.Add(lossReportInterval)
	l.mu.Unlock()
	l.report()
}

// report logs what has not been logged.
func (l *losses) report() {
	l.mu.Lock()
	unlogged, total, reason := l.unlogged, l.total, l.reason
	l.unlogged = 0
	l.mu.Unlock()
	if unlogged > 0 {
		l.logger.Warn("events dropped",
			zap.Uint64("count", unlogged), zap.Uint64("total", total), zap.String("reason", reason))
	}
}

func (l *losses) count() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
