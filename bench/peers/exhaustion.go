//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

const (
	exhaustionPorts   = 4
	exhaustionClients = 200
	exhaustionHold    = 100 * time.Millisecond // how long an upload lasts
	exhaustionRest    = 20 * time.Millisecond  // of a client that was refused
	exhaustionLimit   = 5 * time.Second        // of each wait for a reply
)

func exhaustionRows() []row {
	var all []row
	for _, from := range []struct {
		addresses int
		name      string
	}{{1, "1 address"}, {50, "50 addresses"}} {
		all = append(all, row{
			name:  fmt.Sprintf("exhaustion-%d", from.addresses),
			title: fmt.Sprintf("4 passive ports, 200 clients from %s, EPSV + STOR that lasts 100 ms", from.name),
			kind:  exhaustion, metrics: []metric{opRate, failed, p50, p99}, alone: exhaustionPorts,
			measure: func(ctx context.Context, l *lab, s *server, o options) (sample, error) {
				return measureExhaustion(ctx, l, s, 2*o.window, from.addresses)
			},
		})
	}
	return all
}

// shortage is what clients count while they have too few ports.
type shortage struct {
	lab    *lab
	server *server

	mu     sync.Mutex // guards what follows
	over   bool
	asked  int // for a port
	failed int
	done   int
	waits  []time.Duration
}

// measureExhaustion counts as failed what leaves a client without its transfer: a
// refused request for a port, a port outside the range (a firewall blocks it), one
// that nobody listens on, a refused command or login, a session that ends. A client
// waits from its first wish for a port until it has one, through all failures, or
// until the end.
func measureExhaustion(ctx context.Context, l *lab, s *server, window time.Duration, addresses int) (sample, error) {
	e := &shortage{lab: l, server: s}
	clients := make([]*starving, exhaustionClients)
	for i := range clients {
		clients[i] = &starving{shortage: e, command: fmt.Sprintf("STOR %s%d", uploadPrefix, i), from: exhaustionAddress(i, addresses)}
		clients[i].enter() // who is refused tries again
	}
	var all sync.WaitGroup
	start := time.Now()
	for _, c := range clients {
		c.wished = start
		all.Go(c.run)
	}
	pause(ctx, window)
	measured := e.end(clients, time.Since(start))
	all.Wait()
	return measured, ctx.Err()
}

func exhaustionAddress(i, addresses int) string {
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i%addresses)}).String()
}

// end sums up. Who still waits has waited at least until now.
func (e *shortage) end(clients []*starving, took time.Duration) sample {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	for _, c := range clients {
		if !c.wished.IsZero() {
			e.waits = append(e.waits, time.Since(c.wished))
		}
	}
	return sample{values: []float64{
		float64(e.done) / took.Seconds(), float64(e.failed) / float64(max(1, e.asked)),
		percentile(e.waits, 0.5).Seconds(), percentile(e.waits, 0.99).Seconds(),
	}}
}

// starving is one of the clients.
type starving struct {
	*shortage
	command string
	from    string
	session *session
	wished  time.Time // since when it has wanted a port; zero: it has one; guarded by mu
}

// run uploads until it is over, in a new session after a failure that broke it.
func (c *starving) run() {
	for c.ask() {
		err := c.attempt()
		if c.count(err) {
			continue
		}
		if reply := replyError(""); !errors.As(err, &reply) {
			c.leave()
		}
		time.Sleep(exhaustionRest)
	}
	c.leave()
}

func (c *starving) enter() {
	var err error
	if c.session, err = c.lab.open(c.server, inClear, c.from); err == nil {
		err = c.session.control.limit(exhaustionLimit)
	}
	if err != nil {
		c.leave()
	}
}

func (c *starving) leave() {
	if c.session != nil {
		c.session.close()
		c.session = nil
	}
}

// ask says whether there is still time for an attempt.
func (c *starving) ask() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.asked++
	if c.wished.IsZero() {
		c.wished = time.Now()
	}
	return true
}

// got is called with the port.
func (c *starving) got() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.waits = append(c.waits, time.Since(c.wished))
	}
	c.wished = time.Time{}
}

// count says whether the attempt was a success.
func (c *starving) count(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case err == nil:
		c.done++
	default:
		c.failed++
	}
	return err == nil
}

// attempt uploads a block slowly.
func (c *starving) attempt() error {
	if c.session == nil {
		if c.enter(); c.session == nil {
			return errors.New("no session")
		}
	}
	address, err := c.session.epsv()
	if err != nil {
		return err
	}
	if port := int(address.Port()); port < c.server.ports.first || port > c.server.ports.last {
		return replyError("229 with a port outside the range")
	}
	data, err := c.session.transferTo(address, c.command)
	if err != nil {
		return err
	}
	c.got()
	block := make([]byte, smallSize)
	_, err = data.Write(block[:len(block)/2])
	time.Sleep(exhaustionHold)
	if err == nil {
		_, err = data.Write(block[len(block)/2:])
	}
	return c.session.done(data, err)
}
