package main

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/config"
)

func TestSessionsEndBeforeOpenFilesDo(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()} // 100 passive ports, one listener
	for _, test := range []struct {
		openFiles uint64
		limit     int
		want      int
	}{{0, 0, 0}, {0, 7, 7}, {1024, 0, 151}, {1024, 151, 151}, {1024, 152, 151}, {1024, 10, 10}, {10, 0, 1}} {
		s.config.Limits.Sessions = test.limit
		if got := s.mostSessions(test.openFiles); got != test.want {
			t.Errorf("%d files, limit %d: %d, want %d", test.openFiles, test.limit, got, test.want)
		}
		r := &report{}
		s.checkOpenFiles(r, test.openFiles)
		warned := len(r.Checks) > 1 && strings.Contains(r.Checks[1].Detail, "limits.sessions: 152 sessions are more than the 151 for which 1024 open files suffice")
		if warned != (test.limit == 152) || len(r.Checks) > 0 != (test.openFiles > 0) {
			t.Errorf("%d files, limit %d: %+v", test.openFiles, test.limit, r.Checks)
		}
	}
}
