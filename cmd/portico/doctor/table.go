package doctor

import (
	"fmt"
	"io"
	"strings"
)

// String is the check as one line of a table.
func (c Check) String() string {
	where := strings.TrimSpace(fmt.Sprintf("%s %s", c.Family, c.Security))
	return tableLine(c.Verdict, c.Name, where, joinCases(c), c.Detail, c.Remedy)
}

// joinCases: a check that failed in one of several cases says "or".
func joinCases(c Check) string {
	names := make([]string, len(c.Cases))
	for i, name := range c.Cases {
		names[i] = string(name)
	}
	separator := ", "
	if c.Verdict == Blocked {
		separator = " or "
	}
	return strings.Join(names, separator)
}

// WriteSummary writes what the checks say about the four cases.
func (r *Report) WriteSummary(out io.Writer) error {
	var text strings.Builder
	for _, c := range r.Cases {
		fmt.Fprintln(&text, strings.TrimRight(fmt.Sprintf("%-8s %-15s %s", c.Verdict, c.Case, withRemedy(c.Detail, c.Remedy)), " "))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// TableHeader stands over the lines of checks.
func TableHeader() string {
	return "VERDICT  CHECK           SESSION            CASE                             DETAIL"
}

func tableLine(verdict Verdict, name, where, cases, detail, remedy string) string {
	return strings.TrimRight(fmt.Sprintf("%-8s %-15s %-18s %-32s %s", verdict, name, where, cases, withRemedy(detail, remedy)), " ")
}

func withRemedy(detail, remedy string) string {
	if remedy == "" {
		return detail
	}
	return detail + " => " + remedy
}
