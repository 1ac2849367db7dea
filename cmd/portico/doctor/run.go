package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Run examines the server and returns what it found. It ends by itself against
// any server, and soon after ctx is done; what was not tried by then is
// reported as skipped. Nothing of it goes on after it has returned.
func Run(ctx context.Context, opts Options) *Report {
	return newDoctor(opts).run(ctx)
}

// doctor is one examination.
type doctor struct {
	Options
	trace      prober
	bannerWait time.Duration

	mu     sync.Mutex   // guards the rest, because long checks run side by side
	over   func() error // says why the time is over, nil if it is not
	report Report
}

func newDoctor(opts Options) *doctor {
	d := &doctor{Options: opts.withDefaults(), trace: sendProbe, bannerWait: defaultBannerWait}
	d.report.Target, d.report.Complete = opts.Target.String(), true
	if opts.Dial != nil {
		d.trace = nil // the way of such connections is not known
	}
	return d
}

func (d *doctor) run(ctx context.Context) *Report {
	limited, cancel := context.WithTimeout(ctx, d.Deadline)
	defer cancel()
	d.over = limited.Err
	var entered []*course
	for _, addr := range d.resolve(limited) {
		if c := d.examine(limited, addr); c != nil {
			entered = append(entered, c)
		}
	}
	d.checkLong(ctx, entered)
	d.report.Cases = d.report.judgeCases()
	d.report.ExitCode = d.report.exitCode()
	return &d.report
}

// note adds a check to the report.
func (d *doctor) note(c Check) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.Cases == nil {
		c.Cases = []Case{}
	}
	// Cleaning up has a time of its own.
	if err := d.over(); err != nil && c.Verdict != OK && c.Name != cleanUpName {
		c = untried(c, err)
		d.report.Complete = false
	}
	d.report.Checks = append(d.report.Checks, c)
	d.OnCheck(c)
}

// untried is a check that the end of the time has spoilt: what it saw was its
// own connections being closed.
func untried(c Check, why error) Check {
	c.Verdict, c.Detail, c.Remedy = Skipped, "not tried: the examination was interrupted", ""
	if errors.Is(why, context.DeadlineExceeded) {
		c.Detail = "not tried: the time for the examination is over"
		c.Remedy = "give it more time with --deadline"
	}
	return c
}

// resolve returns one address of each family that is asked for.
func (d *doctor) resolve(ctx context.Context) []netip.Addr {
	check := Check{Name: "resolve", Area: AreaControl, Cases: []Case{Control}, Verdict: OK}
	found, err := lookUp(ctx, d.Target.Host, d.Timeout)
	addrs := onePerFamily(found, d.Family)
	switch {
	case err != nil:
		check.Verdict, check.Detail = Blocked, fmt.Sprintf("%s has no address: %s", printable(d.Target.Host), printable(err.Error()))
		check.Remedy = "correct the name or its DNS records, or use the IP address"
	case len(addrs) == 0:
		check.Verdict, check.Detail = Blocked, fmt.Sprintf("%s has no %s address", printable(d.Target.Host), d.Family)
		check.Remedy = "leave the family open, or add the DNS record"
	default:
		check.Detail = fmt.Sprintf("%s is %v", d.Target.Host, found)
	}
	d.note(check)
	return addrs
}

func lookUp(ctx context.Context, host string, timeout time.Duration) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		err = errors.New(dns.Err)
	}
	return addrs, err
}

// onePerFamily: IPv4 comes first, because there more can go wrong.
func onePerFamily(found []netip.Addr, only Family) []netip.Addr {
	var addrs []netip.Addr
	for _, family := range []Family{IPv4, IPv6} {
		i := slices.IndexFunc(found, func(a netip.Addr) bool { return familyOf(a) == family })
		if i >= 0 && (only == "" || only == family) {
			addrs = append(addrs, found[i])
		}
	}
	return addrs
}

// examine makes all checks over one address but the long one. It returns a
// course that has logged in, nil if none could.
func (d *doctor) examine(ctx context.Context, addr netip.Addr) *course {
	to := netip.AddrPortFrom(addr, d.Target.Port)
	path := &route{prober: d.trace, control: to}
	var entered []*course
	for _, security := range d.securities() {
		c := newCourse(d, path, to, security)
		c.first = len(entered) == 0
		c.optional = d.Target.Scheme == SchemeFTP && security == ExplicitTLS
		if c.visit(ctx) {
			entered = append(entered, c)
		}
		defer c.close()
		if c.unreachable {
			return nil
		}
	}
	d.settleRefusal(addr, entered)
	if len(entered) == 0 {
		return nil
	}
	d.compareAddresses(entered)
	entered[0].checkLarge(ctx)
	return entered[0]
}

// securities are the kinds of session to try, in their order.
func (d *doctor) securities() []Security {
	switch d.Target.Scheme {
	case SchemeFTPES:
		return []Security{ExplicitTLS}
	case SchemeFTPS:
		return []Security{ImplicitTLS}
	default:
		return []Security{Plain, ExplicitTLS}
	}
}

// settleRefusal: a server that takes no login in clear but one under TLS has
// been set up so.
func (d *doctor) settleRefusal(addr netip.Addr, entered []*course) {
	if len(entered) == 0 || entered[0].security == Plain {
		return
	}
	for i, c := range d.report.Checks {
		if c.Name == "login" && c.Security == Plain && c.Family == familyOf(addr) && c.Verdict == Blocked {
			d.report.Checks[i].Verdict, d.report.Checks[i].Remedy = Skipped, ""
			d.report.Checks[i].Detail += " (TLS is required here, and works)"
		}
	}
}
