package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// quickRefusal is up to when a 425 means that the server's connection was
// refused, and not that nothing came back.
const quickRefusal = time.Second

// checkActive listens, tells the server where, and asks for a listing.
func (c *course) checkActive(ctx context.Context, verb string) {
	check := Check{Name: strings.ToLower(verb), Area: AreaActive, Cases: activeCases()}
	s, err := c.live(ctx)
	if err != nil {
		c.skip(check, err)
		return
	}
	listener, err := c.listen(ctx, s)
	if err != nil {
		check.Verdict, check.Detail = Skipped, "this side cannot listen: "+reason(err)
		check.Remedy = "choose a free port with --active-port"
		c.note(check)
		return
	}
	defer listener.Close()
	told := c.activeTarget(s, listener)
	r, err := s.command("%s", activeCommand(verb, told))
	switch {
	case err != nil:
		c.noteSilent(check, verb, err)
	case !r.completed():
		c.noteRefusedActive(s, check, verb, told, r)
	default:
		list := c.listOver(nil, false)
		list.connect = accept(listener, c.Timeout)
		listing := c.transfer(ctx, s, list)
		c.noteActive(s, check, told, listing)
	}
}

// listen opens the port on the address that the control connection uses.
func (c *course) listen(ctx context.Context, s *session) (*net.TCPListener, error) {
	at := netip.AddrPortFrom(s.local().WithZone(c.remote.Addr().Zone()), c.ActivePort)
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	l, err := config.Listen(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func (c *course) activeTarget(s *session, listener *net.TCPListener) netip.AddrPort {
	addr, port := s.local(), addrPortOf(listener.Addr()).Port()
	if c.ActiveAddress.IsValid() && familyOf(c.ActiveAddress) == c.family {
		addr = c.ActiveAddress
	}
	return netip.AddrPortFrom(addr, port)
}

// accept waits for one connection, for the timeout at the most.
func accept(listener *net.TCPListener, timeout time.Duration) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		listener.SetDeadline(time.Now().Add(timeout))
		defer context.AfterFunc(ctx, func() { listener.SetDeadline(time.Unix(1, 0)) })()
		return listener.Accept()
	}
}

// behindNAT says how this side is known to be behind a NAT, empty if it is not
// known to be.
func (c *course) behindNAT(s *session) string {
	local := s.local()
	switch {
	case c.seenAs.IsValid() && c.seenAs == local:
		return ""
	case c.seenAs.IsValid() && familyOf(c.seenAs) == c.family:
		return fmt.Sprintf("the server sees this side as %v, it is %v: there is a NAT between", c.seenAs, local)
	case c.family == IPv4 && isPrivate(local) && !isPrivate(c.remote.Addr()):
		return fmt.Sprintf("this side is %v, a private address behind a NAT", local)
	default:
		return ""
	}
}

const usePassive = "use passive mode"

// noteRefusedActive reports a PORT or EPRT that the server did not take.
func (c *course) noteRefusedActive(s *session, check Check, verb string, told netip.AddrPort, r reply) {
	nat := c.behindNAT(s)
	switch {
	case nat != "":
		check.Verdict, check.Cases = Blocked, []Case{ClientActive}
		check.Detail = fmt.Sprintf("%s with %v was answered %v; %s", verb, told, r, nat)
		check.Remedy = usePassive + ", or a NAT that understands FTP, or forward a port and name it with --active-port and --active-address"
	case r.unknownCommand():
		check.Verdict = Skipped
		check.Detail = fmt.Sprintf("the server does not take %s (%v)", verb, r)
	default:
		check.Verdict, check.Cases = Blocked, []Case{ServerActive}
		check.Detail = fmt.Sprintf("%s with %v was answered %v", verb, told, r)
		check.Remedy = usePassive + ", or allow active mode on the server"
	}
	c.note(check)
}

// noteActive reports what became of an active transfer.
func (c *course) noteActive(s *session, check Check, told netip.AddrPort, listing *result) {
	from := listing.peer
	switch {
	case listing.succeeded() && from.Addr().WithZone("") != c.remote.Addr().WithZone(""):
		check.Verdict, check.Cases = Warn, []Case{ClientActive}
		check.Detail = fmt.Sprintf("the connection came from %v, not from the server's address %v", from, c.remote.Addr())
		check.Remedy = fmt.Sprintf("on the client's firewall allow %v too, or let the server's NAT keep its address", from.Addr())
	case listing.succeeded():
		check.Verdict = OK
		check.Detail = fmt.Sprintf("the server connected from %v to port %d, and a listing of %d bytes came through", from, told.Port(), listing.moved)
	case from.IsValid() && listing.opening.negative() && listing.opening.code != 425:
		check.Verdict = Warn
		check.Detail = fmt.Sprintf("the server connected from %v, but refused the listing (%v)", from, listing.opening)
		check.Remedy = "name a directory that this user may list in the path of the URL"
	case from.IsValid():
		check.Verdict = Blocked
		check.Detail = fmt.Sprintf("a connection came from %v, but the listing failed: %s", from, listing.problem())
		check.Remedy = "look at the server's log of this transfer, and for a firewall that inspects data connections"
	case listing.opening.negative() && listing.opening.code != 425:
		check.Verdict = Skipped
		check.Detail = fmt.Sprintf("LIST was answered %v before any connection", listing.opening)
	default:
		c.blameActive(s, &check, told, listing)
	}
	c.note(check)
}

// blameActive says what it means that no connection came.
func (c *course) blameActive(s *session, check *Check, told netip.AddrPort, listing *result) {
	check.Verdict, check.unconnected = Blocked, true
	nat := c.behindNAT(s)
	server := "on the server's firewall allow TCP out from the server to ports 1024 and above"
	client := fmt.Sprintf("on this side's firewall allow TCP in from %v to ports 1024 and above (with --active-port: to that one)", c.remote.Addr())
	switch {
	case listing.opening.code == 425 && listing.openingAfter < quickRefusal:
		check.Detail = fmt.Sprintf("nothing came to %v, and the server said at once %v: its connection was refused", told, listing.opening)
	case listing.opening.code == 425:
		check.Detail = fmt.Sprintf("nothing came to %v, and the server gave up after %v (%v): filtered", told, listing.openingAfter.Round(time.Second), listing.opening)
	case listing.openingErr != nil && !isTimeout(listing.openingErr):
		check.Detail = fmt.Sprintf("nothing came to %v, and the server ended the session: %s", told, reason(listing.openingErr))
	default:
		check.Detail = fmt.Sprintf("nothing came to %v within %v: filtered", told, c.Timeout)
	}
	switch {
	case nat != "":
		check.Cases = []Case{ClientActive}
		check.Detail += "; " + nat
		check.Remedy = usePassive + ", or a NAT that understands FTP, or forward a port and name it with --active-port and --active-address"
	default:
		check.Detail += "; which side blocks cannot be told from here"
		check.Remedy = usePassive + ", or " + server + "; if that is so, " + client
	}
}
