package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

// troubled is a setup with a finding of each severity on the system.
func troubled() (*setup, *portalloc.System) {
	s := &setup{config: config.Default()}
	s.config.Listeners = []config.Listener{{Address: ":2121"}, {Address: "[::1]:2122"}}
	s.config.Passive.Ports = portalloc.PortList{{First: 900, Last: 900}, {First: 5060, Last: 5060}, {First: 30100, Last: 30100}}
	return s, &portalloc.System{UnprivilegedPortStart: 1024}
}

func TestFindingsNameTheKey(t *testing.T) {
	t.Parallel()
	s, system := troubled()
	s.config.Passive.AdvertisedPorts = portalloc.PortList{{First: 40000, Last: 40001}, {First: 6667, Last: 6667}}
	s.config.Limits.Sessions = 1000
	system.OpenFiles = 1024
	settings := map[string]int{}
	for _, f := range s.findings(system) {
		settings[f.Setting]++
		if f.Problem == "" || f.Remedy == "" {
			t.Errorf("%+v lacks the problem or the remedy", f)
		}
	}
	if settings["passive.ports"] != 3 || settings["passive.advertised_ports"] != 1 || settings["open files"] != 1 {
		t.Errorf("got %v", settings)
	}
	s.config.Passive.Ports = nil
	if got := s.findings(system); got != nil {
		t.Errorf("without passive mode: %v", got)
	}
}

func TestFindingsKnowTheListeners(t *testing.T) {
	t.Parallel()
	s, system := troubled()
	s.config.Passive.Ports = portalloc.PortList{{First: 2122, Last: 2130}}
	got := s.findings(system)
	if len(got) != 1 || got[0].Severity != portalloc.SeverityError || !strings.Contains(got[0].Problem, "2122") {
		t.Errorf("got %+v, want the port of the second listener", got)
	}
}

func TestFindingsAreLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	s, system := troubled()
	logFindings(zap.New(core), s.findings(system))
	var levels []zapcore.Level
	for _, entry := range logs.All() {
		levels = append(levels, entry.Level)
		if fields := entry.ContextMap(); fields["setting"] != "passive.ports" || fields["problem"] == "" || fields["remedy"] == "" {
			t.Errorf("logged %v", fields)
		}
	}
	if len(levels) != 3 || levels[0] != zapcore.ErrorLevel || levels[1] != zapcore.WarnLevel || levels[2] != zapcore.InfoLevel {
		t.Errorf("logged levels %v, want error, warn, info", levels)
	}
}

func TestFindingsInAReport(t *testing.T) {
	t.Parallel()
	s, system := troubled()
	findings := s.findings(system)
	for _, test := range []struct {
		name  string
		bound bool
		want  []string
	}{
		{"ports that could be bound", true, []string{"FAIL  passive ports: passive.ports: 900", "warn  passive ports: passive.ports: 5060", "note  passive ports: passive.ports: 30100"}},
		{"ports that could not", false, []string{"warn  passive ports: ", "note  passive ports: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, out := &report{}, &bytes.Buffer{}
			r.addFindings(findings, test.bound)
			if err := r.print(out); err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
				if i >= len(test.want) || !strings.HasPrefix(line, test.want[i]) {
					t.Errorf("line %d is %q, want %q", i, line, test.want)
				}
			}
			if r.OK() == test.bound {
				t.Errorf("OK is %v with ports that could be bound: %v", r.OK(), test.bound)
			}
		})
	}
}
