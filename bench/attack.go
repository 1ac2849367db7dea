//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	attackAddresses = 50
	attackRate      = 1000 // attempts a second, from all of them
	attackWarmUp    = 2 * time.Second
	attackHold      = 200 * time.Millisecond // an attacker leaves long before the reply
	victimPause     = 25 * time.Millisecond
	victimUsers     = 150
)

// measureAttack lets 50 addresses guess passwords, and measures how long others
// take to log in meanwhile. Bans are off: what is measured is how the server
// shares itself among those it lets in.
func measureAttack(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startWith(100, map[string]any{
		"users": l.manyUsers(victimUsers), "defence": map[string]any{"enabled": false}, "log": map[string]any{"level": "error"},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := logInOnce(localHost, s.address, userName, l.password, "230"); err != nil {
		return nil, err
	}

	quiet, err := logInOften(ctx, s.address, l.password, int(o.duration/victimPause), func(int) string { return userName })
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	attack := &attack{address: s.address}
	var all sync.WaitGroup
	for i := range attackAddresses {
		all.Go(func() { attack.from(ctx, fmt.Sprintf("127.0.1.%d", i+1)) })
	}
	defer all.Wait()
	defer cancel(nil)
	pause(ctx, attackWarmUp)
	start, before := time.Now(), attack.attempts.Load()

	remembered, err := logInOften(ctx, s.address, l.password, int(2*o.duration/victimPause), func(int) string { return userName })
	if err != nil {
		return nil, err
	}
	rate := float64(attack.attempts.Load()-before) / time.Since(start).Seconds()
	hashed, err := logInOften(ctx, s.address, l.password, victimUsers, victimName)
	if err != nil {
		return nil, err
	}
	p99 := remembered.percentile(0.99)
	return []row{
		{"Login before the attack, remembered password, p99", milliseconds(quiet.percentile(0.99)), "", unjudged},
		{"Password attack from 50 addresses", fmt.Sprintf("%.0f attempts a second", rate), "1,000 a second", judge(rate >= 0.9*attackRate)},
		{"Login of others meanwhile, remembered password, p50", milliseconds(remembered.percentile(0.5)), "", unjudged},
		{"Login of others meanwhile, remembered password, p99", milliseconds(p99), "below 100 ms", judge(p99 < 100*time.Millisecond)},
		{"Login of others meanwhile, password to be hashed, p50", milliseconds(hashed.percentile(0.5)), "", unjudged},
		{"Login of others meanwhile, password to be hashed, p99", milliseconds(hashed.percentile(0.99)), "", unjudged},
	}, nil
}

func victimName(i int) string { return fmt.Sprintf("victim%d", i) }

// manyUsers are the ordinary user and others that have not logged in yet.
func (l *lab) manyUsers(n int) []any {
	users := []any{map[string]any{"name": userName, "password": l.hash, "home": l.home}}
	for i := range n {
		users = append(users, map[string]any{"name": victimName(i), "password": l.hash, "home": l.home})
	}
	return users
}

// logInOften measures logins, one after the other.
func logInOften(ctx context.Context, address, password string, times int, name func(int) string) (*latencies, error) {
	var took []time.Duration
	for i := 0; i < times && ctx.Err() == nil; i++ {
		start := time.Now()
		if err := logInOnce(localHost, address, name(i), password, "230"); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
		pause(ctx, victimPause)
	}
	all := &latencies{}
	all.add(took)
	return all, context.Cause(ctx)
}

// attack sends wrong passwords and does not wait for the replies, which come
// late on purpose.
type attack struct {
	address  string
	attempts atomic.Int64
}

// from keeps up its share of the rate from one address, whatever each attempt
// takes.
func (a *attack) from(ctx context.Context, address string) {
	every := time.NewTicker(time.Second * attackAddresses / attackRate)
	defer every.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		all.Go(func() {
			// Refusals, and connections that are closed, are what an attacker meets.
			c, err := tryLogin(address, a.address, userName, fmt.Sprintf("guess-%s-%d", address, i))
			if err != nil {
				return
			}
			a.attempts.Add(1)
			time.Sleep(attackHold)
			_ = c.close()
		})
	}
}
