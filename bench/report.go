//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
)

// row is one line of the report.
type row struct {
	what, figure, target string
	verdict              verdict
}

// verdict says whether a figure meets its target.
type verdict string

const (
	unjudged verdict = ""
	met      verdict = "met"
	missed   verdict = "MISSED"
)

func judge(good bool) verdict {
	if good {
		return met
	}
	return missed
}

// report prints a Markdown table. A missed target is no error: the machine may
// be busy, and the reader decides.
func report(w io.Writer, rows []row) error {
	var text strings.Builder
	text.WriteString("| Measured | Figure | Target | |\n|---|---:|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", r.what, r.figure, r.target, r.verdict)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
