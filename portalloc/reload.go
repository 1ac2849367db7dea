package portalloc

import (
	"fmt"
	"net/netip"
	"time"
)

// Reload puts other options into force. New ports are bound first: on an error
// nothing has changed. Leases on ports that are no longer named run on, and each
// such port is closed with its last lease. Sharing cannot change while there are
// leases that the old one has let in, so it has to stay; Logger, Listen, Observer,
// OnRefused and Identify stay as they were, whatever the options say. After Close
// it returns ErrClosed.
func (a *Allocator) Reload(opts Options) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	plan, err := a.planReload(opts)
	if err != nil {
		return err
	}
	err = a.bindAll(plan.fresh)
	a.mu.Lock()
	defer a.unlock()
	switch {
	case err != nil:
		a.giveUpLocked(plan)
		return fmt.Errorf("the ports stay as they were: %w", err)
	case a.closed:
		for _, p := range plan.fresh {
			p.close()
		}
		return ErrClosed
	}
	a.adoptLocked(plan)
	return nil
}

// reloadPlan is what a Reload comes to.
type reloadPlan struct {
	opts       Options
	ports      []*port  // all that are to be
	advertised []uint16 // theirs, in the same order
	fresh      []*port  // those of them that are new, to be bound
	wanted     []*port  // those of them that are retired
}

// planReload works out what to do, and keeps retired ports that are to come
// back from being closed meanwhile.
func (a *Allocator) planReload(opts Options) (reloadPlan, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return reloadPlan{}, ErrClosed
	}
	before := a.options()
	opts.Logger, opts.Listen = before.Logger, before.Listen
	opts.Observer, opts.OnRefused, opts.Identify = before.Observer, before.OnRefused, before.Identify
	plan := reloadPlan{opts: opts.withDefaults()}
	if err := plan.opts.validate(); err != nil {
		return reloadPlan{}, err
	}
	if plan.opts.Sharing != before.Sharing {
		return reloadPlan{}, fmt.Errorf("portalloc: Options.Sharing is %v and cannot become %v while the ports are in use: start anew", before.Sharing, plan.opts.Sharing)
	}
	held := make(map[uint16]*port, len(a.ports)+len(a.retired))
	for _, p := range a.ports {
		held[p.listen] = p
	}
	for p := range a.retired {
		held[p.listen] = p
	}
	for _, p := range makePorts(plan.opts.Ports, plan.opts.AdvertisedPorts) {
		plan.advertised = append(plan.advertised, p.advertised)
		old := held[p.listen]
		if old == nil {
			plan.fresh = append(plan.fresh, p)
			old = p
		} else if _, retired := a.retired[old]; retired {
			old.wanted = true
			plan.wanted = append(plan.wanted, old)
		}
		plan.ports = append(plan.ports, old)
	}
	return plan, nil
}

// giveUpLocked undoes what planReload did.
func (a *Allocator) giveUpLocked(plan reloadPlan) {
	for _, p := range plan.wanted {
		p.wanted = false
		a.closeIfUnusedLocked(p)
	}
}

// adoptLocked makes the plan's ports those of new leases and retires the
// others.
func (a *Allocator) adoptLocked(plan reloadPlan) {
	for _, p := range a.ports {
		a.retired[p] = struct{}{}
	}
	for i, p := range plan.ports {
		delete(a.retired, p)
		p.advertised, p.wanted = plan.advertised[i], false
		a.startAcceptingLocked(p)
	}
	for p := range a.retired {
		a.closeIfUnusedLocked(p)
	}
	a.ports = plan.ports
	a.inForce.Store(&plan.opts)
	now := time.Now()
	for _, p := range a.ports {
		a.serveLocked(p, netip.Prefix{}, now)
	}
	a.searchSoonLocked(now) // a port that has come back may have old leases
	a.wakeByLocked(now)     // leases may be due sooner
}

func (a *Allocator) closeIfUnusedLocked(p *port) {
	if len(p.leases) == 0 && !p.wanted {
		delete(a.retired, p)
		a.reach.forget(p)
		p.close()
	}
}
