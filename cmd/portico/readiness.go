package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// readiness says whether load balancers should send new clients here. The zero
// value says no. It is safe for concurrent use.
type readiness struct{ ready atomic.Bool }

func (r *readiness) isReady() bool { return r.ready.Load() }

// raise is called once clients are served.
func (r *readiness) raise(log *zap.Logger) {
	r.ready.Store(true)
	tellManager(log, daemon.SdNotifyReady)
}

// lower is called when the server is to end, which may take so long.
func (r *readiness) lower(within time.Duration, log *zap.Logger) {
	r.ready.Store(false)
	tellManager(log, daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", within.Microseconds()))
}

// pass is called when another process has taken over.
func (r *readiness) pass(pid int, log *zap.Logger) {
	r.ready.Store(false)
	tellManager(log, fmt.Sprintf("MAINPID=%d", pid), daemon.SdNotifyReady)
}

// tellManager tells a service manager that wants to know (sd_notify(3)).
func tellManager(log *zap.Logger, state ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(state, "\n")); err != nil {
		log.Warn("the service manager could not be told", zap.Strings("state", state), zap.Error(err))
	}
}
