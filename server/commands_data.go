package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/portalloc"
)

// cmdPASV answers with an IPv4 address and a port (RFC 959 §4.1.2).
func (s *session) cmdPASV(command) string {
	switch {
	case s.epsvOnly:
		s.reply(501, "Only EPSV is allowed after EPSV ALL.")
		return ""
	case s.local.Addr().Is6():
		s.reply(425, "PASV works with IPv4 only: use EPSV.")
		return ""
	}
	addr, err := s.advertisedAddr()
	if err != nil {
		s.log.Error("no address to advertise for PASV", zap.Error(err))
		s.reply(425, "Can't open data connection; try EPSV.")
		return ""
	}
	lease := s.acquireLease()
	if lease == nil {
		return ""
	}
	ip, port := addr.As4(), lease.AdvertisedPort()
	return s.announce(newPassiveSetup(s, lease), 227, fmt.Sprintf("Entering Passive Mode (%d,%d,%d,%d,%d,%d).",
		ip[0], ip[1], ip[2], ip[3], port>>8, port&0xff))
}

func (s *session) advertisedAddr() (netip.Addr, error) {
	addr := s.local.Addr()
	if a := s.server.current().Advertise; a != nil { // an old address helps no session
		var err error
		if addr, err = a.Addr(s.client.Addr(), s.local.Addr()); err != nil {
			return netip.Addr{}, err
		}
	}
	if addr = addr.Unmap(); !addr.Is4() {
		return netip.Addr{}, fmt.Errorf("server: %v is not an IPv4 address, which PASV needs", addr)
	}
	return addr, nil
}

// cmdEPSV answers with a port; the address is the control connection's
// (RFC 2428 §3).
func (s *session) cmdEPSV(cmd command) string {
	family := "1"
	if s.local.Addr().Is6() {
		family = "2"
	}
	switch arg := strings.ToUpper(cmd.arg); arg {
	case "ALL":
		s.epsvOnly = true
		s.reply(200, "EPSV ALL: only EPSV from now on.")
		return ""
	case "", family:
	case "1", "2":
		s.reply(522, fmt.Sprintf("Network protocol not supported, use (%s).", family))
		return ""
	default:
		s.reply(501, "Use EPSV, EPSV 1, EPSV 2 or EPSV ALL.")
		return ""
	}
	lease := s.acquireLease()
	if lease == nil {
		return ""
	}
	return s.announce(newPassiveSetup(s, lease), 229, fmt.Sprintf("Entering Extended Passive Mode (|||%d|).", lease.AdvertisedPort()))
}

// acquireLease returns a passive port, or nil after it has told the client
// that there is none.
func (s *session) acquireLease() *portalloc.Lease {
	ports := s.opts.Ports
	if ports == nil {
		s.reply(502, "Passive mode is off.")
		return nil
	}
	claim := portalloc.Claim{Client: s.client.Addr()}
	if claim.Identity = s.dataIdentity(); claim.Identity != 0 {
		claim.Identifier = s.server.tls
	}
	if s.setup != nil {
		claim.Replaces = s.setup.lease
	}
	lease, err := ports.TryAcquire(claim)
	if errors.Is(err, portalloc.ErrExhausted) {
		lease, err = s.waitForLease(ports, claim)
	}
	if errors.Is(err, portalloc.ErrTooMany) {
		s.dropSetup()
		s.overLimit(LimitPassiveLeasesPerIP, "")
		s.reply(425, "Too many data connections of your address are waiting; try again in a few seconds.")
		return nil
	}
	if err != nil {
		s.dropSetup()
		level := zap.WarnLevel
		if errors.Is(err, errImpatient) {
			level = zap.DebugLevel // the client's own doing
		}
		s.log.Log(level, "no passive port", zap.Error(err))
		s.reply(425, "No passive port is free; try again in a few seconds.")
		return nil
	}
	if s.protectedData {
		// Only now, for the more has come before, the more is proven.
		s.server.tls.ledger.begin(s.id)
	}
	return lease
}

// errImpatient says that the client left, or sent its next command, while it
// waited for a passive port.
var errImpatient = errors.New("server: the client did not wait for a passive port")

// waitForLease queues for a port. A client that leaves, or sends its next
// command without waiting for the reply, gives up its place.
func (s *session) waitForLease(ports *portalloc.Allocator, claim portalloc.Claim) (*portalloc.Lease, error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	var lease *portalloc.Lease
	var err error
	done := make(chan struct{})
	s.control.setReadDeadline(time.Time{}) // before the goroutine sets another
	go func() {
		defer close(done)
		lease, err = ports.Acquire(ctx, claim)
		s.control.setReadDeadline(time.Unix(1, 0)) // ends peek
	}()
	if peekErr := s.lines.peek(); !isTimeout(peekErr) {
		cancel(errImpatient)
	}
	<-done
	return lease, err
}

// cmdPORT takes the client's address from "h1,h2,h3,h4,p1,p2" (RFC 959 §4.1.2).
func (s *session) cmdPORT(cmd command) string {
	addr, ok := parsePORT(cmd.arg)
	if !ok {
		s.reply(501, "Use PORT h1,h2,h3,h4,p1,p2.")
		return ""
	}
	return s.activate(addr, "PORT")
}

// cmdEPRT takes the client's address from "|1|address|port|" (RFC 2428 §2).
func (s *session) cmdEPRT(cmd command) string {
	family, addr, ok := parseEPRT(cmd.arg)
	switch {
	case !ok:
		s.reply(501, "Use EPRT |1|address|port| or EPRT |2|address|port|.")
		return ""
	case family != "1" && family != "2":
		s.reply(522, "Network protocol not supported, use (1,2).")
		return ""
	}
	return s.activate(addr, "EPRT")
}

// activate settles that the server connects to addr.
func (s *session) activate(addr netip.AddrPort, verb string) string {
	if addr.Addr().IsUnspecified() { // lftp over IPv6 means the address it connected from
		addr = netip.AddrPortFrom(s.client.Addr(), addr.Port())
	}
	if addr.Addr().WithZone("") == s.client.Addr().WithZone("") {
		addr = netip.AddrPortFrom(s.client.Addr(), addr.Port()) // with its zone, which EPRT cannot tell
	}
	active := s.opts.Active
	switch {
	case active.Disabled:
		s.reply(502, "Active mode is off: use EPSV or PASV.")
	case s.epsvOnly:
		s.reply(501, "Only EPSV is allowed after EPSV ALL.")
	case addr.Addr() != s.client.Addr() && !active.ForeignAddress:
		s.log.Warn("active mode refused", zap.Stringer("target", addr), zap.String("reason", "not the client's address"))
		s.noteForeignTarget(addr, verb)
		s.reply(501, "The address must be your own.")
	case addr.Port() < 1024: // RFC 2577 §3
		s.log.Warn("active mode refused", zap.Stringer("target", addr), zap.String("reason", "port below 1024"))
		s.security(SecurityEvent{Kind: SecurityCommandRefused, Reason: "low_port", Verb: verb, Detail: addr.String()})
		s.reply(501, "The port must be 1024 or above.")
	default:
		return s.announce(newActiveSetup(s, addr), 200, verb+" command successful.")
	}
	return ""
}

// announce makes setup the session's next data connection, and says so.
func (s *session) announce(setup *dataSetup, code int, text string) string {
	s.dropSetup()
	s.setup = setup
	s.reply(code, text)
	return ""
}

func (s *session) dropSetup() {
	if s.setup != nil {
		s.setup.close()
		s.setup = nil
	}
}

func parsePORT(arg string) (netip.AddrPort, bool) {
	fields := strings.Split(arg, ",")
	if len(fields) != 6 {
		return netip.AddrPort{}, false
	}
	var b [6]byte
	for i, f := range fields {
		n, err := strconv.ParseUint(strings.TrimSpace(f), 10, 8)
		if err != nil {
			return netip.AddrPort{}, false
		}
		b[i] = byte(n)
	}
	port := uint16(b[4])<<8 | uint16(b[5])
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port), port != 0
}

// parseEPRT reads EPRT's parameter, whose delimiter is its first character.
func parseEPRT(arg string) (family string, addr netip.AddrPort, ok bool) {
	if arg == "" || arg[0] < 33 || arg[0] > 126 {
		return "", addr, false
	}
	fields := strings.Split(arg, arg[:1])
	if len(fields) != 5 || fields[0] != "" || fields[4] != "" {
		return "", addr, false
	}
	family = fields[1]
	if family != "1" && family != "2" {
		return family, addr, true
	}
	ip, err := netip.ParseAddr(fields[2])
	if err != nil || ip.Is4() != (family == "1") {
		return family, addr, false
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	return family, netip.AddrPortFrom(ip.Unmap(), uint16(port)), err == nil && port != 0
}

// cmdTYPE settles how text travels (RFC 959 §3.1.1). The engine is not told:
// the conversion is this package's.
func (s *session) cmdTYPE(cmd command) string {
	switch strings.ToUpper(strings.Join(strings.Fields(cmd.arg), " ")) {
	case "A", "A N":
		s.form.ascii = true
		s.restart = 0 // REST counts the bytes of TYPE I
	case "I", "L 8", "L8":
		if s.form.records {
			s.reply(504, "Records travel with TYPE A only: send STRU F first.")
			return ""
		}
		s.form.ascii = false
	default:
		s.reply(504, "Use TYPE A, TYPE I or TYPE L 8.")
		return ""
	}
	s.reply(200, "TYPE is "+s.form.typeName()+".")
	return ""
}

// cmdMODE: only stream mode exists here (RFC 959 §3.4.1).
func (s *session) cmdMODE(cmd command) string {
	if !strings.EqualFold(cmd.arg, "S") {
		s.reply(504, "Use MODE S.")
		return ""
	}
	s.reply(200, "MODE is S.")
	return ""
}

// cmdSTRU settles the structure of files (RFC 959 §3.1.2).
func (s *session) cmdSTRU(cmd command) string {
	switch strings.ToUpper(cmd.arg) {
	case "F":
		s.form.records = false
	case "R":
		if !s.form.ascii {
			s.reply(504, "Records travel with TYPE A only.")
			return ""
		}
		s.form.records = true
	default:
		s.reply(504, "Use STRU F or STRU R.")
		return ""
	}
	s.reply(200, "STRU is "+s.form.structureName()+".")
	return ""
}
