//go:build unix

package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/portico-ftp/portico/internal/redistest"
)

// Behind HAProxy, wherever it sends a session, users have as many as the limit
// says, and a Redis that ends and comes back in the middle disturbs no transfer.
func TestReplicasShareStateBehindTheBalancer(t *testing.T) {
	t.Parallel()
	const limit = 12
	r := newReplicas(t, false, true)
	redis := redistest.Start(t, fmt.Sprintf("127.0.0.1:%d", suite.ports.take(t, 1).first))
	r.set("shared", map[string]any{"redis": redis.URL(), "lease": "2s", "timeout": "2s"})
	r.set("limits.sessions_per_user", limit)
	r.start()

	sessions := make([]*caller, limit)
	reached := map[int]bool{}
	for i := range sessions {
		c, err := r.call(i, false)
		if err != nil {
			t.Fatalf("session %d of %d: %v", i+1, limit, err)
		}
		if err := c.passive(); err != nil {
			t.Fatal(err)
		}
		sessions[i], reached[r.which(c)] = c, true
	}
	if len(reached) < 2 {
		t.Fatalf("all sessions are with one replica")
	}
	for range 2 * replicaCount { // whichever it meets
		if _, err := r.call(limit, false); err == nil || !strings.Contains(err.Error(), "530") {
			t.Errorf("a session beyond the limit: %v, want 530", err)
		}
	}

	redis.Stop()
	for _, replica := range r.each {
		replica.awaitLog(t, "the shared state is away")
	}
	r.transfer(sessions)
	redis.Start()
	r.transfer(sessions)
	for _, replica := range r.each {
		replica.awaitLog(t, "the shared state is back")
	}
	for _, c := range sessions {
		if err := c.quit(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, startTimeout, "there is room for another session", func() bool {
		c, err := r.call(limit, false)
		return err == nil && c.quit() == nil
	})
}

// transfer has every session upload and download at the same time.
func (r *replicas) transfer(sessions []*caller) {
	var all sync.WaitGroup
	for i, c := range sessions {
		all.Go(func() {
			for file := range filesOfSession {
				name, content := crowdFile(i, file), crowdContent(i, file)
				if err := c.put(name, content); err != nil {
					r.t.Errorf("session %d: %v", i, err)
					return
				}
				if err := wantContent(c, name, content); err != nil {
					r.t.Errorf("session %d: %v", i, err)
					return
				}
			}
		})
	}
	all.Wait()
}
