package main

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// stoppedClock is always at the same time.
type stoppedClock struct{}

func (stoppedClock) Now() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

func (stoppedClock) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

// handClock is at the time that a test sets.
type handClock struct {
	stoppedClock
	now time.Time
}

func (c *handClock) Now() time.Time { return c.now }

func sampledForTest(level zapcore.Level) (*sampling, *zap.Logger, *handClock, *observer.ObservedLogs) {
	core, seen := observer.New(level)
	clock := &handClock{now: stoppedClock{}.Now()}
	s, log := sample(zap.New(core, zap.WithClock(clock)))
	return s, log, clock, seen
}

func TestFloodIsSampledByMessage(t *testing.T) {
	t.Parallel()
	s, log, clock, seen := sampledForTest(zap.InfoLevel)
	const flood = 1050
	for i := range flood {
		log.With(zap.Int("session_id", i)).Warn("login failed") // each session has a logger of its own
		log.Error("disk is full")
		log.Debug("not this")
	}
	log.Info("other")
	const kept = sampledFirst + (flood-sampledFirst)/sampledEach
	for message, want := range map[string]int{"login failed": kept, "disk is full": flood, "other": 1, "not this": 0} {
		if got := seen.FilterMessage(message).Len(); got != want {
			t.Errorf("%q is there %d times, want %d", message, got, want)
		}
	}
	if got := seen.FilterMessage("login failed").FilterField(zap.Int("session_id", 0)).Len(); got != 1 {
		t.Error("fields of the session are lost")
	}

	seen.TakeAll()
	clock.now = clock.now.Add(reportInterval - 1)
	log.Info("other")
	clock.now = clock.now.Add(1)
	log.Info("other")
	lines := seen.TakeAll()
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want a report before the last: %+v", len(lines), lines)
	}
	report := lines[1]
	if fields := report.ContextMap(); report.Level != zap.WarnLevel || fields["message"] != "login failed" || fields["lines"] != int64(flood-kept) {
		t.Errorf("the report is %v %+v", report.Level, fields)
	}
	s.report(clock.now)
	if seen.Len() != 0 {
		t.Error("lines are reported twice")
	}
}

func TestNoFloodIsComplete(t *testing.T) {
	t.Parallel()
	s, log, clock, seen := sampledForTest(zap.InfoLevel)
	const seconds = 30
	for range seconds {
		for range sampledFirst {
			log.Info("transfer")
		}
		clock.now = clock.now.Add(time.Second)
	}
	s.report(clock.now)
	if got := seen.Len(); got != seconds*sampledFirst {
		t.Errorf("%d lines, want %d", got, seconds*sampledFirst)
	}
}

func TestSamplingIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.InfoLevel)
	s, log := sample(zap.New(core))
	const writers, each = 8, 500
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				log.Info("hello")
			}
		})
	}
	all.Wait()
	s.report(time.Now())
	kept, left := 0, 0
	for _, line := range seen.All() {
		if line.Message == "hello" {
			kept++
		} else {
			left += int(line.ContextMap()["lines"].(int64))
		}
	}
	if kept+left != writers*each || left == 0 {
		t.Errorf("%d lines and %d left out, want %d together", kept, left, writers*each)
	}
}
