package portalloc

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// fakeDNS answers from a table that a test may change.
type fakeDNS struct {
	mu      sync.Mutex
	answers map[string][]netip.Addr
	err     error
	slow    time.Duration
	asked   int
}

func (d *fakeDNS) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	d.asked++
	answer, err, slow := slices.Clone(d.answers[host]), d.err, d.slow
	d.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, errors.New("no such host")
	}
	return answer, nil
}

func (d *fakeDNS) set(change func(*fakeDNS)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// withAdvertiser runs a test in a bubble of its own.
func withAdvertiser(t *testing.T, rules []AddressRule, dns *fakeDNS, test func(t *testing.T, a *Advertiser, logs *observer.ObservedLogs)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		a, err := NewAdvertiser(rules, AdvertiserOptions{Lookup: dns.lookup, Logger: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		test(t, a, logs)
	})
}

// wantAddr checks what a client is told; "" is ErrNoAddress.
func wantAddr(t *testing.T, a *Advertiser, client, local, want string) {
	t.Helper()
	addr, err := a.Addr(netip.MustParseAddr(client), netip.MustParseAddr(local))
	switch {
	case want == "" && !errors.Is(err, ErrNoAddress):
		t.Errorf("%s is told %v, %v; want ErrNoAddress", client, addr, err)
	case want != "" && (err != nil || addr.String() != want):
		t.Errorf("%s is told %v, %v; want %s", client, addr, err, want)
	}
}

func TestFirstRuleForTheClientCounts(t *testing.T) {
	networks := func(texts ...string) []netip.Prefix {
		var all []netip.Prefix
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	rules := []AddressRule{
		{Clients: networks("10.1.0.0/16", "192.168.0.0/16"), Address: "local"},
		{Clients: networks("::ffff:10.0.0.0/104"), Address: "198.51.100.1"},
		{Clients: networks("172.16.0.0/12", "2001:db8:2::/48"), Address: "both.example"},
		{Address: "203.0.113.7"},
		{Address: "2001:db8::7"},
	}
	dns := &fakeDNS{answers: map[string][]netip.Addr{"both.example": addrs("2001:db8:9::1", "198.51.100.9")}}
	for name, test := range map[string]struct{ client, local, want string }{
		"local":                               {"10.1.2.3", "10.9.9.9", "10.9.9.9"},
		"local, unmapped":                     {"192.168.2.3", "::ffff:10.9.9.9", "10.9.9.9"},
		"the second rule":                     {"10.2.2.3", "10.9.9.9", "198.51.100.1"},
		"a mapped client":                     {"::ffff:10.2.2.3", "::ffff:10.9.9.9", "198.51.100.1"},
		"a host name's IPv4 address":          {"172.16.0.1", "10.9.9.9", "198.51.100.9"},
		"a host name's IPv6 address":          {"2001:db8:2::1", "2001:db8::1", "2001:db8:9::1"},
		"the rule for every client":           {"203.0.113.99", "10.9.9.9", "203.0.113.7"},
		"the one of the client's family":      {"2001:db8:3::1", "2001:db8::1", "2001:db8::7"},
		"local of the other family":           {"10.1.2.3", "2001:db8::1", ""},
		"a zone in a client's address is cut": {"fe80::1%eth0", "2001:db8::1", "2001:db8::7"},
	} {
		t.Run(name, func(t *testing.T) {
			withAdvertiser(t, rules, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
				wantAddr(t, a, test.client, test.local, test.want)
			})
		})
	}
}

func TestWithoutRulesClientsAreToldTheLocalAddress(t *testing.T) {
	withAdvertiser(t, nil, &fakeDNS{}, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		wantAddr(t, a, "203.0.113.1", "198.51.100.1", "198.51.100.1")
		if _, err := a.Addr(netip.MustParseAddr("203.0.113.1"), netip.Addr{}); !errors.Is(err, ErrNoAddress) {
			t.Errorf("without a local address: %v; want ErrNoAddress", err)
		}
	})
}

func TestWrongRulesAreNamed(t *testing.T) {
	t.Parallel()
	v4, v6 := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")
	for address, test := range map[string]struct {
		clients []netip.Prefix
		word    string
	}{
		"":                                  {nil, "empty"},
		"  ":                                {nil, "empty"},
		"0.0.0.0":                           {nil, "local"},
		"::":                                {nil, "local"},
		"224.0.0.1":                         {nil, "public"},
		"255.255.255.255":                   {nil, "public"},
		"fe80::1%eth0":                      {nil, "zone"},
		"203.0.113.256":                     {nil, "0 to 255"},
		"203.0.113":                         {nil, "0 to 255"},
		"ftp.example.org:21":                {nil, "port"},
		"ftp://ftp.example.org":             {nil, "scheme"},
		"ftp example org":                   {nil, "host name"},
		"münchen.example":                   {nil, "ASCII"},
		"ftp..example.org":                  {nil, "host name"},
		strings.Repeat("x", 64) + ".org":    {nil, "host name"},
		strings.Repeat("x.", 130) + "org":   {nil, "253"},
		"203.0.113.1":                       {[]netip.Prefix{v6}, "family"},
		"2001:db8::1":                       {[]netip.Prefix{v4}, "family"},
		"valid-but-for-its-clients.example": {[]netip.Prefix{{}}, "10.0.0.0/8"},
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			rules := []AddressRule{{Address: "local"}, {Clients: test.clients, Address: address}, {Address: ""}}
			a, err := NewAdvertiser(rules, AdvertiserOptions{})
			if err == nil {
				a.Close()
				t.Fatal("no error")
			}
			for _, word := range []string{"rule 2", "rule 3", test.word} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error %q does not name %q", err, word)
				}
			}
		})
	}
}

func TestStatusShowsEveryRule(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"both.example": addrs("2001:db8::1", "::ffff:203.0.113.1", "203.0.113.2")}}
	rules := []AddressRule{{Address: "both.example"}, {Address: "203.0.113.5"}, {Address: "local"}}
	withAdvertiser(t, rules, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		want := [][]netip.Addr{addrs("203.0.113.1", "2001:db8::1"), addrs("203.0.113.5"), nil}
		for i, s := range a.Status() {
			if s.Rule.Address != rules[i].Address || !slices.Equal(s.Addresses, want[i]) {
				t.Errorf("rule %d: %+v; want %v", i+1, s, want[i])
			}
		}
	})
}

func TestPrivateAddressForAPublicClientIsWarnedOf(t *testing.T) {
	warnings := func(logs *observer.ObservedLogs) []any {
		var classes []any
		for _, entry := range logs.TakeAll() {
			classes = append(classes, entry.ContextMap()["class"])
		}
		return classes
	}
	withAdvertiser(t, nil, &fakeDNS{}, func(t *testing.T, a *Advertiser, logs *observer.ObservedLogs) {
		for _, test := range []struct {
			client, local string
			class         string
		}{
			{"192.168.1.9", "192.168.1.1", ""},
			{"203.0.113.1", "198.51.100.1", ""},
			{"127.0.0.1", "127.0.0.1", ""},
			{"203.0.113.1", "192.168.1.1", "private"},
			{"203.0.113.2", "10.0.0.1", ""}, // said already
			{"203.0.113.1", "127.0.0.1", "loopback"},
			{"203.0.113.1", "169.254.1.1", "link-local"},
			{"2001:db8::1", "fd00::1", ""},
		} {
			wantAddr(t, a, test.client, test.local, test.local)
			var want []any
			if test.class != "" {
				want = []any{test.class}
			}
			if got := warnings(logs); !slices.Equal(got, want) {
				t.Errorf("%s is told %s: warnings %v; want %v", test.client, test.local, got, want)
			}
		}
		time.Sleep(warnPause)
		wantAddr(t, a, "203.0.113.1", "100.64.0.1", "100.64.0.1")
		wantAddr(t, a, "2001:db8::1", "fd00::1", "fd00::1")
		if got := warnings(logs); !slices.Equal(got, []any{"private"}) {
			t.Errorf("after a while: warnings %v; want one again", got)
		}
	})
}

func TestAddrIsSafeForConcurrentUse(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
	withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for range 200 {
					time.Sleep(time.Second)
					wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
					a.Status()
				}
			})
		}
		callers.Wait()
	})
}
