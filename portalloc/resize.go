package portalloc

import (
	"fmt"
	"net/netip"
	"time"
)

// Resize replaces the list of ports. The new ones are bound first: on an error
// nothing has changed. Leases on ports that are no longer named run on, and
// each such port is closed with its last lease. After Close it returns
// ErrClosed.
func (a *Allocator) Resize(ports, advertised PortList) error {
	a.resizing.Lock()
	defer a.resizing.Unlock()
	plan, err := a.planResize(ports, advertised)
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

// resizePlan is what a Resize comes to.
type resizePlan struct {
	opts       Options
	ports      []*port  // all that are to be
	advertised []uint16 // theirs, in the same order
	fresh      []*port  // those of them that are new, to be bound
	wanted     []*port  // those of them that are retired
}

// planResize works out what to do, and keeps retired ports that are to come
// back from being closed meanwhile.
func (a *Allocator) planResize(ports, advertised PortList) (resizePlan, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return resizePlan{}, ErrClosed
	}
	plan := resizePlan{opts: a.opts}
	plan.opts.Ports, plan.opts.AdvertisedPorts = ports, advertised
	plan.opts = plan.opts.withDefaults()
	if err := plan.opts.validate(); err != nil {
		return resizePlan{}, err
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

// giveUpLocked undoes what planResize did.
func (a *Allocator) giveUpLocked(plan resizePlan) {
	for _, p := range plan.wanted {
		p.wanted = false
		a.closeIfUnusedLocked(p)
	}
}

// adoptLocked makes the plan's ports those of new leases and retires the
// others.
func (a *Allocator) adoptLocked(plan resizePlan) {
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
	a.opts.Ports, a.opts.AdvertisedPorts = plan.opts.Ports, plan.opts.AdvertisedPorts
	now := time.Now()
	for _, p := range a.ports {
		a.serveLocked(p, netip.Prefix{}, now)
	}
	a.searchSoonLocked(now) // a port that has come back may have old leases
}

func (a *Allocator) closeIfUnusedLocked(p *port) {
	if len(p.leases) == 0 && !p.wanted {
		delete(a.retired, p)
		a.reach.forget(p)
		p.close()
	}
}
