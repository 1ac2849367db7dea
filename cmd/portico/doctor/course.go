package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/portico-ftp/portico/portalloc"
)

// course is a run of checks over one address and in one kind of session. It
// opens control connections as it needs them: a check that ends badly costs
// the one that it used.
type course struct {
	*doctor
	family   Family
	remote   netip.AddrPort // of the control connection
	security Security
	path     *route
	first    bool // the first that is tried over this address
	optional bool // nobody asked for this kind of session

	unreachable bool // not even a greeting came
	session     *session
	reopenings  int

	features    map[string]bool
	seenAs      netip.Addr         // this side's address, as the server sees it; zero: not known
	listed      portalloc.PortList // of the server, if it tells
	passive     string             // a verb that works, empty if none does
	announcing  string             // a verb that gives ports, whether or not they can be reached
	announced   netip.Addr         // of the 227 reply
	passivePort uint16             // of the 227 reply
}

func newCourse(d *doctor, path *route, remote netip.AddrPort, security Security) *course {
	return &course{doctor: d, family: familyOf(remote.Addr()), remote: remote, security: security, path: path}
}

// visit makes the checks. It says false if it could not log in.
func (c *course) visit(ctx context.Context) bool {
	if !c.enter(ctx) {
		return false
	}
	c.lookAround(ctx)
	c.checkPassive(ctx, verbEPSV)
	if c.family == IPv4 {
		c.checkPassive(ctx, verbPASV)
	}
	if c.first {
		c.checkRange(ctx)
	}
	if c.security != Plain {
		c.checkReuse(ctx)
	}
	c.checkActive(ctx, verbEPRT)
	if c.family == IPv4 {
		c.checkActive(ctx, verbPORT)
	}
	return true
}

// note adds a check of this course.
func (c *course) note(check Check) {
	check.Family, check.Security = c.family, c.security
	c.doctor.note(check)
}

// reopeningLimit bounds how often a course logs in again. Servers lock out who
// does that too often.
const reopeningLimit = 12

var errReopenings = errors.New("the control connection broke too often")

// live returns a session to work with, a new one if the last has broken.
func (c *course) live(ctx context.Context) (*session, error) {
	if c.session != nil && !c.session.broken {
		return c.session, nil
	}
	c.close()
	if c.reopenings++; c.reopenings > reopeningLimit {
		return nil, errReopenings
	}
	s, failed := c.open(ctx)
	if failed != nil {
		// One that lets nobody in again would cost a timeout for each check.
		c.reopenings += reopeningLimit / 2
		s.close()
		return nil, fmt.Errorf("the next %s failed: %s", failed.stage, failed.why())
	}
	c.session = s
	return s, nil
}

func (c *course) close() {
	if c.session != nil {
		c.session.close()
		c.session = nil
	}
}

// skip notes that a check could not be made.
func (c *course) skip(check Check, err error) {
	check.Verdict, check.Detail = Skipped, "not tried: "+reason(err)
	c.note(check)
}

// lookAround asks the server what it has and how it sees this client. Neither
// need be answered.
func (c *course) lookAround(ctx context.Context) {
	check := Check{Name: "features", Area: AreaControl, Cases: []Case{Control}, Verdict: OK}
	s, err := c.live(ctx)
	if err != nil {
		c.skip(check, err)
		return
	}
	r, err := s.command("FEAT")
	switch {
	case err != nil:
		check.Verdict, check.Detail = Warn, "FEAT was not answered: "+reason(err)
		check.Remedy = "look for a firewall that drops commands it does not know"
	case !r.completed():
		check.Verdict, check.Detail = Skipped, fmt.Sprintf("the server lists no features (%v)", r)
	default:
		c.features = parseFeatures(r)
		check.Detail = fmt.Sprintf("%d features", len(c.features))
	}
	c.note(check)
	if s, err := c.live(ctx); err == nil {
		if r, err := s.command("STAT"); err == nil && r.completed() {
			c.seenAs = clientAddress(r)
		}
	}
}

func parseFeatures(r reply) map[string]bool {
	features := map[string]bool{}
	for i, line := range r.lines {
		if name := strings.Fields(line); i > 0 && i < len(r.lines)-1 && len(name) > 0 {
			features[strings.ToUpper(name[0])] = true
		}
	}
	return features
}

// clientAddress finds where a STAT reply says that the client is. Servers word
// it "Connected to 192.0.2.1" or "Connected from 192.0.2.1".
func clientAddress(r reply) netip.Addr {
	for _, line := range r.lines {
		words := strings.Fields(line)
		if len(words) < 3 || !strings.EqualFold(words[0], "connected") {
			continue
		}
		if addr, err := netip.ParseAddr(strings.Trim(words[2], "()[],.")); err == nil {
			return addr.Unmap()
		}
	}
	return netip.Addr{}
}
