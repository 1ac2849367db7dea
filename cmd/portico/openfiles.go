package main

import (
	"fmt"

	"github.com/portico-ftp/portico/portalloc"
)

// mostSessions is limits.sessions, or what the open files of the process
// suffice for if that is less: a session that is refused with 421 is better than
// transfers that fail. Go has raised the limit of open files to the hard one
// before main begins. 0 open files are not known.
func (s *setup) mostSessions(openFiles uint64) int {
	limit := s.config.Limits.Sessions
	if openFiles == 0 {
		return limit
	}
	suffice := portalloc.MostSessions(openFiles, s.config.Passive.Ports.Len()+len(s.config.Listeners))
	if limit == 0 {
		return suffice
	}
	return min(limit, suffice)
}

func (s *setup) checkOpenFiles(r *report, openFiles uint64) {
	if openFiles == 0 {
		return
	}
	most := s.mostSessions(openFiles)
	r.add("open files", fmt.Sprintf("%d; more than %d sessions at one time are refused (421)", openFiles, most), nil)
	if limit := s.config.Limits.Sessions; limit > most {
		r.Checks = append(r.Checks, outcome{Check: "open files", OK: true, Severity: "warning", Detail: s.fault("limits.sessions",
			"%d sessions are more than the %d for which %d open files suffice: %s", limit, most, openFiles, openFilesRemedy).Error()})
	}
}
