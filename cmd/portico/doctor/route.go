package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// answer is what came back for a connection attempt whose packet was allowed a
// number of hops.
type answer int

const (
	silent   answer = iota // nothing
	expired                // a router said that the hops were used up
	arrived                // the other end took the connection
	refused                // somebody refused it in the other end's name
	rejected               // a router said that it may not pass
)

// hop is the answer, and the router that gave it if one did.
type hop struct {
	answer answer
	from   netip.Addr
}

// prober makes one connection attempt with a number of hops. A nil prober
// cannot.
type prober func(to netip.AddrPort, hops int, wait time.Duration) (hop, error)

const (
	longestRoute = 32
	probeWait    = time.Second
)

// route is the way to a server. It finds out where attempts to connect end, by
// the packets' hop limits: the routers on the way report packets that have run
// out of hops, and those behind the one that drops them have none to report.
type route struct {
	prober  prober
	control netip.AddrPort // which can be connected to

	measuring sync.Once
	length    int   // hops to the server; 0: not known
	open      []hop // to the control port, index 0 for one hop; up to length-1
}

// blame says, as far as it can, where a connection attempt was stopped.
func (p *route) blame(ctx context.Context, k knocked, timeout time.Duration) finding {
	switch {
	case k.state == portForbidden || k.state == portNoRoute:
		return finding{side: clientSide}
	case p.prober == nil || ctx.Err() != nil:
		return guess(k.state)
	}
	wait := min(probeWait, timeout)
	p.measuring.Do(func() { p.measure(wait) })
	if p.length == 0 {
		return guess(k.state)
	}
	blocked := p.walk(k.to, p.length, wait)
	if complainsItself(blocked[0], k.to.Addr()) {
		return finding{clientSide, "this machine's own firewall rejects it"}
	}
	return judge(k.to.Addr(), p.length, p.open, blocked, k.state)
}

// complainsItself says whether a complaint came from this machine.
func complainsItself(h hop, server netip.Addr) bool {
	if h.answer != rejected || h.from == server {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(own, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(h.from.AsSlice())
	})
}

// measure finds the number of hops to the server: the least with which its
// control port can be reached.
func (p *route) measure(wait time.Duration) {
	reaches := func(hops int) bool {
		h, err := p.prober(p.control, hops, wait)
		return err == nil && h.answer == arrived
	}
	enough := 1
	for !reaches(enough) {
		if enough *= 2; enough > longestRoute {
			return
		}
	}
	tooFew := enough / 2
	for enough-tooFew > 1 {
		middle := (enough + tooFew) / 2
		if reaches(middle) {
			enough = middle
		} else {
			tooFew = middle
		}
	}
	p.length = enough
	p.open = p.walk(p.control, enough-1, wait)
}

// walk makes attempts with 1 hop up to a number of them, all at once.
func (p *route) walk(to netip.AddrPort, length int, wait time.Duration) []hop {
	answers := make([]hop, length)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			if h, err := p.prober(to, i+1, wait); err == nil {
				answers[i] = h
			}
		})
	}
	all.Wait()
	return answers
}

// side is where something is blocked.
type side int

const (
	unknownSide side = iota
	clientSide
	serverSide
)

// finding is where something is blocked, and how that is known.
type finding struct {
	side side
	why  string
}

func (f finding) passiveCases() []Case {
	switch f.side {
	case clientSide:
		return []Case{ClientPassive}
	case serverSide:
		return []Case{ServerPassive}
	default:
		return passiveCases()
	}
}

// explanation is to be added to a detail.
func (f finding) explanation() string {
	switch {
	case f.why != "":
		return "; " + f.why
	case f.side == unknownSide:
		return "; which side blocks cannot be told from here"
	default:
		return ""
	}
}

// guess is all that can be said without a look at the way: who refuses speaks
// in the server's name, and mostly is the server.
func guess(state portState) finding {
	if state == portRefused {
		return finding{side: serverSide, why: "the refusal came in the server's name"}
	}
	return finding{}
}

// judge compares the way to the control port, which is open, with that to a
// port which is not. A router looks at the hops before it filters, so the last
// that reports expired packets is the one that drops those with more.
func judge(server netip.Addr, length int, open, blocked []hop, state portState) finding {
	for i, h := range blocked {
		by := max(i, 1) // the router that had let packets with fewer hops expire
		switch {
		case h.answer == rejected && h.from == server:
			return finding{serverSide, "the server itself rejects it"}
		case h.answer == rejected:
			return finding{sideOf(by, length), fmt.Sprintf("%v, hop %d of %d to the server, rejects it", h.from, by, length)}
		case h.answer == refused && translatesAt(server, open, i):
			return finding{serverSide, fmt.Sprintf("hop %d of %d has the server's address itself and refuses it: a NAT there does not forward the port", i+1, length)}
		case h.answer == refused && i+1 < length:
			return finding{sideOf(by, length), fmt.Sprintf("a firewall at hop %d of %d to the server refuses it", by, length)}
		case h.answer == refused:
			return finding{serverSide, "the refusal came from the server or the last router before it"}
		}
	}
	if state != portFiltered {
		return guess(state)
	}
	last, seen := lastExpired(blocked), lastExpired(open)
	switch {
	case last == length-1 && length > 1:
		return finding{serverSide, fmt.Sprintf("its packets pass all routers and are dropped by the last, %v, or by the server", blocked[last-1].from)}
	case last < seen && translatesAt(server, open, last):
		return finding{serverSide, fmt.Sprintf("its packets are dropped by hop %d of %d, which has the server's address itself: a NAT there does not forward the port", last+1, length)}
	case last < seen && last == 0:
		return finding{clientSide, fmt.Sprintf("its packets do not get past the first of %d hops to the server", length)}
	case last < seen:
		return finding{sideOf(last, length), fmt.Sprintf("its packets are dropped at hop %d of %d to the server (%v)", last, length, blocked[last-1].from)}
	case last > 0 && 2*last > length:
		return finding{serverSide, fmt.Sprintf("its packets pass hop %d of %d to the server (%v)", last, length, blocked[last-1].from)}
	default:
		return finding{}
	}
}

// translatesAt says whether the router behind a number of others has the
// server's own address. What such a NAT does not forward is for itself, so it
// does not look at the hops and reports none that are used up.
func translatesAt(server netip.Addr, open []hop, before int) bool {
	return before < len(open) && open[before].answer == expired && open[before].from == server
}

// sideOf says to whom a hop is nearer.
func sideOf(hop, length int) side {
	switch {
	case 2*hop < length:
		return clientSide
	case 2*hop > length:
		return serverSide
	default:
		return unknownSide
	}
}

// lastExpired is the largest number of hops that a router reported as used up,
// 0 if none did.
func lastExpired(hops []hop) int {
	for i := len(hops) - 1; i >= 0; i-- {
		if hops[i].answer == expired {
			return i + 1
		}
	}
	return 0
}

// answerOf reads the outcome of an attempt that was not silent.
func answerOf(err syscall.Errno) answer {
	switch err {
	case 0:
		return arrived
	case syscall.ECONNREFUSED:
		return refused
	default:
		return rejected
	}
}
