package doctor

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Logf("not tried on %s: %v", host, err)
			continue
		}
		to := addrPortOf(l.Addr())
		if got, err := sendProbe(to, 1, 5*time.Second); err != nil || got.answer != arrived {
			t.Errorf("%v: got %+v and %v, want arrived", to, got, err)
		}
		l.Close()
		if got, err := sendProbe(to, 1, 5*time.Second); err != nil || got.answer != refused {
			t.Errorf("%v, closed: got %+v and %v, want refused", to, got, err)
		}
	}
}

func FuzzParseComplaint(f *testing.F) {
	expiredV4 := []byte{113, 0, 0, 0, 2, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 10, 0, 0, 1}
	f.Add(expiredV4)
	f.Add([]byte{113, 0, 0, 0, 3, 1})
	if got, ok := parseComplaint(expiredV4); !ok || got != (hop{expired, netip.MustParseAddr("10.0.0.1")}) {
		f.Errorf("got %+v", got)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, ok := parseComplaint(data); ok && h.answer != expired && h.answer != rejected {
			t.Errorf("%x is taken for %+v", data, h)
		}
	})
}
