package doctor

import (
	"bytes"
	"os"
	"testing"

	"github.com/portico-ftp/portico/portalloc"
)

// sampleReport has every field that there is.
func sampleReport() *Report {
	r := &Report{Target: "ftp://alice@ftp.example.org:21", Server: "Ready", Complete: true, Checks: []Check{
		{Name: "connect", Area: AreaControl, Family: IPv4, Security: Plain, Cases: []Case{Control}, Verdict: OK, Detail: "connected"},
		{Name: "epsv", Area: AreaPassive, Family: IPv4, Security: Plain, Cases: passiveCases(), Verdict: Blocked, Detail: "filtered <here>", Remedy: "open it"},
		{Name: "passive-ports", Area: AreaPassive, Family: IPv4, Security: Plain, Cases: []Case{ServerPassive}, Verdict: Blocked, Detail: "some are not",
			Ports: map[string]portalloc.PortList{"open": {{First: 21100, Last: 21101}}, "filtered": {{First: 21102, Last: 21102}}}, Remedy: "open them"},
		{Name: "eprt", Area: AreaActive, Family: IPv4, Security: Plain, Cases: activeCases(), Verdict: OK, Detail: "came"},
		{Name: "tls-reuse", Area: AreaTransfer, Cases: []Case{}, Verdict: Skipped, Detail: "no TLS"},
	}}
	r.Cases, r.ExitCode = r.judgeCases(), r.exitCode()
	return r
}

// The JSON format may grow; what there is stays.
func TestJSON(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := sampleReport().WriteJSON(&got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant testdata/report.json", &got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	want := "blocked  epsv            IPv4 plain         server passive or client passive filtered <here> => open it"
	if got := r.Checks[1].String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	var summary bytes.Buffer
	if err := r.WriteSummary(&summary); err != nil {
		t.Fatal(err)
	}
	want = `ok       server active   works: eprt
blocked  server passive  passive-ports: some are not => open them
ok       client active   works: eprt
skipped  client passive  cannot be judged while server passive is blocked
`
	if summary.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &summary, want)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	reached := Check{Name: "connect", Area: AreaControl, Family: IPv4, Security: Plain, Verdict: OK}
	with := func(checks ...Check) []Check { return append([]Check{reached}, checks...) }
	tests := map[string]struct {
		checks []Check
		want   int
	}{
		"nothing":                  {nil, ExitControl},
		"reached":                  {with(), ExitOK},
		"skipped":                  {with(Check{Area: AreaPassive, Verdict: Skipped}), ExitOK},
		"reached but not greeted":  {with(Check{Name: "greeting", Family: IPv4, Security: Plain, Verdict: Blocked}), ExitControl},
		"one family unreachable":   {with(Check{Name: "connect", Area: AreaControl, Family: IPv6, Verdict: Blocked}), ExitFinding},
		"login":                    {with(Check{Area: AreaPassive, Verdict: Blocked}, Check{Area: AreaLogin, Verdict: Blocked}), ExitLogin},
		"passive before active":    {with(Check{Area: AreaActive, Verdict: Blocked}, Check{Area: AreaPassive, Verdict: Blocked}), ExitPassive},
		"active":                   {with(Check{Area: AreaActive, Verdict: Blocked}, Check{Area: AreaTransfer, Verdict: Blocked}), ExitActive},
		"transfer":                 {with(Check{Area: AreaTransfer, Verdict: Blocked}), ExitFinding},
		"a warning, also of these": {with(Check{Area: AreaPassive, Verdict: Warn}), ExitFinding},
	}
	for name, test := range tests {
		if got := (&Report{Checks: test.checks, Complete: true}).exitCode(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	if got := (&Report{Checks: with()}).exitCode(); got != ExitFinding {
		t.Errorf("incomplete: %d, want %d", got, ExitFinding)
	}
}

// What works in clear and not under TLS betrays a firewall that reads along.
func TestHelperIsNamed(t *testing.T) {
	t.Parallel()
	r := &Report{Checks: []Check{
		{Name: "epsv", Area: AreaPassive, Family: IPv4, Security: Plain, Cases: passiveCases(), Verdict: OK, Detail: "opens"},
		{Name: "epsv", Area: AreaPassive, Family: IPv4, Security: ExplicitTLS, Cases: []Case{ServerPassive}, Verdict: Blocked, Detail: "filtered", Remedy: "open", unconnected: true},
	}}
	for _, c := range r.judgeCases() {
		if c.Case == ServerPassive && (c.Verdict != Blocked || !bytes.Contains([]byte(c.Detail), []byte("understands FTP"))) {
			t.Errorf("got %+v", c)
		}
	}
}
