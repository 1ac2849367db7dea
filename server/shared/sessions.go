package shared

import (
	"context"
	"crypto/rand"
	"maps"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Sessions counts the sessions of accounts on all replicas together. It is safe
// for concurrent use.
//
// Each replica has a hash in Redis, with an account's name and the number of its
// sessions there in each field. The hash is the replica's lease, and its name is
// in a set of all replicas. The number is made by increments, each of which
// counts only as long as the hash is there; when it is lost, or an answer is, the
// replica makes itself another hash, with another name.
type Sessions struct {
	state *State

	mu      sync.Mutex          // guards the rest
	replica string              // the name of our hash. Empty: we have none
	counts  map[string]int      // our sessions
	changed map[string]struct{} // while a hash is made
}

func newSessions(s *State) *Sessions {
	return &Sessions{state: s, counts: make(map[string]int), changed: make(map[string]struct{})}
}

// liveness is a field of each hash, so that it is there without sessions.
// Accounts have a slash in their names.
const liveness = "since"

var (
	enterScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
local limit = tonumber(ARGV[2])
if limit > 0 then
	local sessions = 0
	for _, replica in ipairs(redis.call('SMEMBERS', KEYS[1])) do
		sessions = sessions + (tonumber(redis.call('HGET', replica, ARGV[1]) or 0) or 0)
	end
	if sessions >= limit then return 0 end
end
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
return 1`)

	leaveScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if redis.call('HINCRBY', KEYS[1], ARGV[1], -1) <= 0 then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1`)

	beatScript = redis.NewScript(`
if redis.call('PEXPIRE', KEYS[2], ARGV[1]) == 0 then return -1 end
redis.call('SADD', KEYS[1], KEYS[2])
local replicas = 0
for _, replica in ipairs(redis.call('SMEMBERS', KEYS[1])) do
	if redis.call('EXISTS', replica) == 1 then replicas = replicas + 1
	else redis.call('SREM', KEYS[1], replica) end
end
return replicas`)
)

// Enter counts a session of an account, unless there are as many as the limit
// already; 0 is no limit. While Redis is away it says yes: the server has its own
// count.
func (c *Sessions) Enter(account string, limit int) bool {
	replica := c.count(account, 1)
	if replica == "" {
		return true
	}
	allowed, err := c.run(enterScript, []string{c.state.key("replicas"), replica}, account, limit)
	if err != nil || allowed == 1 {
		return true
	}
	if now := c.count(account, -1); now != "" && now != replica { // which was told of it meanwhile
		_, _ = c.run(leaveScript, []string{now}, account) // what fails is told again when Redis is back
	}
	return false
}

// Leave counts that a session of an account, for which Enter said yes, is over.
func (c *Sessions) Leave(account string) {
	if replica := c.count(account, -1); replica != "" {
		_, _ = c.run(leaveScript, []string{replica}, account) // what fails is told again when Redis is back
	}
}

// count counts here, and returns the hash to count in.
func (c *Sessions) count(account string, change int) (replica string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[account] += change; c.counts[account] <= 0 {
		delete(c.counts, account)
	}
	if c.replica == "" {
		c.changed[account] = struct{}{}
	}
	return c.replica
}

// run runs a script that answers with a number, -1 being that our hash is gone.
func (c *Sessions) run(script *redis.Script, keys []string, args ...any) (n int, err error) {
	err = c.state.ask(whole, func(ctx context.Context) error {
		n, err = script.Run(ctx, c.state.redis, keys, args...).Int()
		if err == nil && n == -1 {
			return errForgotten
		}
		return err
	})
	return n, err
}

// beat renews the lease.
func (c *Sessions) beat() {
	c.mu.Lock()
	replica := c.replica
	c.mu.Unlock()
	replicas, err := c.run(beatScript, []string{c.state.key("replicas"), replica}, c.state.opts.Lease.Milliseconds())
	if err == nil {
		c.state.mu.Lock()
		c.state.replicas = replicas
		c.state.mu.Unlock()
	}
}

// lost has the next join make a new hash if Redis is lost, which note notes. It
// returns what note does.
func (c *Sessions) lost(note func() bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := note()
	if !c.state.isHere() {
		c.replica = ""
	}
	return news
}

// join makes a new hash with all that is counted here, and has Redis used from
// then on. Sessions come and go meanwhile.
func (c *Sessions) join(ctx context.Context) error {
	replica := c.state.key("sessions:" + rand.Text())
	c.mu.Lock()
	clear(c.changed)
	counts := maps.Clone(c.counts)
	c.mu.Unlock()
	for {
		if err := c.tell(ctx, replica, counts); err != nil {
			return err
		}
		c.mu.Lock()
		if len(c.changed) == 0 {
			c.replica = replica
			c.state.found()
			c.mu.Unlock()
			return nil
		}
		counts = make(map[string]int)
		for account := range c.changed {
			counts[account] = c.counts[account]
		}
		clear(c.changed)
		c.mu.Unlock()
	}
}

// tell writes numbers into the hash, and renews the lease.
func (c *Sessions) tell(ctx context.Context, replica string, counts map[string]int) error {
	fields := []any{liveness, 0}
	var gone []string
	for account, sessions := range counts {
		if sessions > 0 {
			fields = append(fields, account, sessions)
		} else {
			gone = append(gone, account)
		}
	}
	_, err := c.state.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, replica, fields...)
		if len(gone) > 0 {
			p.HDel(ctx, replica, gone...)
		}
		p.PExpire(ctx, replica, c.state.opts.Lease)
		p.SAdd(ctx, c.state.key("replicas"), replica)
		return nil
	})
	return err
}

// quit gives the lease back.
func (c *Sessions) quit() {
	c.mu.Lock()
	replica := c.replica
	c.mu.Unlock()
	_ = c.state.ask(whole, func(ctx context.Context) error { // otherwise the lease ends by itself
		return errorOf(c.state.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Del(ctx, replica)
			p.SRem(ctx, c.state.key("replicas"), replica)
			return nil
		}))
	})
}

func errorOf(_ []redis.Cmder, err error) error { return err }
