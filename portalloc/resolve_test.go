package portalloc

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestHostNamesAreResolvedAgain(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
	rules := []AddressRule{{Address: "ftp.example.org"}, {Address: "FTP.example.org."}}
	withAdvertiser(t, rules, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
		dns.set(func(d *fakeDNS) { d.answers["ftp.example.org"] = addrs("203.0.113.2") })
		time.Sleep(time.Minute - time.Nanosecond)
		synctest.Wait()
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.2")
		if dns.asked != 2 {
			t.Errorf("%d look-ups; want 2: both rules name one host", dns.asked)
		}
	})
}

func TestTheAddressStaysWhileItIsAmongTheAnswers(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1", "203.0.113.2")}}
	withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, logs *observer.ObservedLogs) {
		dns.set(func(d *fakeDNS) { slices.Reverse(d.answers["ftp.example.org"]) })
		time.Sleep(time.Minute)
		synctest.Wait()
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
		if n := logs.Len(); n != 1 {
			t.Errorf("%d messages; want the first answer's alone", n)
		}
	})
}

func TestTheLastGoodAnswerIsKept(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
	withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, logs *observer.ObservedLogs) {
		resolved := time.Now()
		broken := errors.New("the resolver is down")
		dns.set(func(d *fakeDNS) { d.err = broken })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
		s := a.Status()[0]
		if !errors.Is(s.Err, broken) || !s.ResolvedAt.Equal(resolved) || !s.FailingSince.Equal(resolved.Add(time.Minute)) {
			t.Errorf("status %+v; want the failure since a minute after the answer", s)
		}
		if n := logs.FilterLevelExact(zap.WarnLevel).Len(); n != 1 {
			t.Errorf("%d warnings of many failures; want 1", n)
		}
		dns.set(func(d *fakeDNS) { d.err = nil })
		time.Sleep(retryAfter)
		synctest.Wait()
		if s := a.Status()[0]; s.Err != nil || !s.FailingSince.IsZero() || !s.ResolvedAt.Equal(time.Now()) {
			t.Errorf("status %+v; want a good answer soon after the resolver is back", s)
		}
		if n := logs.Len(); n != 3 {
			t.Errorf("%d messages; want one for each change: resolved, failing, resolved", n)
		}
	})
}

func TestNameThatNeverResolves(t *testing.T) {
	for name, answer := range map[string][]netip.Addr{
		"no such host":          nil,
		"an empty answer":       {},
		"an unspecified answer": addrs("0.0.0.0", "::"),
	} {
		t.Run(name, func(t *testing.T) {
			dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": answer}}
			withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
				wantAddr(t, a, "198.51.100.1", "10.0.0.1", "")
				if s := a.Status()[0]; s.Err == nil || !s.ResolvedAt.IsZero() || len(s.Addresses) != 0 {
					t.Errorf("status %+v; want a failure and no address", s)
				}
				_, err := a.Addr(netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("10.0.0.1"))
				if err == nil || !strings.Contains(err.Error(), "ftp.example.org") {
					t.Errorf("the error %v does not name the host", err)
				}
			})
		})
	}
}

func TestNameWithoutAnAddressOfTheClientsFamily(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"six.example": addrs("2001:db8::1")}}
	withAdvertiser(t, []AddressRule{{Address: "six.example"}}, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "")
		wantAddr(t, a, "2001:db8:7::1", "2001:db8::9", "2001:db8::1")
	})
}

func TestASlowResolverDelaysTheStartForAWhileOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dns := &fakeDNS{slow: 5 * time.Second, answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
		start := time.Now()
		a, err := NewAdvertiser([]AddressRule{{Address: "ftp.example.org"}}, AdvertiserOptions{Lookup: dns.lookup})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if waited := time.Since(start); waited != firstLookupWait {
			t.Errorf("NewAdvertiser took %v; want %v", waited, firstLookupWait)
		}
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
	})
}

func TestCloseOfAnAdvertiserEndsALookUp(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
	withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		dns.set(func(d *fakeDNS) { d.slow = time.Hour })
		time.Sleep(time.Minute)
		synctest.Wait()
		start := time.Now()
		a.Close()
		a.Close()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close took %v", waited)
		}
		if s := a.Status()[0]; s.Err != nil {
			t.Errorf("Close counts as a failure: %v", s.Err)
		}
		wantAddr(t, a, "198.51.100.1", "10.0.0.1", "203.0.113.1")
	})
}

func TestALookUpHasATimeout(t *testing.T) {
	dns := &fakeDNS{answers: map[string][]netip.Addr{"ftp.example.org": addrs("203.0.113.1")}}
	withAdvertiser(t, []AddressRule{{Address: "ftp.example.org"}}, dns, func(t *testing.T, a *Advertiser, _ *observer.ObservedLogs) {
		dns.set(func(d *fakeDNS) { d.slow = time.Hour })
		time.Sleep(time.Minute + lookupTimeout)
		synctest.Wait()
		if s := a.Status()[0]; !errors.Is(s.Err, context.DeadlineExceeded) {
			t.Errorf("status %+v; want a look-up that has timed out", s)
		}
	})
}
