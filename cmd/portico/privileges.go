package main

import (
	"fmt"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// firstOrdinaryPort is where the ports begin that every process may bind by
// default.
const firstOrdinaryPort = 1024

// checkPrivileges reports for each control port below 1024 whether this
// process may bind it, and why.
func (s *setup) checkPrivileges(r *report, system portalloc.System) {
	seen := map[uint16]bool{}
	for i, port := range s.controlPorts() {
		if port >= firstOrdinaryPort || seen[port] {
			continue
		}
		seen[port] = true
		right := rightTo(port, system)
		if name := s.sockets.nameOf(s.config.Listeners[i].Address); name != "" {
			right = fmt.Sprintf("handed over by the service manager (socket %q)", name)
		}
		check := fmt.Sprintf("right to port %d", port)
		if right == "" {
			r.Checks = append(r.Checks, outcome{Check: check, OK: true, Severity: portalloc.SeverityNotice.String(),
				Detail: "this process has none of its own: " + lowPortRemedy})
			continue
		}
		r.add(check, right, nil)
	}
}

// rightTo says why this process may bind a port, "" if it may not.
func rightTo(port uint16, system portalloc.System) string {
	switch {
	case system.UnprivilegedPortStart > 0 && int(port) >= system.UnprivilegedPortStart:
		return fmt.Sprintf("every process may bind it (net.ipv4.ip_unprivileged_port_start is %d)", system.UnprivilegedPortStart)
	case system.MayBindPrivileged:
		return "CAP_NET_BIND_SERVICE"
	default:
		return ""
	}
}

// checkActive reports which source port active connections will have.
func (s *setup) checkActive(r *report) {
	if !s.config.Active.Enabled {
		return
	}
	const check = "active source port"
	setting := s.config.Active.SourcePort
	if setting != config.SourcePortAuto {
		r.add(check, string(setting), s.trySourcePort(setting))
		return
	}
	if s.trySourcePort(ftpDataPort) == nil {
		r.add(check, "auto: "+ftpDataPort, nil)
		return
	}
	r.add(check, "auto: any, because this process may not use port "+ftpDataPort+" (if clients' firewalls ask for it, "+sourcePortRemedy+")", nil)
}

// ftpDataPort is where active connections come from by RFC 959 §3.2.
const ftpDataPort = "20"

// trySourcePort makes a server that listens nowhere: that alone tries the
// source port.
func (s *setup) trySourcePort(port config.SourcePort) error {
	users, err := driver.NewUsers(nil, driver.UsersOptions{})
	if err != nil {
		return err
	}
	active := server.Active{}
	if err := active.SourcePort.UnmarshalText([]byte(port)); err != nil {
		return err
	}
	srv, err := server.New(server.Options{Auth: users, Active: active})
	if err != nil {
		return s.sourcePortFault(err)
	}
	return srv.Close()
}
