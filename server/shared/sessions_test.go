//go:build unix

package shared_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-ftp/portico/internal/redistest"
	"github.com/portico-ftp/portico/server/shared"
)

func TestSessionsCountOnAllReplicas(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := open(t, redis, nil).Sessions(), open(t, redis, nil).Sessions()
	steps := []struct {
		what string
		does func() bool
		want bool
	}{
		{"first", func() bool { return a.Enter("/alice", 2) }, true},
		{"second, elsewhere", func() bool { return b.Enter("/alice", 2) }, true},
		{"third", func() bool { return a.Enter("/alice", 2) }, false},
		{"third, elsewhere", func() bool { return b.Enter("/alice", 2) }, false},
		{"somebody else", func() bool { return b.Enter("/bob", 1) }, true},
		{"after one has left", func() bool { a.Leave("/alice"); return b.Enter("/alice", 2) }, true},
		{"no limit", func() bool { return a.Enter("/alice", 0) }, true},
		{"without a limit they count, too", func() bool { return a.Enter("/alice", 3) }, false},
		{"a higher limit", func() bool { return a.Enter("/alice", 4) }, true},
	}
	for _, step := range steps {
		if got := step.does(); got != step.want {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
	}
}

// Racing logins at several replicas never pass the limit together.
func TestSessionsRace(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	var inside, most, entered atomic.Int64
	var all sync.WaitGroup
	for range 3 {
		sessions := open(t, redis, nil).Sessions()
		for range 4 {
			all.Go(func() {
				for range 100 {
					if !sessions.Enter("/alice", 5) {
						continue
					}
					entered.Add(1)
					now := inside.Add(1)
					for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
					}
					inside.Add(-1)
					sessions.Leave("/alice")
				}
			})
		}
	}
	all.Wait()
	if most.Load() > 5 || entered.Load() == 0 {
		t.Errorf("%d sessions at one time of 5, %d in all", most.Load(), entered.Load())
	}
	if last := open(t, redis, nil).Sessions(); !last.Enter("/alice", 1) {
		t.Error("sessions that are over count")
	}
}

func TestAReplicaThatEndsTakesItsSessionsAlong(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := open(t, redis, nil), open(t, redis, nil)
	a.Sessions().Enter("/alice", 1)
	waitFor(t, "two replicas", func() bool { return b.Status().Replicas == 2 })
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if !b.Sessions().Enter("/alice", 1) {
		t.Error("the sessions of a replica that has ended count")
	}
	waitFor(t, "one replica", func() bool { return b.Status().Replicas == 1 })
}

// What a replica that was killed has counted ends with its lease.
func TestADeadReplicaIsForgotten(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	b := open(t, redis, func(o *shared.Options) { o.Lease = time.Second })
	dead := "portico:sessions:DEAD"
	ctx := t.Context()
	must(t, redis.Client().HSet(ctx, dead, "since", 0, "/alice", 1).Err())
	must(t, redis.Client().SAdd(ctx, "portico:replicas", dead).Err())
	if b.Sessions().Enter("/alice", 1) {
		t.Error("the session of the other replica does not count")
	}
	must(t, redis.Client().Del(ctx, dead).Err()) // as Redis does at the end of the lease
	if !b.Sessions().Enter("/alice", 1) {
		t.Error("the session of a dead replica counts")
	}
	waitFor(t, "its name to go", func() bool { return redis.Client().SCard(ctx, "portico:replicas").Val() == 1 })
	for _, key := range redis.Client().Keys(ctx, "portico:sessions:*").Val() {
		if left := redis.Client().PTTL(ctx, key).Val(); left <= 0 || left > time.Second {
			t.Errorf("%s ends in %v", key, left)
		}
	}
}

// When Redis comes back, without its data, everybody tells it again what is so by
// then.
func TestSessionsComeBackWithRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a, b := open(t, redis, nil), open(t, redis, nil)
	a.Sessions().Enter("/alice", 3)
	a.Sessions().Enter("/bob", 3)
	redis.Stop()
	for range 3 {
		if !b.Sessions().Enter("/alice", 3) {
			t.Error("Redis is away, and a login is refused")
		}
	}
	a.Sessions().Leave("/bob")
	b.Sessions().Leave("/alice")
	redis.Start()
	a.waitUntilHere(t, true)
	b.waitUntilHere(t, true)
	waitFor(t, "both replicas", func() bool { return a.Status().Replicas == 2 })
	if a.Sessions().Enter("/alice", 3) {
		t.Error("fewer than three sessions of alice are counted")
	}
	if !a.Sessions().Enter("/alice", 4) || !a.Sessions().Enter("/bob", 1) {
		t.Error("sessions are counted that are over")
	}
	for _, r := range []replica{a, b} {
		if len(r.warnings()) != 1 || r.log.FilterMessage("the shared state is back").Len() != 1 {
			t.Errorf("want one warning and one line when it is back, got %v", r.log.All())
		}
	}
}

// Redis that is emptied while it runs is told everything again, too.
func TestSessionsComeBackAfterFlush(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a := open(t, redis, nil)
	a.Sessions().Enter("/alice", 1)
	must(t, redis.Client().FlushAll(t.Context()).Err())
	waitFor(t, "the session to count again", func() bool {
		if a.Sessions().Enter("/alice", 1) {
			a.Sessions().Leave("/alice")
			return false
		}
		return true
	})
	if warnings := a.warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], "forgotten") {
		t.Errorf("warnings: %v", warnings)
	}
}

// What a Redis that hung does late must not count: by then it was told the same
// in another way.
func TestRequestsThatComeLateDoNotCount(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, "")
	a := open(t, redis, hasty)
	redis.Hang()
	for range 5 {
		if !a.Sessions().Enter("/alice", 5) {
			t.Error("Redis hangs, and a login is refused")
		}
	}
	a.waitUntilHere(t, false)
	redis.Resume()
	a.waitUntilHere(t, true)
	if a.Sessions().Enter("/alice", 5) {
		t.Error("fewer than five sessions are counted")
	}
	if !a.Sessions().Enter("/alice", 6) {
		t.Error("more than five sessions are counted")
	}
}

// TestFaultsOfRedis has a Redis that answers wrongly. Each time there is one
// warning, nobody is refused, and once it is well everything counts.
func TestFaultsOfRedis(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		options     []string
		break_, fix func(*testing.T, *redistest.Server)
		want        string
	}{
		{"a replica that may not be written", nil, command("replicaof", "127.0.0.1", "1"), command("replicaof", "no", "one"), "READONLY"},
		{"a full memory", nil, command("config", "set", "maxmemory", "1"), command("config", "set", "maxmemory", "0"), "OOM"},
		{
			"a password", nil,
			func(t *testing.T, redis *redistest.Server) {
				command("config", "set", "requirepass", "secret")(t, redis)
				command("client", "kill", "type", "normal", "skipme", "yes")(t, redis)
			},
			func(t *testing.T, redis *redistest.Server) {
				command("auth", "secret")(t, redis)
				command("config", "set", "requirepass", "")(t, redis)
			}, "",
		},
		{"something else under our key", nil, func(t *testing.T, redis *redistest.Server) {
			command("del", "portico:replicas")(t, redis)
			command("set", "portico:replicas", "x")(t, redis)
		}, command("del", "portico:replicas"), "WRONGTYPE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, "", tt.options...)
			redis.Client().Options().PoolSize = 1
			a := open(t, redis, nil)
			tt.break_(t, redis)
			for i := range 3 {
				if !a.Sessions().Enter("/alice", i+1) {
					t.Error("a login is refused")
				}
			}
			waitFor(t, "a warning", func() bool { return len(a.warnings()) > 0 })
			if warnings := a.warnings(); len(warnings) != 1 || !strings.Contains(warnings[0], tt.want) {
				t.Errorf("warnings: %v, want one of %q", warnings, tt.want)
			}
			tt.fix(t, redis)
			waitFor(t, "three sessions to count", func() bool {
				if a.Sessions().Enter("/alice", 3) {
					a.Sessions().Leave("/alice")
					return false
				}
				return a.Status().Here
			})
			if len(a.warnings()) != 1 {
				t.Errorf("warnings: %v", a.warnings())
			}
		})
	}
}

func command(words ...any) func(*testing.T, *redistest.Server) {
	return func(t *testing.T, redis *redistest.Server) {
		t.Helper()
		must(t, redis.Client().Do(t.Context(), words...).Err())
	}
}

// A server that answers anything at all, or nothing, holds nobody up.
func TestAnswersOfStrangers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing": "", "loading": "-LOADING Redis is loading the dataset in memory\r\n", "no authentication": "-NOAUTH Authentication required.\r\n",
		"another protocol": "HTTP/1.1 400 Bad Request\r\n\r\n", "half an answer": "*100000\r\n$4\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { listener.Close() })
			go answerAll(listener, answer)
			a := open(t, nil, func(o *shared.Options) {
				o.URL, o.Timeout = "redis://:hunter2@"+listener.Addr().String(), 50*time.Millisecond
			})
			for range 100 {
				if !a.Sessions().Enter("/alice", 1) {
					t.Fatal("a login is refused")
				}
			}
			waitFor(t, "a warning", func() bool { return len(a.warnings()) == 1 })
			if text := fmt.Sprint(a.log.All(), a.Status()); strings.Contains(text, "hunter2") {
				t.Errorf("the password is in the log: %s", text)
			}
		})
	}
}

func answerAll(listener net.Listener, answer string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			buffer := make([]byte, 4096)
			for {
				if _, err := conn.Read(buffer); err != nil {
					return
				}
				conn.Write([]byte(answer))
			}
		}()
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]shared.Options{
		"no URL":            {},
		"another scheme":    {URL: "http://:hunter2@127.0.0.1/"},
		"no address":        {URL: "redis://:hunter2@127.0.0.1:port/"},
		"control character": {URL: "redis://:hunter2@\x00/"},
		"short lease":       {URL: "redis://127.0.0.1", Lease: time.Millisecond},
		"negative timeout":  {URL: "redis://127.0.0.1", Timeout: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, err := shared.Open(opts)
			if err == nil {
				t.Error(errors.Join(errors.New("no error"), state.Close()))
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
