package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/portico-ftp/portico/portalloc"
)

const (
	// triedPorts is how many ports of a listed range are tried at the most,
	// evenly spread.
	triedPorts = 256
	// triedAtOnce is how many of them at the same time.
	triedAtOnce = 16
	// boundRange is up to where a Portico holds every port of its range open.
	// Of a larger one, ports that were never leased refuse connections.
	boundRange = 1024
)

// checkRange tries every passive port of a server that lists them, and those of
// a few leases of one that does not.
func (c *course) checkRange(ctx context.Context) {
	check := Check{Name: "passive-ports", Area: AreaPassive, Cases: passiveCases()}
	s, err := c.live(ctx)
	if err != nil {
		c.skip(check, err)
		return
	}
	if r, err := s.command("SITE PORTS"); err == nil {
		c.listed = listedPorts(r)
	}
	if n := c.listed.Len(); n > 0 && n <= boundRange {
		ports := spread(c.listed, triedPorts)
		check.Detail = fmt.Sprintf("the server's range is %s", shortList(c.listed))
		if len(ports) < n {
			check.Detail += fmt.Sprintf(" (%d of them tried)", len(ports))
		}
		c.noteRange(ctx, check, c.tryPorts(ctx, c.dataHost(s), ports))
		return
	}
	c.checkLeases(ctx, check)
}

// listedPorts reads the reply to SITE PORTS, which only a Portico knows: a line
// with the port list between the first and the last. Empty: it does not tell.
func listedPorts(r reply) portalloc.PortList {
	if r.code != 211 || len(r.lines) < 3 {
		return nil
	}
	list, err := portalloc.ParsePorts(strings.TrimSpace(r.lines[1]))
	if err != nil {
		return nil
	}
	return list
}

// spread picks up to n ports of a list, the first and the last among them.
func spread(list portalloc.PortList, n int) []uint16 {
	all := slices.Collect(list.All())
	if len(all) <= n {
		return all
	}
	picked := make([]uint16, n)
	for i := range picked {
		picked[i] = all[i*(len(all)-1)/(n-1)]
	}
	return picked
}

// tryPorts connects to ports that nothing was asked of: an FTP server takes the
// connection and closes it.
func (c *course) tryPorts(ctx context.Context, host netip.Addr, ports []uint16) []knocked {
	tried := make([]knocked, len(ports))
	slots := make(chan struct{}, triedAtOnce)
	var all sync.WaitGroup
	for i, port := range ports {
		slots <- struct{}{}
		all.Go(func() {
			tried[i] = c.tryPort(ctx, netip.AddrPortFrom(host, port))
			<-slots
		})
	}
	all.Wait()
	return tried
}

func (c *course) tryPort(ctx context.Context, to netip.AddrPort) knocked {
	k := c.knock(ctx, to)
	if k.conn != nil {
		k.conn.Close()
	}
	if k.state == portClosed {
		k.state = portOpen
	}
	return k
}

// checkLeases asks for passive ports again and again, for as many as the
// options say.
func (c *course) checkLeases(ctx context.Context, check Check) {
	verb, limit := c.passive, c.Leases
	if verb == "" { // then each is likely to cost a timeout
		verb, limit = c.announcing, min(c.Leases, 4)
	}
	if verb == "" {
		check.Verdict, check.Detail = Skipped, "the server gives no passive ports"
		c.note(check)
		return
	}
	var tried []knocked
	seen := map[uint16]bool{}
	for range 2 * limit { // the server may give one again
		s, err := c.live(ctx)
		if err != nil || len(tried) >= limit {
			break
		}
		r, err := s.command("%s", verb)
		if err != nil || !r.completed() {
			break
		}
		announced, err := passiveReply(verb, r)
		if err != nil || announced.port < wellKnownPorts || seen[announced.port] {
			continue
		}
		seen[announced.port] = true
		tried = append(tried, c.leased(ctx, s, announced))
	}
	if len(tried) == 0 {
		check.Verdict, check.Detail = Skipped, "the server gave no further passive port"
		c.note(check)
		return
	}
	check.Detail = fmt.Sprintf("the server does not list its range; %d ports that it gave were tried", len(tried))
	c.noteRange(ctx, check, tried)
}

func (c *course) leased(ctx context.Context, s *session, announced endpoint) knocked {
	k := c.knockAnnounced(ctx, s, announced)
	if k.conn != nil {
		k.conn.Close()
	}
	return k
}

// noteRange reports ports by what became of them.
func (c *course) noteRange(ctx context.Context, check Check, tried []knocked) {
	check.Ports = map[string]portalloc.PortList{}
	var failed *knocked
	for i, k := range tried {
		name := string(k.state)
		check.Ports[name] = addPort(check.Ports[name], k.to.Port())
		if k.state != portOpen && failed == nil {
			failed = &tried[i]
		}
	}
	for _, state := range []portState{portOpen, portRefused, portFiltered, portRejected, portForeign, portClosed, portForbidden, portNoRoute} {
		if list := check.Ports[string(state)]; len(list) > 0 {
			check.Detail += fmt.Sprintf("; %s: %s", state, shortList(list))
		}
	}
	switch {
	case failed == nil:
		check.Verdict = OK
	case c.security == Plain && c.passive != "" && len(check.Ports[string(portOpen)]) == 0:
		// Only the port that a reply had just named was open.
		check.Verdict = Warn
		check.Detail += ": a firewall on the way understands FTP and opens each port as the server names it, which it cannot under TLS"
		check.Remedy = "for sessions under TLS, allow TCP to the whole range"
	default:
		check.Verdict = Blocked
		c.blameRange(ctx, &check, *failed)
	}
	c.note(check)
}

func (c *course) blameRange(ctx context.Context, check *Check, k knocked) {
	switch k.state {
	case portForeign, portClosed:
		check.Cases = []Case{ServerPassive}
		check.Detail += "; " + k.phrase(c.Timeout)
		check.Remedy = fmt.Sprintf("let port %d lead to the FTP server", k.to.Port())
	default:
		check.unconnected = true
		found := c.path.blame(ctx, k, c.Timeout)
		check.Cases = found.passiveCases()
		check.Detail += found.explanation()
		check.Remedy = passiveRemedy(check.Cases, k.state, k.to)
	}
}

// addPort adds a port to a list. Ports that follow each other become a range.
func addPort(list portalloc.PortList, port uint16) portalloc.PortList {
	at, _ := slices.BinarySearchFunc(list, port, func(r portalloc.PortRange, p uint16) int { return int(r.First) - int(p) })
	list = slices.Insert(list, at, portalloc.PortRange{First: port, Last: port})
	var joined portalloc.PortList
	for _, r := range list {
		if last := len(joined) - 1; last >= 0 && int(joined[last].Last)+1 == int(r.First) {
			joined[last].Last = r.Last
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// shortList keeps a list of many pieces out of the table.
func shortList(list portalloc.PortList) string {
	const pieces = 8
	if len(list) <= pieces {
		return list.String()
	}
	return fmt.Sprintf("%v and %d more", list[:pieces], list.Len()-list[:pieces].Len())
}
