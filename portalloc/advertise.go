package portalloc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// AddressLocal is the AddressRule.Address that stands for the control
// connection's own local address.
const AddressLocal = "local"

// AddressRule says which address some clients are told in a PASV reply.
type AddressRule struct {
	// Clients are the networks of the clients that the rule is for. Empty:
	// every client.
	Clients []netip.Prefix
	// Address is an IP address, a DNS host name, or "local" (AddressLocal). A
	// rule with an IP address is for clients of that address's family only.
	Address string
}

// AdvertiserOptions configures an Advertiser.
type AdvertiserOptions struct {
	// Refresh is the time between two look-ups of a host name; after a failed
	// one the next follows sooner. Zero or negative: 1 min.
	Refresh time.Duration

	// Lookup resolves a host name to addresses of both families. It must
	// return soon after ctx is done. Nil: net.DefaultResolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

	// Logger receives the advertiser's log. Nil: nothing is logged.
	Logger *zap.Logger
}

// AddressStatus is what is known of the address of one rule.
type AddressStatus struct {
	// Rule is the rule, as it was given.
	Rule AddressRule
	// Addresses are those that clients are told at present, at most one of
	// each family. Empty for "local", and for a host name without any answer.
	Addresses []netip.Addr
	// ResolvedAt is the time of the host name's last good answer. Zero: none
	// yet, or the rule names no host.
	ResolvedAt time.Time
	// Err is why the last look-up failed. Nil: it did not. Addresses then
	// still are those of the last good answer.
	Err error
	// FailingSince is the time of the first failure in a row. Zero with Err nil.
	FailingSince time.Time
}

// Advertiser knows which address each client must be told in a PASV reply
// (RFC 959 §4.1.2). Its methods may be called concurrently.
type Advertiser struct {
	rules []addressRule
	hosts []*resolvedHost
	log   *zap.Logger

	stop    context.CancelFunc
	running sync.WaitGroup

	mu          sync.Mutex
	warnPrivate map[addressClass]time.Time // not before
}

// addressRule is an AddressRule made ready: one of literal, host and neither
// ("local").
type addressRule struct {
	AddressRule
	literal netip.Addr
	host    *resolvedHost
}

// NewAdvertiser returns an advertiser that keeps resolving the host names of
// the rules until it is closed. It waits up to 3 s for the first answers; a
// name that does not resolve by then is logged and tried further. An error
// names every wrong rule, counted from 1. No rule at all: every client is told
// the local address.
func NewAdvertiser(rules []AddressRule, opts AdvertiserOptions) (*Advertiser, error) {
	opts = opts.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	a := &Advertiser{
		log:         opts.Logger.Named("advertiser"),
		stop:        stop,
		warnPrivate: make(map[addressClass]time.Time),
	}
	if err := a.readRules(rules); err != nil {
		stop()
		return nil, err
	}
	a.startResolving(ctx, opts)
	return a, nil
}

func (o AdvertiserOptions) withDefaults() AdvertiserOptions {
	if o.Refresh <= 0 {
		o.Refresh = time.Minute
	}
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

// Addr returns the address that a client is told: that of the first rule for
// it, or local, its control connection's local address, if no rule is. It is
// of the client's family, because a client can connect to no other. It never
// waits: host names are resolved in the background. The error wraps
// ErrNoAddress when a host name has no answer, or none of the client's family.
func (a *Advertiser) Addr(client, local netip.Addr) (netip.Addr, error) {
	client = client.Unmap().WithZone("")
	addr, err := a.choose(client, local.Unmap().WithZone(""))
	if err != nil {
		return netip.Addr{}, err
	}
	a.warnIfUnreachable(addr, client)
	return addr, nil
}

// Status returns what is known of each rule's address, in the order of the
// rules.
func (a *Advertiser) Status() []AddressStatus {
	all := make([]AddressStatus, len(a.rules))
	for i, r := range a.rules {
		s := AddressStatus{}
		switch {
		case r.host != nil:
			s = r.host.status()
		case r.literal.IsValid():
			s.Addresses = []netip.Addr{r.literal}
		}
		s.Rule = AddressRule{Clients: slices.Clone(r.Clients), Address: r.Address}
		all[i] = s
	}
	return all
}

// Close stops resolving and waits until it has stopped. Addr goes on with the
// last answers. It always returns nil and may be called again.
func (a *Advertiser) Close() error {
	a.stop()
	a.running.Wait()
	return nil
}

func (a *Advertiser) choose(client, local netip.Addr) (netip.Addr, error) {
	for _, r := range a.rules {
		switch {
		case !r.isFor(client):
			continue
		case r.literal.IsValid():
			return r.literal, nil
		case r.host != nil:
			return r.host.addr(client)
		}
		break
	}
	if !local.IsValid() || local.Is4() != client.Is4() {
		return netip.Addr{}, fmt.Errorf("%w: the control connection's local address %v is of another family than client %v: "+
			"add a rule that names an address for it", ErrNoAddress, local, client)
	}
	return local, nil
}

func (r addressRule) isFor(client netip.Addr) bool {
	if r.literal.IsValid() && r.literal.Is4() != client.Is4() {
		return false
	}
	return len(r.Clients) == 0 ||
		slices.ContainsFunc(r.Clients, func(network netip.Prefix) bool { return network.Contains(client) })
}

// addressClass is a kind of address that the Internet does not route.
type addressClass string

// classOf returns the class of an address, "" if it is public.
func classOf(addr netip.Addr) addressClass {
	carrierNAT := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) // RFC 6598 §7
	switch {
	case addr.IsLoopback():
		return "loopback"
	case addr.IsLinkLocalUnicast():
		return "link-local"
	case addr.IsPrivate(), carrierNAT.Contains(addr):
		return "private"
	default:
		return ""
	}
}

// warnPause is the least time between two warnings of one class.
const warnPause = time.Hour

// warnIfUnreachable warns of an address that the client cannot reach: nearly
// always the rule for it is missing.
func (a *Advertiser) warnIfUnreachable(addr, client netip.Addr) {
	class := classOf(addr)
	if class == "" || classOf(client) != "" {
		return
	}
	now := time.Now()
	a.mu.Lock()
	due := !now.Before(a.warnPrivate[class])
	if due {
		a.warnPrivate[class] = now.Add(warnPause)
	}
	a.mu.Unlock()
	if due {
		a.log.Warn("a public client is told an address that it cannot reach: name the public address for it",
			zap.Stringer("address", addr), zap.String("class", string(class)), zap.Stringer("client", client))
	}
}
