package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
)

// report is the outcome of all checks.
type report struct {
	Checks []outcome `json:"checks"`
	// Sandbox is how far the server would be confined. Nil: that was not found
	// out.
	Sandbox *sandboxReport `json:"sandbox,omitempty"`
}

// sandboxReport is the state of the sandbox, for programs.
type sandboxReport struct {
	Level confine.Level `json:"level"`
	confine.State
}

// outcome is that of one check.
type outcome struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Severity is "warning" or "notice" for what does not keep the server from
	// starting but may trouble it later.
	Severity string `json:"severity,omitempty"`
	// Detail is what was found; what is wrong and what to do.
	Detail string `json:"detail,omitempty"`
}

// add adds one outcome, or one for each fault that err joins.
func (r *report) add(check, detail string, err error) {
	if err == nil {
		r.Checks = append(r.Checks, outcome{Check: check, OK: true, Detail: detail})
		return
	}
	for _, fault := range config.Faults(err) {
		r.Checks = append(r.Checks, outcome{Check: check, Detail: fault.Error()})
	}
}

// OK says whether no check failed.
func (r *report) OK() bool {
	for _, o := range r.Checks {
		if !o.OK {
			return false
		}
	}
	return true
}

func (r *report) print(out io.Writer) error {
	var text strings.Builder
	for _, o := range r.Checks {
		fmt.Fprintf(&text, "%s  %s: %s\n", o.verdict(), o.Check, o.Detail)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (o outcome) verdict() string {
	switch {
	case !o.OK:
		return "FAIL"
	case o.Severity == "warning":
		return "warn"
	case o.Severity != "":
		return "note"
	default:
		return "ok  "
	}
}

func (r *report) printJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		OK bool `json:"ok"`
		*report
	}{r.OK(), r})
}
