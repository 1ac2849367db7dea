package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// So many lines with the same message are written in a second, and of more, each
// hundredth. A flood of clients, or one that floods, must not fill the disk, nor
// hide what else happens. Errors are never left out.
const (
	sampledFirst = 100
	sampledEach  = 100
	// reportInterval is the time between two lines on what was left out.
	reportInterval = 10 * time.Second
)

// sampling knows which lines are left out of a log.
type sampling struct {
	base   zapcore.Core
	decide zapcore.Core          // zap's sampler
	drop   *zapcore.CheckedEntry // its answer for a line that is left out

	mu      sync.Mutex
	dropped map[string]int // lines by message, since the last report
	since   time.Time      // of the first of them
}

// sample makes a log that leaves lines out in a flood.
func sample(log *zap.Logger) (*sampling, *zap.Logger) {
	s := &sampling{base: log.Core(), drop: &zapcore.CheckedEntry{}, dropped: map[string]int{}}
	s.decide = zapcore.NewSamplerWithOptions(agreeing{log.Core()}, time.Second, sampledFirst, sampledEach, zapcore.SamplerHook(s.count))
	return s, log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return &sampledCore{core, s} }))
}

// count is told of each decision.
func (s *sampling) count(e zapcore.Entry, decision zapcore.SamplingDecision) {
	if decision&zapcore.LogDropped == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dropped) == 0 {
		s.since = e.Time
	}
	s.dropped[e.Message]++
}

// reportIfDue writes the report when the oldest line in it is so old.
func (s *sampling) reportIfDue(now time.Time) {
	s.mu.Lock()
	due := len(s.dropped) > 0 && now.Sub(s.since) >= reportInterval
	s.mu.Unlock()
	if due {
		s.report(now)
	}
}

// report writes how many lines were left out since the last report.
func (s *sampling) report(now time.Time) {
	s.mu.Lock()
	dropped := s.dropped
	s.dropped = map[string]int{}
	s.mu.Unlock()
	for _, message := range slices.Sorted(maps.Keys(dropped)) {
		entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: now, Message: "lines were left out of this log in a flood (log.sampling)"}
		s.base.Write(entry, []zapcore.Field{zap.String("message", message), zap.Int("lines", dropped[message])})
	}
}

// sampledCore asks before it lets a line through.
type sampledCore struct {
	zapcore.Core
	*sampling
}

// With implements zapcore.Core.
func (c *sampledCore) With(fields []zapcore.Field) zapcore.Core {
	return &sampledCore{c.Core.With(fields), c.sampling}
}

// Check implements zapcore.Core.
func (c *sampledCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level < zapcore.ErrorLevel && c.Enabled(e.Level) {
		c.reportIfDue(e.Time)
		if c.decide.Check(e, c.drop) == c.drop {
			return checked
		}
	}
	return c.Core.Check(e, checked)
}

// agreeing is what the sampler asks about lines that it would write. It writes
// none: the sampler only decides, once for all loggers that have fields of their
// own.
type agreeing struct{ zapcore.Core }

// Check returns what is not sampling.drop.
func (agreeing) Check(zapcore.Entry, *zapcore.CheckedEntry) *zapcore.CheckedEntry { return nil }
