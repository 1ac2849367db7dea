package main

import (
	"fmt"
	"os"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/portalloc"
)

// keepSlice reduces the passive ports of a valid configuration to those of this
// replica. What a firewall or a load balancer in front of all replicas needs is
// the configuration before that.
func (s *setup) keepSlice(podIndex string) error {
	host, _ := os.Hostname() // empty where the system does not tell: no ordinal then
	var err error
	s.replica, err = s.config.KeepSlice(podIndex, host)
	return err
}

// describeSlice goes on from the list of this process's ports.
func (s *setup) describeSlice() string {
	if s.replica == nil {
		return ""
	}
	return fmt.Sprintf(", the slice of replica %d of the passive ports %v, which have room for %d", s.replica.Ordinal, s.replica.Ports, s.replica.Room)
}

// sliceFindings are about ports that no replica uses.
func (s *setup) sliceFindings() []portalloc.Finding {
	if s.replica == nil || s.replica.Rest.Len() == 0 {
		return nil
	}
	return []portalloc.Finding{{
		Severity: portalloc.SeverityWarning,
		Setting:  "passive.slice_ports",
		Problem:  fmt.Sprintf("no replica uses the passive ports %v, because slices of %d do not divide the %d of %v", s.replica.Rest, s.replica.Size, s.replica.Ports.Len(), s.replica.Ports),
		Remedy:   "take these ports out of passive.ports, or add some for another slice",
	}}
}

// replicaField says in the log which replica this is, if it is one.
func (s *setup) replicaField() zap.Field {
	if s.replica == nil {
		return zap.Skip()
	}
	return zap.Int("replica", s.replica.Ordinal)
}

// replicaOrdinal is the same for the admin interface.
func (s *setup) replicaOrdinal() *int {
	if s.replica == nil {
		return nil
	}
	return &s.replica.Ordinal
}
