package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// listingLimit is how much of a listing is read.
const listingLimit = 1 << 20

// wellKnownPorts: no data connection goes to a port below (RFC 2577 §3), so a
// reply that names one is an error, or an attempt to use this client.
const wellKnownPorts = 1024

// checkPassive asks for a passive port, connects to it, and lists a directory
// over the connection.
func (c *course) checkPassive(ctx context.Context, verb string) {
	check := Check{Name: strings.ToLower(verb), Area: AreaPassive, Cases: passiveCases()}
	s, err := c.live(ctx)
	if err != nil {
		c.skip(check, err)
		return
	}
	r, err := s.command("%s", verb)
	if err != nil {
		c.noteSilent(check, verb, err)
		return
	}
	if !r.completed() {
		c.noteRefusedVerb(check, verb, r)
		return
	}
	announced, err := passiveReply(verb, r)
	if err != nil {
		check.Verdict, check.Cases = Blocked, []Case{ServerPassive}
		check.Detail = fmt.Sprintf("%v cannot be used: %v", r, err)
		check.Remedy = "mend the server, or the firewall on the way that rewrote the reply"
		c.note(check)
		return
	}
	c.announcing = cmp.Or(c.announcing, verb)
	k := c.knockAnnounced(ctx, s, announced)
	if verb == verbPASV {
		c.announced, c.passivePort = announced.addr, announced.port
		c.noteAddress(s, announced, k)
	}
	if k.state != portOpen {
		c.noteUnopened(ctx, check, k)
		return
	}
	listing := c.transfer(ctx, s, c.listOver(k.conn, false))
	c.noteListing(check, verb, k, listing)
}

// knockAnnounced tries the port at the control connection's address, as most
// clients do, and then at the address of the reply.
func (c *course) knockAnnounced(ctx context.Context, s *session, announced endpoint) knocked {
	at := netip.AddrPortFrom(c.dataHost(s), announced.port)
	if announced.port < wellKnownPorts {
		return knocked{state: portForeign, to: at, said: "not tried: below 1024"}
	}
	k := c.knock(ctx, at)
	if k.state != portOpen && c.mayTry(announced.addr, at.Addr()) {
		if other := c.knock(ctx, netip.AddrPortFrom(announced.addr, announced.port)); other.state == portOpen {
			return other
		}
	}
	return k
}

// dataHost is where passive connections go: the address that the control
// connection reached.
func (c *course) dataHost(s *session) netip.Addr {
	if addr := s.remote(); addr.IsValid() {
		return addr.WithZone(c.remote.Addr().Zone())
	}
	return c.remote.Addr()
}

// mayTry says whether a server at control may send this client to another
// address. A server must not make it look into the network that it stands in.
func (c *course) mayTry(other, control netip.Addr) bool {
	switch {
	case !other.IsValid() || other == control, other.IsUnspecified(), other.IsMulticast(), other.IsLinkLocalUnicast():
		return false
	case control.IsLoopback() || other.IsLoopback():
		return control.IsLoopback() && other.IsLoopback()
	default:
		return !isPrivate(other) || isPrivate(control)
	}
}

// isPrivate says whether an address means something inside one site only.
func isPrivate(addr netip.Addr) bool {
	carrier := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10) // RFC 6598
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || carrier.Contains(addr)
}

// noteAddress compares the address of a 227 reply with the control
// connection's.
func (c *course) noteAddress(s *session, announced endpoint, k knocked) {
	control := c.dataHost(s)
	check := Check{Name: "pasv-address", Area: AreaPassive, Cases: []Case{ServerPassive}, Verdict: Warn}
	check.Remedy = fmt.Sprintf("let the server announce %v (on a Portico: passive.public_address)", control)
	switch {
	case announced.addr == control:
		// That it is right does not say that it can be reached.
		check.Verdict, check.Remedy, check.Cases = OK, "", nil
		check.Detail = fmt.Sprintf("227 names the control connection's address, %v", control)
	case isPrivate(announced.addr) && !isPrivate(control):
		check.Detail = fmt.Sprintf("227 names %v, a private address: clients outside that believe it fail", announced.addr)
	case k.state == portOpen && k.to.Addr() == announced.addr:
		check.Detail = fmt.Sprintf("227 names %v, not %v; the port opens there, but many clients ignore that address", announced.addr, control)
	default:
		check.Detail = fmt.Sprintf("227 names %v, not %v: clients that believe it fail", announced.addr, control)
	}
	c.note(check)
}

func (c *course) noteSilent(check Check, verb string, err error) {
	check.Verdict = Blocked
	check.Detail = fmt.Sprintf("%s was not answered: %s", verb, reason(err))
	check.Remedy = "look at the server's log, and for a firewall that inspects FTP and drops this command"
	c.note(check)
}

func (c *course) noteRefusedVerb(check Check, verb string, r reply) {
	if r.unknownCommand() {
		check.Verdict, check.Detail = Skipped, fmt.Sprintf("the server does not have %s (%v)", verb, r)
	} else {
		check.Verdict, check.Cases = Blocked, []Case{ServerPassive}
		check.Detail = fmt.Sprintf("%s was answered %v", verb, r)
		check.Remedy = "look at the server's log; it may have no free passive port: give it more, or a Portico's sharing"
	}
	c.note(check)
}

// noteUnopened reports a passive port that gave no usable connection.
func (c *course) noteUnopened(ctx context.Context, check Check, k knocked) {
	check.Verdict, check.Detail = Blocked, k.phrase(c.Timeout)
	switch k.state {
	case portForeign:
		check.Cases = []Case{ServerPassive}
		check.Remedy = fmt.Sprintf("let port %d lead to the FTP server: correct the server's passive range or the forwarding in front of it", k.to.Port())
		if k.to.Port() < wellKnownPorts {
			check.Detail = fmt.Sprintf("the server announced port %d, which belongs to another service", k.to.Port())
		}
	case portClosed:
		check.Cases = []Case{ServerPassive}
		check.Remedy = fmt.Sprintf("look at what takes connections on port %d in front of the server: a load balancer that has no way to it, or that hides this client's address", k.to.Port())
	default:
		check.unconnected = true
		found := c.path.blame(ctx, k, c.Timeout)
		check.Cases = found.passiveCases()
		check.Detail += found.explanation()
		check.Remedy = passiveRemedy(check.Cases, k.state, k.to)
	}
	c.note(check)
}

func passiveRemedy(cases []Case, state portState, to netip.AddrPort) string {
	server := fmt.Sprintf("on the server's firewall allow TCP in on its passive ports (%d is one), and let a NAT forward them", to.Port())
	client := fmt.Sprintf("on this side's firewall allow TCP out to %v, ports 1024 and above or the server's passive ports (%d is one)", to.Addr(), to.Port())
	switch {
	case len(cases) > 1:
		return server + "; if that is so, " + client
	case cases[0] == ClientPassive:
		return client
	case state == portRefused:
		return fmt.Sprintf("let port %d reach the server: forward it on the NAT or load balancer, or allow it on a firewall that refuses", to.Port())
	default:
		return server
	}
}

// noteListing reports what came over a passive connection that had opened.
func (c *course) noteListing(check Check, verb string, k knocked, listing *result) {
	switch {
	case listing.succeeded():
		c.passive = cmp.Or(c.passive, verb)
		check.Verdict = OK
		check.Detail = fmt.Sprintf("%s, and a listing of %d bytes came through", k.phrase(c.Timeout), listing.moved)
	case listing.opening.code == 425 || isTimeout(listing.openingErr):
		check.Verdict, check.Cases = Blocked, []Case{ServerPassive}
		check.Detail = fmt.Sprintf("%s, but the server did not see the connection (%s): something else answers there", k.phrase(c.Timeout), listing.problem())
		check.Remedy = fmt.Sprintf("let port %d lead to this server: correct its passive range, the forwarding, or a load balancer that hides this client's address", k.to.Port())
	case listing.opening.negative():
		c.passive = cmp.Or(c.passive, verb)
		check.Verdict = Warn
		check.Detail = fmt.Sprintf("%s, but the listing was refused (%v)", k.phrase(c.Timeout), listing.opening)
		check.Remedy = "name a directory that this user may list in the path of the URL"
	default:
		check.Verdict, check.Cases = Blocked, passiveCases()
		check.Detail = fmt.Sprintf("%s, but the listing failed: %s", k.phrase(c.Timeout), listing.problem())
		check.Remedy = "look at the server's log of this transfer, and for a firewall that inspects data connections"
	}
	c.note(check)
}

// listOver is a listing over a connection that is open. The listing is thrown
// away.
func (c *course) listOver(conn net.Conn, fresh bool) transfer {
	return transfer{command: "LIST", connect: given(conn), into: io.Discard, limit: listingLimit, fresh: fresh, budget: listingBudget * c.Timeout}
}

func given(conn net.Conn) func(context.Context) (net.Conn, error) {
	return func(context.Context) (net.Conn, error) { return conn, nil }
}

// list makes a listing in the passive mode that works.
func (c *course) list(ctx context.Context, fresh bool) (*result, error) {
	s, err := c.live(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.openPassive(ctx, s)
	if err != nil {
		return nil, err
	}
	return c.transfer(ctx, s, c.listOver(conn, fresh)), nil
}

// openPassive opens a data connection in the passive mode that has worked.
func (c *course) openPassive(ctx context.Context, s *session) (net.Conn, error) {
	r, err := s.command("%s", c.passive)
	if err != nil {
		return nil, err
	}
	if !r.completed() {
		return nil, errors.New(c.passive + " was answered " + r.String())
	}
	announced, err := passiveReply(c.passive, r)
	if err != nil {
		return nil, err
	}
	k := c.knockAnnounced(ctx, s, announced)
	if k.state != portOpen {
		return nil, errors.New(k.phrase(c.Timeout))
	}
	return k.conn, nil
}

// compareAddresses looks for a firewall that rewrites 227 replies: it can in
// clear, and cannot under TLS.
func (d *doctor) compareAddresses(courses []*course) {
	if len(courses) < 2 || !courses[0].announced.IsValid() || !courses[1].announced.IsValid() {
		return
	}
	clear, secure := courses[0], courses[1]
	check := Check{Name: "rewriting", Area: AreaPassive, Family: clear.family, Cases: []Case{ServerPassive}, Verdict: Warn}
	outside := func(port uint16) bool { return len(clear.listed) > 0 && !clear.listed.Contains(port) }
	switch {
	case clear.announced != secure.announced:
		check.Detail = fmt.Sprintf("227 names %v in clear and %v under TLS: a firewall on the way rewrites it (FTP inspection, ALG)", clear.announced, secure.announced)
		check.Remedy = "let the server announce its public address itself, and switch off the rewriting: it cannot see into TLS"
	case outside(clear.passivePort) && !outside(secure.passivePort):
		check.Detail = fmt.Sprintf("227 names port %d in clear, which is none of the server's: a firewall on the way rewrites it (FTP inspection, ALG)", clear.passivePort)
		check.Remedy = "forward the server's passive ports as they are, and switch off the rewriting: it cannot see into TLS"
	default:
		check.Verdict, check.Cases = OK, nil
		check.Detail = "227 names the same address in clear and under TLS: nobody rewrites it on the way"
	}
	d.note(check)
}
