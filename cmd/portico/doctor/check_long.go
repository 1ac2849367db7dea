package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// checkLong finds out whether a firewall forgets a control connection on which
// nothing moves, over all families at the same time. Its time is not counted.
func (d *doctor) checkLong(ctx context.Context, courses []*course) {
	if d.Long <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.Long+(transferBudget+4)*d.Timeout)
	defer cancel()
	d.over = ctx.Err
	var all sync.WaitGroup
	for _, c := range courses {
		c.reopenings = 0
		all.Go(func() { c.checkIdle(ctx) })
	}
	all.Wait()
}

// checkIdle keeps a transfer going all that time if it can, because servers end
// sessions that do nothing, but not those with a transfer.
func (c *course) checkIdle(ctx context.Context) {
	defer c.close()
	check := Check{Name: "idle-control", Area: AreaControl, Cases: []Case{Control}}
	if _, err := c.live(ctx); err != nil {
		c.skip(check, err)
		return
	}
	if c.passive != "" && !c.ReadOnly && c.trickle(ctx, check) {
		return
	}
	c.pause(ctx, check)
}

// trickleEvery is how often a byte is sent in the long upload.
const trickleEvery = 5 * time.Second

// trickle uploads very slowly. It says false if no upload could be started.
func (c *course) trickle(ctx context.Context, check Check) bool {
	s, err := c.live(ctx)
	if err != nil {
		return false
	}
	conn, err := c.openPassive(ctx, s)
	if err != nil {
		return false
	}
	name := temporaryName()
	bytes := &slowly{done: ctx.Done(), until: time.Now().Add(c.Long), every: min(trickleEvery, c.Long/4+1)}
	r := c.transfer(ctx, s, transfer{command: "STOR " + name, upload: bytes, connect: given(conn), budget: c.Long + transferBudget*c.Timeout})
	if r.opening.negative() {
		return false
	}
	defer c.cleanUp(ctx, name)
	check.Detail = fmt.Sprintf("after a transfer of %v", c.Long)
	switch {
	case r.succeeded():
		check.Verdict = OK
		check.Detail += " the control connection still works"
	case r.dataErr != nil:
		check.Verdict = Warn
		check.Detail = fmt.Sprintf("the long transfer itself did not last %v: %s", c.Long, r.problem())
		check.Remedy = "look at the server's log; it may not accept slow transfers"
	default:
		check.Verdict = Blocked
		check.Detail += " the control connection is dead: " + r.problem()
		check.Remedy = idleRemedy
	}
	c.note(check)
	return true
}

const idleRemedy = "let the firewalls on the way keep idle TCP connections longer, or set TCP keep-alive on client or server"

// slowly gives a byte now and then, until its time has come.
type slowly struct {
	done  <-chan struct{} // gives up
	until time.Time
	every time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	left := time.Until(s.until)
	if left <= 0 {
		return 0, io.EOF
	}
	timer := time.NewTimer(min(s.every, left))
	defer timer.Stop()
	select {
	case <-timer.C:
		p[0] = '\n'
		return 1, nil
	case <-s.done:
		return 0, context.Canceled
	}
}

// pause sends nothing for the whole time, and then NOOP.
func (c *course) pause(ctx context.Context, check Check) {
	s, err := c.live(ctx)
	if err != nil {
		c.skip(check, err)
		return
	}
	timer := time.NewTimer(c.Long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		c.skip(check, ctx.Err())
		return
	}
	r, err := s.command("NOOP")
	switch {
	case err == nil && r.code == 421, errors.Is(err, io.EOF):
		check.Verdict = Skipped
		check.Detail = fmt.Sprintf("the server itself ended the session within %v without commands (%v)", c.Long, describeEnd(r, err))
		check.Remedy = "choose a pause that is shorter than the server's idle time-out"
	case err != nil:
		check.Verdict, check.Remedy = Blocked, idleRemedy
		check.Detail = fmt.Sprintf("after %v without commands the control connection is dead: %s", c.Long, reason(err))
	default:
		check.Verdict = OK
		check.Detail = fmt.Sprintf("after %v without commands the control connection still works", c.Long)
	}
	c.note(check)
}

func describeEnd(r reply, err error) string {
	if err != nil {
		return reason(err)
	}
	return r.String()
}
