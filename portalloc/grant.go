package portalloc

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"go.uber.org/zap"
)

const (
	// quickDraws is how many ports are drawn before the whole list is looked
	// through: enough for nearly every claim.
	quickDraws = 8
	// bindAttempts is how many ports of a large range one claim tries to bind:
	// without file descriptors every attempt fails.
	bindAttempts = 4
)

// choosePortLocked returns a port that is free for the claim, nil if none is.
func (a *Allocator) choosePortLocked(claim Claim, peers netip.Prefix, now time.Time) *port {
	for range bindAttempts {
		p := a.drawPortLocked(claim, peers, now)
		if p == nil || a.bindLocked(p, now) {
			return p
		}
	}
	return nil
}

// drawPortLocked draws a port that is free for the claim. A port that an
// attacker could foretell could be connected to before the client does
// (RFC 2577 §5, RFC 6056 §3.3.1), so each is as likely as any other. Ports
// that the client's network never reached come last. A claim with an identity
// joins those of its peers where it can, which leaves the other ports to
// claims without: there nothing is to be gained by connecting first.
func (a *Allocator) drawPortLocked(claim Claim, peers netip.Prefix, now time.Time) *port {
	network := a.reach.network(claim.Client)
	if claim.Identity != 0 {
		if p := a.drawHomeLocked(network, claim, peers, now); p != nil {
			return p
		}
	}
	for range min(quickDraws, len(a.ports)-1) {
		p := a.ports[a.rand.IntN(len(a.ports))]
		if a.isFreeLocked(p, claim, peers, now) && !network.avoids(p, now) {
			return p
		}
	}
	var reached, avoided draw
	for _, p := range a.ports {
		switch {
		case !a.isFreeLocked(p, claim, peers, now):
		case network.avoids(p, now):
			avoided.offer(p, a.rand)
		default:
			reached.offer(p, a.rand)
		}
	}
	if reached.port != nil {
		return reached.port
	}
	return avoided.port
}

// drawHomeLocked draws one of the ports on which peers have claims with an
// identity already.
func (a *Allocator) drawHomeLocked(network *network, claim Claim, peers netip.Prefix, now time.Time) *port {
	var home draw
	for _, p := range a.claims.homes[peers] {
		_, retired := a.retired[p]
		if !retired && a.isFreeLocked(p, claim, peers, now) && !network.avoids(p, now) {
			home.offer(p, a.rand)
		}
	}
	return home.port
}

func (a *Allocator) isFreeLocked(p *port, claim Claim, peers netip.Prefix, now time.Time) bool {
	return !p.suspended && a.claims.free(p, claim, peers) && !now.Before(p.retryBind)
}

// draw is one of the ports offered, each with the same probability.
type draw struct {
	port    *port
	offered int
}

func (d *draw) offer(p *port, random *rand.Rand) {
	d.offered++
	if random.IntN(d.offered) == 0 {
		d.port = p
	}
}

func (a *Allocator) grantLocked(p *port, claim Claim, peers netip.Prefix, now time.Time, waited time.Duration) *Lease {
	l := &Lease{
		allocator: a, port: p, advertised: p.advertised, claim: claim, peers: peers,
		granted: now, waited: waited, straysBefore: p.strays,
	}
	a.claims.add(l)
	a.age.add(l)
	a.totals.Granted++
	p.counters.Granted++
	a.waits.add(waited)
	a.wakeByLocked(now.Add(a.options().AcceptTimeout))
	if !a.queue.empty() {
		a.wakeByLocked(now.Add(a.options().ReclaimAfter)) // it may come to stand in the way
	}
	return l
}

// endLocked ends a pending lease for any other reason than a connection, and
// gives what it held to those who wait.
func (a *Allocator) endLocked(l *Lease, outcome Outcome) {
	if l.state != statePending {
		return
	}
	if outcome == Expired {
		outcome = l.whyExpired()
	}
	l.state = stateEnded
	a.releaseLocked(l, Event{Outcome: outcome})
}

// dropConnLocked closes a connection that came for the lease but was never
// taken.
func (a *Allocator) dropConnLocked(l *Lease) {
	if l.conn != nil {
		a.doomed = append(a.doomed, l.conn)
		l.conn = nil
	}
}

// releaseLocked takes a lease that is no longer pending off its port. The
// event holds its outcome and peer; the rest is filled in here.
func (a *Allocator) releaseLocked(l *Lease, e Event) {
	now := time.Now()
	a.claims.remove(l)
	a.age.remove(l)
	a.totals.count(e.Outcome)
	l.port.counters.count(e.Outcome)
	a.noteReachLocked(l, e.Outcome, now)
	l.notifyLocked()
	if a.options().Observer != nil || a.log.Core().Enabled(zap.DebugLevel) {
		e.Port, e.AdvertisedPort, e.Client = l.port.listen, l.advertised, l.claim.Client
		e.Waited, e.Held = l.waited, now.Sub(l.granted)
		a.events = append(a.events, e)
	}
	if _, retired := a.retired[l.port]; retired {
		a.closeIfUnusedLocked(l.port)
		return
	}
	a.serveLocked(l.port, l.peers, now)
}
