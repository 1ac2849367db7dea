//go:build linux

package firewall

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// doctorTime bounds an examination.
const doctorTime = 100 * time.Second

// findings is what portico doctor reports, as far as it matters here.
type findings struct {
	Checks []struct {
		Check    string
		Area     string
		Security string
		Cases    []string
		Verdict  string
		Detail   string
	}
	text string
}

// examine runs portico doctor on this machine.
func (ns *namespace) examine(t *testing.T, host string, port int) *findings {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), doctorTime)
	defer cancel()
	url := fmt.Sprintf("ftp://%s@%s:%d", userName, urlHost(host), port)
	// An exit code other than 0 is what it finds.
	out, _ := ns.command(ctx, suite.binary, "doctor", "--json", "--timeout", "2s", "--active-port", fmt.Sprint(doctorPort), url).Output()
	f := &findings{text: string(out)}
	if err := json.Unmarshal(out, f); err != nil {
		t.Errorf("portico doctor %s prints no report: %v: %s", url, err, out)
	}
	return f
}

// blocked is where the doctor saw an area blocked in one kind of session: nil
// if it saw that it works, several cases if it could not tell which is blocked.
func (f *findings) blocked(area string, tls bool) []string {
	security := map[bool]string{true: "explicit TLS", false: "plain"}[tls]
	var cases []string
	works := false
	for _, c := range f.Checks {
		if c.Area != area || c.Security != security {
			continue
		}
		works = works || c.Verdict == "ok" && len(c.Cases) > 0
		if c.Verdict == "blocked" {
			cases = append(cases, c.Cases...)
		}
	}
	if len(cases) == 0 && !works {
		return []string{"not tried"}
	}
	slices.Sort(cases)
	return slices.Compact(cases)
}

// verdict is the same in words.
func verdict(cases []string) string {
	if len(cases) == 0 {
		return "open"
	}
	return strings.Join(cases, " or ")
}
