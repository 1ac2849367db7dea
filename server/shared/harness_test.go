//go:build unix

package shared_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/internal/redistest"
	"github.com/portico-ftp/portico/server/shared"
)

// replica is a State with its log.
type replica struct {
	*shared.State
	log *observer.ObservedLogs
}

func open(t testing.TB, redis *redistest.Server, change func(*shared.Options)) replica {
	t.Helper()
	core, log := observer.New(zapcore.InfoLevel)
	// The machine may be busy: only what hangs is to be away.
	opts := shared.Options{Timeout: 5 * time.Second, Logger: zap.New(core)}
	if redis != nil {
		opts.URL = redis.URL()
	}
	if change != nil {
		change(&opts)
	}
	state, err := shared.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	})
	return replica{state, log}
}

// hasty is for servers that do not answer.
func hasty(opts *shared.Options) { opts.Timeout = 50 * time.Millisecond }

// warnings are those of the log, the same twice if they were told twice.
func (r replica) warnings() (all []string) {
	for _, entry := range r.log.FilterLevelExact(zapcore.WarnLevel).All() {
		all = append(all, fmt.Sprint(entry.Message, ": ", entry.ContextMap()["error"]))
	}
	return all
}

// waitFor waits until something is so.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func (r replica) waitUntilHere(t testing.TB, here bool) {
	t.Helper()
	waitFor(t, fmt.Sprintf("here: %v", here), func() bool { return r.Status().Here == here })
}
