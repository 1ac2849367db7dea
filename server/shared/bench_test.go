//go:build unix

package shared_test

import (
	"testing"

	"github.com/portico-ftp/portico/internal/redistest"
)

// BenchmarkSession is what a session costs beyond one of a server that is alone:
// it enters and leaves.
func BenchmarkSession(b *testing.B) {
	redis := redistest.Start(b, "")
	sessions := open(b, redis, nil).Sessions()
	open(b, redis, nil).Sessions().Enter("/alice", 10)
	for b.Loop() {
		if !sessions.Enter("/alice", 10) {
			b.Fatal("refused")
		}
		sessions.Leave("/alice")
	}
}

// BenchmarkSessionWithoutRedis is the same while Redis is away.
func BenchmarkSessionWithoutRedis(b *testing.B) {
	redis := redistest.Start(b, "")
	state := open(b, redis, nil)
	redis.Stop()
	state.Sessions().Enter("/alice", 10)
	state.waitUntilHere(b, false)
	for b.Loop() {
		state.Sessions().Enter("/alice", 10)
		state.Sessions().Leave("/alice")
	}
}
