package main

import (
	"testing"
	"time"

	"go.uber.org/zap/zaptest"
)

func TestReadiness(t *testing.T) {
	t.Parallel()
	log := zaptest.NewLogger(t)
	var r readiness
	if r.isReady() {
		t.Error("ready before anything listens")
	}
	r.raise(log)
	if !r.isReady() {
		t.Error("not ready while clients are served")
	}
	r.lower(time.Minute, log)
	if r.isReady() {
		t.Error("ready during the drain")
	}
}
