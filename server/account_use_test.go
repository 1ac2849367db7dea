package server

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server/pace"
)

func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1":                 "192.0.2.1/32",
		"2001:db8:1:2:3:4:5:6":      "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1%eth0": "2001:db8:1:2::/64",
		"::1":                       "::/64",
	} {
		if got := networkOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
	networkOf(netip.Addr{}) // of a connection that is not TCP
}

func TestAccountUsesAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	uses := newAccountUses(Limits{}, nil)
	alice, bob := &driver.Account{Name: "alice"}, &driver.Account{Name: "bob"}
	use := uses.enter(nil, alice, now)
	if again := uses.enter(nil, alice, now); again != use {
		t.Error("two sessions of one account have nothing in common")
	}
	uses.leave(use, now)
	other := uses.enter(nil, bob, now)
	uses.leave(use, now)
	uses.leave(other, now)
	if len(uses.uses) != 0 || len(uses.left) != 0 {
		t.Errorf("%d accounts are remembered, %d listed; want none", len(uses.uses), len(uses.left))
	}
}

// Whoever logs in again finds the bandwidth as used up as it was.
func TestANewLoginIsNoNewAllowance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		uses := newAccountUses(Limits{}, nil)
		account := &driver.Account{Name: "alice", Limits: driver.Limits{DownloadRate: 1000}}
		first := uses.enter(nil, account, time.Now())
		uses.leave(first, time.Now())
		if len(uses.uses) != 0 {
			t.Fatal("an account is remembered whose bandwidth nobody has used")
		}
		second := uses.enter(nil, account, time.Now())
		flow := pace.NewFlow(second.links.down)
		n, _ := flow.Await(t.Context(), 4000)
		flow.Spend(n)
		flow.Close()
		for range 3 {
			uses.leave(second, time.Now())
			time.Sleep(time.Second)
			if again := uses.enter(nil, account, time.Now()); again != second {
				t.Fatal("a new login has a new allowance")
			}
		}
		uses.leave(second, time.Now())
		if n := len(uses.left); n != 1 {
			t.Errorf("the account is listed %d times, want once", n)
		}
		time.Sleep(2 * time.Second)
		account.Limits.DownloadRate = 0
		if third := uses.enter(nil, account, time.Now()); third == second || third.links.down != nil {
			t.Error("the account is remembered for ever, or has a limit that it had")
		}
	})
}

// Sessions of other servers count, and whoever is refused because of them is not
// counted here.
func TestAccountsAreCountedTogether(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	others := &otherServers{taken: map[string]int{"/alice": 1}}
	uses := newAccountUses(Limits{SessionsPerUser: 2}, others)
	alice := &driver.Account{Name: "alice"}
	host := &VirtualHost{Name: "FTP.example.org", Auth: refuseAll{}}
	first, elsewhere := uses.enter(nil, alice, now), uses.enter(host, alice, now)
	if first == nil || elsewhere == nil {
		t.Fatal("a session within the limit is refused")
	}
	for range 3 {
		if uses.enter(nil, alice, now) != nil {
			t.Error("a session more than the limit")
		}
	}
	if first.sessions != 1 || others.taken["/alice"] != 2 || others.taken["ftp.example.org/alice"] != 1 {
		t.Errorf("%d sessions here, %v together", first.sessions, others.taken)
	}
	uses.leave(first, now)
	if others.taken["/alice"] != 1 || uses.enter(nil, alice, now) == nil {
		t.Error("a session that is over counts")
	}
}

type otherServers struct{ taken map[string]int }

func (o *otherServers) Enter(account string, limit int) bool {
	if limit > 0 && o.taken[account] >= limit {
		return false
	}
	o.taken[account]++
	return true
}

func (o *otherServers) Leave(account string) { o.taken[account]-- }

type refuseAll struct{}

func (refuseAll) Authenticate(context.Context, driver.Attempt) (*driver.Account, error) {
	return nil, driver.ErrDenied
}
