package doctor

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// short is the step time-out of tests against servers that do not answer. It is
// long enough for those that do, on a machine with other work.
const short = time.Second

// within bounds an examination: what takes longer has no end.
const within = 60 * time.Second

// targetAt is alice at a plain server.
func targetAt(t *testing.T, address string) Target {
	t.Helper()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return Target{Scheme: SchemeFTP, Host: at.Addr().String(), Port: at.Port(), User: "alice", Password: "correct horse"}
}

// examined runs an examination and checks what holds for each.
func examined(t *testing.T, opts Options) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	d := newDoctor(opts)
	d.bannerWait = 50 * time.Millisecond
	report := d.run(ctx)
	if ctx.Err() != nil {
		t.Errorf("the examination took more than %v", within)
	}
	if len(report.Cases) != 4 {
		t.Errorf("%d cases, want 4", len(report.Cases))
	}
	for _, c := range report.Checks {
		if c.Detail == "" || c.Name == "" || c.Area == "" {
			t.Errorf("a check without a name, area or detail: %+v", c)
		}
		if c.Verdict == Blocked && c.Remedy == "" {
			t.Errorf("a blocked check without a remedy: %v", c)
		}
		if strings.ContainsAny(c.String(), "\r\n\x1b") || strings.Contains(c.String(), opts.Target.Password) {
			t.Errorf("a line that must not be printed: %q", c.String())
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, c := range report.Checks {
				t.Log(c)
			}
		}
	})
	return report
}

// checkNamed finds the first check with a name, in a kind of session if one is
// given.
func checkNamed(t *testing.T, r *Report, name string, security Security) Check {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c Check) bool { return c.Name == name && (security == "" || c.Security == security) })
	if i < 0 {
		t.Fatalf("no check %s %s in %v", name, security, r.Checks)
	}
	return r.Checks[i]
}

func wantCheck(t *testing.T, r *Report, name string, security Security, verdict Verdict, detail string) Check {
	t.Helper()
	c := checkNamed(t, r, name, security)
	if c.Verdict != verdict || !strings.Contains(c.Detail, detail) {
		t.Errorf("got %v\nwant %s %s with %q", c, verdict, name, detail)
	}
	return c
}

func wantCases(t *testing.T, r *Report, want map[Case]Verdict) {
	t.Helper()
	for _, c := range r.Cases {
		if v, named := want[c.Case]; named && v != c.Verdict {
			t.Errorf("%s is %s (%s), want %s", c.Case, c.Verdict, c.Detail, v)
		}
	}
}

func wantExit(t *testing.T, r *Report, want int) {
	t.Helper()
	if r.ExitCode != want {
		t.Errorf("exit code %d, want %d", r.ExitCode, want)
	}
}
