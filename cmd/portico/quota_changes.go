package main

import (
	"sync"

	"github.com/portico-ftp/portico/driver/quota"
)

// quotaChanges gathers what the sessions of a server that was replaced change of
// quotas, for the successor, who has the file of the quotas. It is safe for
// concurrent use.
type quotaChanges struct {
	mu      sync.Mutex
	waiting map[string]quota.Usage // guarded by mu
	some    chan struct{}          // holds a token when there may be any
	closing chan struct{}
	sent    chan struct{} // closed when all are
}

func newQuotaChanges() *quotaChanges {
	return &quotaChanges{
		waiting: make(map[string]quota.Usage),
		some:    make(chan struct{}, 1), closing: make(chan struct{}), sent: make(chan struct{}),
	}
}

// add takes note of a change. It returns at once.
func (c *quotaChanges) add(account string, change quota.Usage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.waiting[account]
	c.waiting[account] = quota.Usage{Bytes: sum.Bytes + change.Bytes, Files: sum.Files + change.Files}
	select {
	case c.some <- struct{}{}:
	default: // a token is there already
	}
}

func (c *quotaChanges) take() map[string]quota.Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.waiting
	c.waiting = make(map[string]quota.Usage)
	return all
}

// send passes on what comes, until the changes are closed.
func (c *quotaChanges) send(to func(message)) {
	defer close(c.sent)
	for closing := false; !closing; {
		select {
		case <-c.some:
		case <-c.closing:
			closing = true
		}
		if changes := c.take(); len(changes) > 0 {
			to(message{Quotas: changes})
		}
	}
}

// close has the rest sent, and waits for that. No session may be left.
func (c *quotaChanges) close() {
	close(c.closing)
	<-c.sent
}
