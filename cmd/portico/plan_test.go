package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/portalloc"
)

func planned(t *testing.T, args ...string) planAnswer {
	t.Helper()
	o := execute(t, "", nil, append([]string{"plan", "--json"}, args...)...)
	o.want(t, 0)
	var answer planAnswer
	if err := json.Unmarshal([]byte(o.stdout), &answer); err != nil {
		t.Fatalf("%v in %s", err, o.stdout)
	}
	return answer
}

// TestPlanPassesEachFlagOn compares with a Load that has the flag's field set.
func TestPlanPassesEachFlagOn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args   string
		change func(*portalloc.Load)
	}{
		"sessions alone":   {"", func(*portalloc.Load) {}},
		"a cycle":          {"--cycle 2s", func(l *portalloc.Load) { l.Cycle *= 2 }},
		"a rate":           {"--rate 70", func(l *portalloc.Load) { l.Rate = 70 }},
		"a slow network":   {"--connect-time 400ms", func(l *portalloc.Load) { l.ConnectTime *= 4 }},
		"many addresses":   {"--busiest-share 0.2", func(l *portalloc.Load) { l.OneAddress = 0.2 }},
		"their own":        {"--busiest-share 0", func(l *portalloc.Load) { l.OneAddress = 0 }},
		"resumption":       {"--resume-share 0.5", func(l *portalloc.Load) { l.Resume = 0.5 }},
		"a short wait":     {"--wait 50ms", func(l *portalloc.Load) { l.Wait /= 100 }},
		"no wait":          {"--wait 0s", func(l *portalloc.Load) { l.Wait = -1 }},
		"patience of most": {"--wait-probability 0.1", func(l *portalloc.Load) { l.Probability = 0.1 }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			load := portalloc.Load{Sessions: 200, OneAddress: 1, Cycle: 1e9, ConnectTime: 1e8, Wait: 5e9, Probability: 0.001}
			plain, err := portalloc.Plan(load)
			if err != nil {
				t.Fatal(err)
			}
			test.change(&load)
			result, err := portalloc.Plan(load)
			if err != nil {
				t.Fatal(err)
			}
			got, want := planned(t, append(strings.Fields(test.args), "--sessions", "200")...), newPlanAnswer(result)
			if text := asText(t, got); text != asText(t, want) {
				t.Errorf("got %s\nwant %s", text, asText(t, want))
			}
			if test.args != "" && asText(t, want) == asText(t, newPlanAnswer(plain)) {
				t.Error("the flag changes nothing, so it shows nothing")
			}
		})
	}
}

func asText(t *testing.T, answer planAnswer) string {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPlanPrintsATable(t *testing.T) {
	t.Parallel()
	answer := planned(t, "--sessions", "200", "--resume-share", "0.1")
	if answer.Ports <= answer.SharedPorts || answer.SharedPorts != 1 || len(answer.Table) < 3 {
		t.Fatalf("got %+v", answer)
	}
	o := execute(t, "", nil, "plan", "--sessions", "200", "--resume-share", "0.1")
	o.want(t, 0, "Ports that are enough:  35\n", "for TLS resumption:     1 of them", "refused with wait 0s", "100%", "<0.0001%")
	if got, want := strings.Count(o.stdout, "%\n"), len(answer.Table); got != want {
		t.Errorf("got %d lines in the table, want %d:\n%s", got, want, o.stdout)
	}
}

func TestPlanNamesWrongFlags(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args string
		want []string
	}{
		"nothing":        {"", []string{"--sessions and --rate are 0: state one of them"}},
		"an argument":    {"200", []string{"unknown command"}},
		"shares":         {"--rate 1 --busiest-share 2 --resume-share -1", []string{"portico: --busiest-share is no share", "portico: --resume-share is no share"}},
		"zeros":          {"--rate 1 --cycle 0s --connect-time 0s --wait-probability 0", []string{"--cycle is 0", "--connect-time is 0", "--wait-probability is 0"}},
		"negative times": {"--sessions 1 --cycle -1s --connect-time -1s", []string{"--cycle is negative", "--connect-time is negative"}},
		"a negative":     {"--sessions -1", []string{"--sessions is negative"}},
		"a probability":  {"--rate 1 --wait-probability 1", []string{"--wait-probability is no probability"}},
		"too much":       {"--rate 10000000", []string{"more than all 65535 ports can bear"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := execute(t, "", nil, append([]string{"plan"}, strings.Fields(test.args)...)...)
			o.want(t, 1, test.want...)
			if strings.Contains(o.stderr, "Load.") || strings.Contains(o.stderr, "portalloc") {
				t.Errorf("the fault speaks to programmers:\n%s", o.stderr)
			}
		})
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	for probability, want := range map[float64]string{0: "0%", 1e-9: "<0.0001%", 0.000012: "0.0012%", 0.0123: "1.2%", 0.0999: "10%", 0.5: "50%", 1: "100%"} {
		if got := percent(probability); got != want {
			t.Errorf("percent(%v) = %q, want %q", probability, got, want)
		}
	}
}
