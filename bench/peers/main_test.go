//go:build linux

package main

import (
	"io"
	"slices"
	"testing"
	"time"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []string{"list-10000", "list-100000", "logins", "Portico"}
	for list, want := range map[string][]string{
		"":                all,
		"list":            {"list-10000", "list-100000"},
		"list-10000":      {"list-10000"}, // a whole name is no beginning
		"portico,logins":  {"logins", "Portico"},
		"LOG,list-100000": {"list-100000", "logins"},
	} {
		got, err := choose(all, func(s string) string { return s }, list)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("choose %q: %q, %v, want %q", list, got, err, want)
		}
	}
	for _, bad := range []string{"nothing", "logins,", "logins,lists"} {
		if got, err := choose(all, func(s string) string { return s }, bad); err == nil {
			t.Errorf("choose %q: %q, want an error", bad, got)
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, r := range rows(20_000) {
		if r.name == "" || r.title == "" || len(r.metrics) == 0 || seen[r.name] {
			t.Errorf("row %q (%q) lacks a name, a title or figures, or is there twice", r.name, r.title)
		}
		seen[r.name] = true
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-quick"}, nil, io.Discard)
	if err != nil || o.rounds != 1 || o.window >= time.Second {
		t.Errorf("-quick: %d rounds of %v, %v, want 1 short one", o.rounds, o.window, err)
	}
	for _, bad := range [][]string{{"-rounds", "0"}, {"-window", "-1s"}, {"-nothing"}} {
		if _, err := parse(bad, nil, io.Discard); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
