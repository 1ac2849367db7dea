package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(addr string, port uint16) endpoint { return endpoint{netip.MustParseAddr(addr), port} }

// fakeRoute answers as routers 10.0.0.1, 10.0.0.2 ... and a server behind them
// do: those up to reports speak, and the one numbered drops does not pass on
// what goes to the blocked port.
func fakeRoute(length, reports, drops int, how answer) prober {
	return func(to netip.AddrPort, hops int, _ time.Duration) (hop, error) {
		router := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }
		blocked := to.Port() != 21
		switch {
		case blocked && hops > drops && how == rejected:
			return hop{rejected, router(drops)}, nil
		case blocked && hops > drops:
			return hop{answer: how}, nil
		case hops >= length:
			return hop{answer: arrived}, nil
		case hops <= reports:
			return hop{expired, router(hops)}, nil
		default:
			return hop{answer: silent}, nil
		}
	}
}

func TestBlame(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		length, reports, drops int
		how                    answer
		state                  portState
		want                   side
		why                    string
	}{
		"the client's router drops":         {4, 3, 1, silent, portFiltered, clientSide, "hop 1 of 4 to the server (10.0.0.1)"},
		"the server's router drops":         {4, 3, 3, silent, portFiltered, serverSide, "pass all routers"},
		"the middle drops":                  {4, 3, 2, silent, portFiltered, unknownSide, "hop 2 of 4"},
		"the server drops":                  {4, 3, 4, silent, portFiltered, serverSide, "pass all routers"},
		"far away, near the client":         {20, 19, 3, silent, portFiltered, clientSide, "hop 3 of 20"},
		"far away, near the server":         {20, 19, 17, silent, portFiltered, serverSide, "hop 17 of 20"},
		"no router reports":                 {4, 0, 3, silent, portFiltered, unknownSide, ""},
		"few routers report":                {20, 4, 19, silent, portFiltered, unknownSide, ""},
		"this machine drops":                {4, 3, 0, silent, portFiltered, clientSide, "do not get past the first"},
		"no routers at all":                 {1, 0, 0, silent, portFiltered, unknownSide, ""},
		"the client's router refuses":       {4, 3, 1, refused, portRefused, clientSide, "hop 1 of 4"},
		"the server refuses":                {4, 3, 3, refused, portRefused, serverSide, "the server or the last router"},
		"the client's router rejects":       {4, 3, 1, rejected, portRejected, clientSide, "10.0.0.1, hop 1 of 4"},
		"the server's router rejects":       {4, 3, 3, rejected, portRejected, serverSide, "10.0.0.3, hop 3 of 4"},
		"further than can be measured":      {longestRoute * 3, 0, 0, silent, portFiltered, unknownSide, ""},
		"refused beyond the measured route": {longestRoute * 3, 0, 0, silent, portRefused, serverSide, "in the server's name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := netip.MustParseAddr("192.0.2.1")
			p := &route{prober: fakeRoute(test.length, test.reports, test.drops, test.how), control: netip.AddrPortFrom(server, 21)}
			got := p.blame(t.Context(), knocked{state: test.state, to: netip.AddrPortFrom(server, 40000)}, time.Second)
			if got.side != test.want || !strings.Contains(got.why, test.why) {
				t.Errorf("got %d, %q", got.side, got.why)
			}
		})
	}
}

// A NAT in front of the server has the address that the client knows it by.
func TestBlameOfATranslator(t *testing.T) {
	t.Parallel()
	server := netip.MustParseAddr("192.0.2.1")
	for how, state := range map[answer]portState{refused: portRefused, silent: portFiltered} {
		behind := fakeRoute(4, 3, 2, how)
		probe := func(to netip.AddrPort, hops int, wait time.Duration) (hop, error) {
			h, err := behind(to, hops, wait)
			if h.answer == expired && hops == 3 {
				h.from = server
			}
			return h, err
		}
		p := &route{prober: probe, control: netip.AddrPortFrom(server, 21)}
		got := p.blame(t.Context(), knocked{state: state, to: netip.AddrPortFrom(server, 40000)}, time.Second)
		if got.side != serverSide || !strings.Contains(got.why, "hop 3 of 4") || !strings.Contains(got.why, "does not forward") {
			t.Errorf("%s: got %d, %q", state, got.side, got.why)
		}
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	for length := 1; length <= longestRoute; length++ {
		p := &route{prober: fakeRoute(length, length-1, 0, silent), control: netip.MustParseAddrPort("192.0.2.1:21")}
		p.measure(time.Second)
		if p.length != length || len(p.open) != length-1 {
			t.Errorf("a route of %d hops is measured as %d with %d routers", length, p.length, len(p.open))
		}
	}
}

func TestMayTry(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		other, control string
		want           bool
	}{
		"public to public":     {"198.51.100.1", "192.0.2.1", true},
		"public to private":    {"10.0.0.1", "192.0.2.1", false},
		"public to carrier":    {"100.64.0.1", "192.0.2.1", false},
		"private to private":   {"10.0.0.1", "192.168.0.1", true},
		"private to public":    {"192.0.2.1", "10.0.0.1", true},
		"public to loopback":   {"127.0.0.1", "192.0.2.1", false},
		"private to loopback":  {"127.0.0.1", "10.0.0.1", false},
		"loopback to private":  {"10.0.0.1", "127.0.0.1", false},
		"loopback to loopback": {"127.0.0.2", "127.0.0.1", true},
		"the same":             {"192.0.2.1", "192.0.2.1", false},
		"to nobody":            {"0.0.0.0", "192.0.2.1", false},
		"to many":              {"224.0.0.1", "192.0.2.1", false},
		"to the link":          {"169.254.169.254", "10.0.0.1", false},
	}
	for name, test := range tests {
		if got := (&course{}).mayTry(netip.MustParseAddr(test.other), netip.MustParseAddr(test.control)); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestPortsBecomeRanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ports []uint16
		want  string
	}{
		"in order":     {[]uint16{1, 2, 3, 7}, "1-3,7"},
		"out of order": {[]uint16{65535, 3, 1, 2, 65534}, "1-3,65534-65535"},
		"one":          {[]uint16{9}, "9"},
	}
	for name, test := range tests {
		list := addPort(nil, test.ports[0])
		for _, port := range test.ports[1:] {
			list = addPort(list, port)
		}
		if list.String() != test.want {
			t.Errorf("%s: got %v, want %s", name, list, test.want)
		}
	}
}

func TestSpreadKeepsTheEnds(t *testing.T) {
	t.Parallel()
	got := spread(addPort(addPort(nil, 1), 2), 2)
	if !slices.Equal(got, []uint16{1, 2}) {
		t.Errorf("got %v", got)
	}
	var all []uint16
	for port := range uint16(1000) {
		all = append(all, port+1)
	}
	list := addPort(nil, 1)
	list[0].Last = 1000
	picked := spread(list, 256)
	if len(picked) != 256 || picked[0] != 1 || picked[255] != all[999] || !slices.IsSorted(picked) || len(slices.Compact(picked)) != 256 {
		t.Errorf("got %v", picked)
	}
}
