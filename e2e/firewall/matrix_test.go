//go:build linux

package firewall

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// The four ways of an FTP session through a firewall, each through one that
// does not understand FTP and one that does, on the host itself and on its
// router, in clear and under TLS, over IPv4 and IPv6.
func TestFourCases(t *testing.T) {
	t.Parallel()
	need(t)
	for _, side := range []string{"server", "client"} {
		for _, mode := range []string{"active", "passive"} {
			for _, at := range []string{"host", "gateway"} {
				for _, language := range []string{"nftables", "iptables"} {
					t.Run(fmt.Sprintf("%s %s, exact ports, %s at the %s", side, mode, language, at), func(t *testing.T) {
						t.Parallel()
						newCrossing(t, side, mode, at, language).throughExactPorts(t)
					})
					t.Run(fmt.Sprintf("%s %s, understands FTP, %s at the %s", side, mode, language, at), func(t *testing.T) {
						t.Parallel()
						newCrossing(t, side, mode, at, language).throughHelper(t)
					})
				}
			}
		}
	}
}

// crossing is one of the four cases with all that it takes.
type crossing struct {
	*internet
	wall
	side, mode, at string
	config         settings
}

func newCrossing(t *testing.T, side, mode, at, language string) *crossing {
	t.Helper()
	n := newInternet(t)
	c := &crossing{internet: n, wall: n.wallOf(side, at, language), side: side, mode: mode, at: at, config: defaults(t)}
	n.server.serve(t, c.config.file(t))
	n.server.decoy(t)
	n.client.decoy(t)
	c.checkDecoys(t, "without a firewall", true)
	c.closeAll(t)
	c.checkErrands(t, "while everything is dropped", c.errands(false, c.mode == "active"), false)
	return c
}

// throughExactPorts: with the rules for the other mode the control connection
// works, and this case does not; with its own rules it does.
func (c *crossing) throughExactPorts(t *testing.T) {
	config := c.config.file(t)
	c.apply(t, config, "--mode", c.otherMode())
	c.checkErrands(t, "with the rules of the other mode, its own", c.errands(false, c.mode != "active"), true)
	before := c.look(t, "with the rules of the other mode", c.allErrands(), false)

	c.apply(t, config, "--mode", c.mode)
	after := c.look(t, "with its rules", c.allErrands(), true)
	c.checkDecoys(t, "with its rules", false)
	c.checkErrands(t, "with its rules, the other mode", c.errands(false, c.mode != "active"), false)
	c.record("exact ports", before, after)
}

// throughHelper: rules for a server without TLS let the firewall read FTP, and
// leave the case closed under TLS; rules for a server with TLS open it.
func (c *crossing) throughHelper(t *testing.T) {
	plain, tls := c.errands(false, c.mode == "active"), c.errands(true, c.mode == "active")
	c.apply(t, c.config.file(t), "--mode", c.otherMode())
	before := c.look(t, "without the helper", plain, false)

	c.apply(t, c.config.without("tls").file(t), "--mode", c.mode, "--helper")
	after := c.look(t, "with the helper", plain, true)
	beforeTLS := c.look(t, "with the helper alone", tls, false)
	c.checkDecoys(t, "with the helper", false)
	c.record("understands FTP", before, after)

	c.apply(t, c.config.file(t), "--mode", c.mode, "--helper")
	afterTLS := c.look(t, "with the helper and exact ports", tls, true)
	c.checkDecoys(t, "with the helper and exact ports", false)
	c.record("understands FTP", beforeTLS, afterTLS)
}

// seen is what came of an errand, and what the doctor said of its way.
type seen struct {
	works   bool
	verdict string
}

// look does errands and asks the doctor.
func (c *crossing) look(t *testing.T, when string, errands []errand, want bool) map[errand]seen {
	t.Helper()
	through := c.checkErrands(t, when, errands, want)
	verdicts := c.consult(t)
	all := map[errand]seen{}
	for _, e := range errands {
		if got := verdicts[e]; want && len(got) > 0 {
			t.Errorf("%s: %v: the doctor finds %s blocked, which works", when, e, verdict(got))
		} else if !want {
			c.expectBlamed(t, when, e, got)
		}
		all[e] = seen{through[e], verdict(verdicts[e])}
	}
	return all
}

// expectBlamed wants the doctor to name the case. In passive mode it can tell
// the sides apart; in active mode nothing but silence comes to the client.
func (c *crossing) expectBlamed(t *testing.T, when string, e errand, got []string) {
	t.Helper()
	want := []string{c.name()}
	if c.mode == "active" {
		want = []string{"client active", "server active"}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v: the doctor finds %s, want %v", when, e, verdict(got), want)
	}
}

func (c *crossing) record(kind string, before, after map[errand]seen) {
	for e := range before {
		suite.matrix.note(row{
			c.name(), fmt.Sprintf("%s, %s at the %s", kind, c.language, c.at), tlsName(e.tls), familyName(e.host),
			outcome(before[e].works), outcome(after[e].works), before[e].verdict, after[e].verdict,
		})
	}
}

func (c *crossing) otherMode() string {
	return map[string]string{"active": "passive", "passive": "active"}[c.mode]
}

func (c *crossing) name() string { return c.side + " " + c.mode }

// errands are those of one kind of session and one mode, over both families.
func (c *crossing) errands(tls, active bool) []errand {
	return []errand{
		{active: active, tls: tls, host: serverV4, port: controlPort},
		{active: active, tls: tls, host: serverV6, port: controlPort},
	}
}

// allErrands are those of the case.
func (c *crossing) allErrands() []errand {
	return append(c.errands(false, c.mode == "active"), c.errands(true, c.mode == "active")...)
}

// checkErrands does errands at the client, all at once, and returns which of
// them came through.
func (c *crossing) checkErrands(t *testing.T, when string, errands []errand, want bool) map[errand]bool {
	t.Helper()
	outcomes := make([]error, len(errands))
	var all sync.WaitGroup
	for i, e := range errands {
		all.Go(func() { outcomes[i] = e.run(t, c.client) })
	}
	all.Wait()
	through := map[errand]bool{}
	for i, e := range errands {
		through[e] = outcomes[i] == nil
		if through[e] != want {
			t.Errorf("%s: %v: came through: %v, want %v: %v", when, e, through[e], want, outcomes[i])
		}
	}
	return through
}

// consult asks the doctor, who examines each family in both kinds of session.
func (c *crossing) consult(t *testing.T) map[errand][]string {
	t.Helper()
	hosts := []string{serverV4, serverV6}
	reports := make([]*findings, len(hosts))
	var all sync.WaitGroup
	for i, host := range hosts {
		// Both wait on the same port, each in its own family.
		all.Go(func() { reports[i] = c.client.examine(t, host, controlPort) })
	}
	all.Wait()
	verdicts := map[errand][]string{}
	for _, e := range c.allErrands() {
		verdicts[e] = reports[slices.Index(hosts, e.host)].blocked(c.mode, e.tls)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the doctor's reports:\n%s\n%s", reports[0].text, reports[1].text)
		}
	})
	return verdicts
}

// checkDecoys tries what else listens in 1024-65535 on both sides, from the
// other site and from between.
func (c *crossing) checkDecoys(t *testing.T, when string, want bool) {
	t.Helper()
	tries := []struct {
		from *namespace
		to   []string
	}{
		{c.client, []string{serverV4, serverV6}},
		{c.server, []string{clientV4, clientV6}},
		{c.middle, []string{serverV4, serverV6}},
		{c.middle, []string{clientV4, clientV6}},
	}
	var all sync.WaitGroup
	for _, try := range tries {
		// The server may reach every port of its clients: active mode does.
		if try.from == c.server && c.side == "server" && !want {
			continue
		}
		for _, host := range try.to {
			expected := want || !c.crosses(try.from, host)
			all.Go(func() {
				if got := try.from.reaches(t, host, decoyPort); got != expected {
					t.Errorf("%s: the decoy at %s, from %s: reached: %v, want %v", when, host, try.from.name, got, expected)
				}
			})
		}
	}
	all.Wait()
}

// crosses says whether a connection passes the firewall.
func (c *crossing) crosses(from *namespace, host string) bool {
	toServer := host == serverV4 || host == serverV6
	return from != c.middle || toServer == (c.side == "server")
}
