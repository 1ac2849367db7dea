package server_test

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/server"
)

// Who only looks whether the server greets is not logged; whoever does more is,
// and so is who goes without a word.
func TestTheLogLeavesOutHealthChecks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		commands []string
		want     int
	}{
		"QUIT alone":       {[]string{"QUIT"}, 0},
		"a command before": {[]string{"NOOP", "QUIT"}, 1},
		"not a word":       {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, logged := observer.New(zapcore.InfoLevel)
			closed := make(chan struct{})
			s := startSite(t, func(o *server.Options) {
				o.Logger = zap.New(core)
				o.OnSession = func(e server.SessionEvent) {
					if e.Ended {
						close(closed)
					}
				}
			})
			c := dial(t, s.addr)
			c.expect(220)
			for _, command := range test.commands {
				c.send("%s", command)
				c.read()
			}
			c.conn.Close()
			<-closed
			for _, message := range []string{"session opened", "session closed"} {
				if got := logged.FilterMessage(message).Len(); got != test.want {
					t.Errorf("%q is logged %d times, want %d", message, got, test.want)
				}
			}
		})
	}
}
