//go:build linux

package firewall

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// matrix collects the outcomes. The zero value is ready.
type matrix struct {
	mu   sync.Mutex // guards rows
	rows []row
}

// row is one outcome.
type row struct {
	what, firewall, tls, family              string
	before, after, doctorBefore, doctorAfter string
}

// note adds a row.
func (m *matrix) note(r row) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows = append(m.rows, r)
}

// print writes the rows in order. Rows that differ in the family alone are one.
func (m *matrix) print(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) == 0 {
		return
	}
	families := map[row][]string{}
	for _, r := range m.rows {
		key := r
		key.family = ""
		families[key] = append(families[key], r.family)
	}
	var lines []string
	for r, names := range families {
		slices.Sort(names)
		columns := []string{r.what, r.firewall, r.tls, strings.Join(slices.Compact(names), ", "), r.before, r.after, r.doctorBefore, r.doctorAfter}
		lines = append(lines, strings.Join(columns, "\t"))
	}
	slices.Sort(lines)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nCASE\tFIREWALL\tTLS\tFAMILY\tBEFORE\tAFTER\tDOCTOR BEFORE\tDOCTOR AFTER")
	for _, line := range lines {
		fmt.Fprintln(table, line)
	}
	_ = table.Flush()
}

func tlsName(tls bool) string {
	if tls {
		return "TLS"
	}
	return "plain"
}

func familyName(host string) string {
	if strings.Contains(host, ":") {
		return "IPv6"
	}
	return "IPv4"
}

func outcome(works bool) string {
	if works {
		return "works"
	}
	return "blocked"
}
