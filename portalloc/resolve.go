package portalloc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// firstLookupWait bounds how long NewAdvertiser waits for DNS: a server
	// should start even while its resolver is down.
	firstLookupWait = 3 * time.Second
	// lookupTimeout bounds each look-up.
	lookupTimeout = 10 * time.Second
	// retryAfter is the time to the next look-up after a failed one.
	retryAfter = 5 * time.Second
)

// resolvedHost is a host name and its last good answer.
type resolvedHost struct {
	name string

	mu           sync.RWMutex
	answer       [2]netip.Addr // IPv4 and IPv6; invalid: none
	resolvedAt   time.Time     // zero: no answer yet
	err          error         // of the last look-up
	failingSince time.Time
}

// startResolving starts one goroutine for each host name and waits a while for
// the first answers.
func (a *Advertiser) startResolving(ctx context.Context, opts AdvertiserOptions) {
	tried := make(chan struct{}, len(a.hosts))
	for _, h := range a.hosts {
		a.running.Go(func() { a.keepResolving(ctx, h, opts, tried) })
	}
	wait := time.NewTimer(firstLookupWait)
	defer wait.Stop()
	for range a.hosts {
		select {
		case <-tried:
		case <-wait.C:
			a.log.Warn("host names of the public address are slow to resolve: PASV fails for clients that need them until they do")
			return
		}
	}
}

func (a *Advertiser) keepResolving(ctx context.Context, h *resolvedHost, opts AdvertiserOptions, tried chan<- struct{}) {
	next := time.NewTimer(opts.Refresh)
	defer next.Stop()
	for first := true; ; first = false {
		err := a.resolve(ctx, h, opts)
		if first {
			tried <- struct{}{}
		}
		pause := opts.Refresh
		if err != nil {
			pause = min(pause, retryAfter)
		}
		next.Reset(pause)
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

// resolve looks the host up once and logs what has changed.
func (a *Advertiser) resolve(ctx context.Context, h *resolvedHost, opts AdvertiserOptions) error {
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := opts.Lookup(lookup, h.name)
	if ctx.Err() != nil {
		return ctx.Err() // closed meanwhile: says nothing about the name
	}
	addrs = slices.DeleteFunc(addrs, func(addr netip.Addr) bool {
		return !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast()
	})
	if err == nil && len(addrs) == 0 {
		err = errors.New("the name has no address")
	}
	if err != nil {
		a.noteFailure(h, err)
		return err
	}
	a.noteAnswer(h, addrs)
	return nil
}

func (a *Advertiser) noteFailure(h *resolvedHost, err error) {
	h.mu.Lock()
	wasFailing := h.err != nil
	if !wasFailing {
		h.failingSince = time.Now()
	}
	h.err = err
	known := h.knownLocked()
	h.mu.Unlock()
	if !wasFailing {
		a.log.Warn("a host name of the public address does not resolve: clients are told its last known addresses, or PASV fails where there is none",
			zap.String("host", h.name), zap.Stringers("last_known", known), zap.Error(err))
	}
}

func (a *Advertiser) noteAnswer(h *resolvedHost, addrs []netip.Addr) {
	h.mu.Lock()
	before, wasFailing := h.answer, h.err != nil
	h.answer = [2]netip.Addr{
		pick(addrs, before[0], netip.Addr.Is4),
		pick(addrs, before[1], netip.Addr.Is6),
	}
	h.err, h.failingSince, h.resolvedAt = nil, time.Time{}, time.Now()
	changed, known := h.answer != before, h.knownLocked()
	h.mu.Unlock()
	if changed || wasFailing {
		a.log.Info("host name of the public address resolved", zap.String("host", h.name), zap.Stringers("addresses", known))
	}
}

// pick returns the address of one family, invalid if there is none. It keeps
// to the earlier one as long as it is among the answers: resolvers shuffle
// them, and clients of one server should not see it move.
func pick(addrs []netip.Addr, before netip.Addr, isFamily func(netip.Addr) bool) netip.Addr {
	var first netip.Addr
	for _, addr := range addrs {
		addr = addr.Unmap().WithZone("")
		if addr == before {
			return before
		}
		if !first.IsValid() && isFamily(addr) {
			first = addr
		}
	}
	return first
}

// addr returns the address for a client.
func (h *resolvedHost) addr(client netip.Addr) (netip.Addr, error) {
	family, name := 0, "IPv4"
	if client.Is6() {
		family, name = 1, "IPv6"
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case h.answer[family].IsValid():
		return h.answer[family], nil
	case h.resolvedAt.IsZero() && h.err != nil:
		return netip.Addr{}, fmt.Errorf("%w: host name %s has never resolved (%w): correct the name or the resolver, or write an IP address",
			ErrNoAddress, h.name, h.err)
	case h.resolvedAt.IsZero():
		return netip.Addr{}, fmt.Errorf("%w: host name %s has not resolved yet: try again in a moment", ErrNoAddress, h.name)
	default:
		return netip.Addr{}, fmt.Errorf("%w: host name %s has no %s address: add one to the DNS, or a rule for these clients",
			ErrNoAddress, h.name, name)
	}
}

func (h *resolvedHost) status() AddressStatus {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return AddressStatus{
		Addresses:    h.knownLocked(),
		ResolvedAt:   h.resolvedAt,
		Err:          h.err,
		FailingSince: h.failingSince,
	}
}

// knownLocked lists the addresses of the last good answer.
func (h *resolvedHost) knownLocked() []netip.Addr {
	var known []netip.Addr
	for _, addr := range h.answer {
		if addr.IsValid() {
			known = append(known, addr)
		}
	}
	return known
}
