package main

import (
	"net"
	"strconv"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/portico-ftp/portico/portalloc"
)

// findings are what will trouble the passive ports although they can be bound.
// A nil system is this machine.
func (s *setup) findings(system *portalloc.System) []portalloc.Finding {
	passive := s.config.Passive
	if passive.Ports.Len() == 0 {
		return nil
	}
	if n := s.sockets.passive(func(port uint16) bool { return port < firstOrdinaryPort && passive.Ports.Contains(port) }); n > 0 {
		system = withPrivileges(system)
	}
	findings := portalloc.Check(portalloc.CheckOptions{
		Ports:           passive.Ports,
		AdvertisedPorts: passive.AdvertisedPorts,
		ControlPorts:    s.controlPorts(),
		Sessions:        max(0, s.config.Limits.Sessions),
		System:          system,
	})
	for i := range findings {
		findings[i].Setting = findingSetting(findings[i].Setting)
	}
	return append(findings, s.sliceFindings()...)
}

// withPrivileges is the machine as it looks to somebody whose low ports are
// bound already.
func withPrivileges(system *portalloc.System) *portalloc.System {
	privileged := portalloc.ReadSystem()
	if system != nil {
		privileged = *system
	}
	privileged.MayBindPrivileged = true
	return &privileged
}

// findingSetting is the key behind a word of portalloc's, if there is one.
func findingSetting(word string) string {
	switch word {
	case "ports":
		return "passive.ports"
	case "advertised ports":
		return "passive.advertised_ports"
	default:
		return word
	}
}

func (s *setup) controlPorts() []uint16 {
	var ports []uint16
	for _, l := range s.config.Listeners {
		_, port, _ := net.SplitHostPort(l.Address)
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}

func logFindings(log *zap.Logger, findings []portalloc.Finding) {
	for _, f := range findings {
		log.Log(findingLevel(f.Severity), "passive ports may fail",
			zap.String("setting", f.Setting), zap.String("problem", f.Problem), zap.String("remedy", f.Remedy))
	}
}

func findingLevel(severity portalloc.Severity) zapcore.Level {
	switch severity {
	case portalloc.SeverityNotice:
		return zapcore.InfoLevel
	case portalloc.SeverityError:
		return zapcore.ErrorLevel
	default:
		return zapcore.WarnLevel
	}
}

// addFindings reports what was found. Errors are left out where binding has
// failed: that says the same.
func (r *report) addFindings(findings []portalloc.Finding, bound bool) {
	for _, f := range findings {
		detail := f.Setting + ": " + f.Problem + ": " + f.Remedy
		switch f.Severity {
		case portalloc.SeverityError:
			if bound {
				r.Checks = append(r.Checks, outcome{Check: "passive ports", Detail: detail})
			}
		default:
			r.Checks = append(r.Checks, outcome{Check: "passive ports", OK: true, Severity: f.Severity.String(), Detail: detail})
		}
	}
}
