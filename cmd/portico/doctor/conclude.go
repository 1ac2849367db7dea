package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// judgeCases says for each of the four cases what all checks together say.
func (r *Report) judgeCases() []CaseResult {
	results := make([]CaseResult, 0, len(fourCases()))
	for _, name := range fourCases() {
		results = append(results, r.judgeCase(name))
	}
	return results
}

func (r *Report) judgeCase(name Case) CaseResult {
	about := func(verdict Verdict, certain bool) *Check {
		i := slices.IndexFunc(r.Checks, func(c Check) bool {
			return c.Verdict == verdict && slices.Contains(c.Cases, name) && (!certain || len(c.Cases) == 1)
		})
		if i < 0 {
			return nil
		}
		return &r.Checks[i]
	}
	works := about(OK, false)
	if sure := about(Blocked, true); sure != nil {
		return CaseResult{name, Blocked, r.whereBlocked(sure, works), sure.Remedy}
	}
	if unsure := about(Blocked, false); unsure != nil && r.blamed(unsure) == nil {
		detail := fmt.Sprintf("here or in %s: %s", otherCase(unsure, name), r.whereBlocked(unsure, works))
		return CaseResult{name, Blocked, detail, unsure.Remedy}
	}
	if doubt := about(Warn, false); doubt != nil {
		return CaseResult{name, Warn, fmt.Sprintf("%s: %s", doubt.Name, doubt.Detail), doubt.Remedy}
	}
	if works != nil {
		return CaseResult{name, OK, "works: " + r.working(name), ""}
	}
	if other := r.blockedBeside(name); other != nil {
		return CaseResult{name, Skipped, fmt.Sprintf("cannot be judged while %s is blocked", other.Cases[0]), ""}
	}
	if skipped := about(Skipped, false); skipped != nil {
		return CaseResult{name, Skipped, fmt.Sprintf("%s: %s", skipped.Name, skipped.Detail), ""}
	}
	return CaseResult{name, Skipped, "not tried: no session came so far", ""}
}

// working are the names of the checks that found a case in order.
func (r *Report) working(name Case) string {
	var names []string
	for _, c := range r.Checks {
		if c.Verdict == OK && slices.Contains(c.Cases, name) && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// whereBlocked adds what works in clear and does not under TLS: then something
// on the way reads the control connection.
func (r *Report) whereBlocked(blocked, works *Check) string {
	detail := fmt.Sprintf("%s: %s", blocked.Name, blocked.Detail)
	if blocked.unconnected && works != nil && works.Security == Plain && blocked.Security != Plain && blocked.Family == works.Family {
		detail += "; in clear it works, so a firewall on the way understands FTP, and cannot read it under TLS"
	}
	return detail
}

// blamed finds a check of the same area and kind of session that knows in which
// case it was blocked, so that one that does not know need not guess.
func (r *Report) blamed(unsure *Check) *Check {
	i := slices.IndexFunc(r.Checks, func(c Check) bool {
		return c.Verdict == Blocked && c.Area == unsure.Area && len(c.Cases) == 1 && c.Family == unsure.Family && c.Security == unsure.Security
	})
	if i < 0 {
		return nil
	}
	return &r.Checks[i]
}

// blockedBeside finds what keeps the other side of the same mode from being
// seen.
func (r *Report) blockedBeside(name Case) *Check {
	for _, pair := range [][]Case{passiveCases(), activeCases()} {
		if !slices.Contains(pair, name) {
			continue
		}
		for i, c := range r.Checks {
			if c.Verdict == Blocked && len(c.Cases) == 1 && c.Cases[0] != name && slices.Contains(pair, c.Cases[0]) {
				return &r.Checks[i]
			}
		}
	}
	return nil
}

func otherCase(c *Check, name Case) Case {
	for _, other := range c.Cases {
		if other != name {
			return other
		}
	}
	return name
}

// exitCode is the first that applies.
func (r *Report) exitCode() int {
	has := func(verdict Verdict, area Area) bool {
		return slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Verdict == verdict && c.Area == area })
	}
	switch {
	case !slices.ContainsFunc(r.Checks, r.isReached):
		return ExitControl
	case has(Blocked, AreaLogin):
		return ExitLogin
	case has(Blocked, AreaPassive):
		return ExitPassive
	case has(Blocked, AreaActive):
		return ExitActive
	case !r.Complete, slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Verdict == Blocked || c.Verdict == Warn }):
		return ExitFinding
	default:
		return ExitOK
	}
}

// isReached says whether a check found a server at an address that also greeted,
// or could not because of TLS.
func (r *Report) isReached(c Check) bool {
	if c.Name != string(stageConnect) || c.Verdict != OK {
		return false
	}
	return !slices.ContainsFunc(r.Checks, func(g Check) bool {
		return g.Name == string(stageGreeting) && g.Verdict == Blocked && g.Family == c.Family && g.Security == c.Security
	})
}
