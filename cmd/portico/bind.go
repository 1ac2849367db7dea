package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/shared"
)

// service is a server that has bound its ports, with the parts it borrows.
type service struct {
	server  *server.Server
	shared  *shared.State // nil: this server is alone
	defence *defence      // nil before it was opened
	hooks   hooks
	logs    *logs
	log     *zap.Logger           // the ordinary one
	inForce atomic.Pointer[parts] // nil before bind has succeeded
	retired retired

	administration     *administration // nil: off
	stopAdministration func()

	readiness readiness
	handover  *handover // nil: it cannot be replaced
	sandbox   confine.State
	openFiles uint64 // that the process may have. 0: not known
}

// bind makes the server and binds all its ports. Its error joins everything
// that could not be bound; nothing is bound then. The caller closes the
// service.
func (s *setup) bind(logs *logs) (*service, error) {
	log := logs.ordinary
	service := &service{logs: logs, log: log, openFiles: portalloc.ReadSystem().OpenFiles}
	var err error
	if service.shared, err = s.openShared(log); err != nil {
		return nil, err
	}
	if service.defence, err = s.openDefence(logs, service.shared); err != nil {
		service.close()
		return nil, err
	}
	opened, options, err := s.openParts(service, nil)
	if err != nil {
		service.close()
		return nil, err
	}
	var faults []error
	opened.ports, err = s.bindPassive(log, service.defence.observeRefusal)
	faults = append(faults, err)
	options.Ports = opened.ports
	service.server, err = s.bindControl(options)
	if err == nil && service.shared != nil {
		service.shared.FollowTicketKeys(service.server.SetTicketKeys)
	}
	faults = append(faults, s.administration.listen(s))
	if err == nil { // otherwise not every listener had its turn
		err = s.sockets.unused()
	}
	faults = append(faults, err)
	if errors.Join(faults...) == nil {
		_, err = service.hooks.replace(s, log)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		s.administration.close()
		service.close()
		opened.close(log)
		s.sockets.close()
		return nil, err
	}
	service.inForce.Store(opened)
	service.administration = s.administration
	s.recordConfig(service.defence, "start")
	return service, nil
}

// now are the parts of the configuration in force.
func (s *service) now() *parts { return s.inForce.Load() }

// observe is the server's OnEvent.
func (s *service) observe(e server.Event) {
	s.logs.transfer(e)
	s.hooks.notify(e)
}

// close ends the sessions that are left and gives all ports back.
func (s *service) close() {
	s.administration.close()
	if s.server != nil {
		s.server.Close()
	}
	s.hooks.close(context.Background(), leastHookTime, s.log) // nothing to do after a shutdown
	if parts := s.now(); parts != nil {
		parts.close(s.log)
	}
	s.retired.close()
	if s.defence != nil {
		s.defence.close()
	}
	if s.shared != nil {
		s.shared.Close()
	}
}

func (s *setup) bindPassive(log *zap.Logger, onRefused func(portalloc.Refusal)) (*portalloc.Allocator, error) {
	if s.config.Passive.Ports.Len() == 0 {
		return nil, nil
	}
	options := allocatorOptions(s.config)
	options.Logger, options.Listen, options.OnRefused = log, s.sockets.listenPort, onRefused
	options.Suspended = s.sockets.suspended()
	s.administration.hookPorts(&options)
	ports, err := portalloc.New(options)
	if err != nil {
		return nil, s.fault("passive.ports", "%s (--passive-ports)%s", withoutPackage(err), passiveRemedy(err))
	}
	return ports, nil
}

// passiveRemedy adds to what portalloc suggests what only a program can know.
func passiveRemedy(err error) string {
	switch {
	case errors.Is(err, syscall.EACCES):
		return ": " + lowPortRemedy
	case errors.Is(err, syscall.EMFILE):
		return ": " + openFilesRemedy
	default:
		return ""
	}
}

func (s *setup) newAdvertiser(log *zap.Logger) (*portalloc.Advertiser, error) {
	advertise, err := portalloc.NewAdvertiser(addressRules(s.config), portalloc.AdvertiserOptions{Logger: log})
	if err != nil {
		return nil, s.fault("passive.public_address", "%s", withoutPackage(err))
	}
	return advertise, nil
}

// withoutPackage drops the name of the package that an error starts with: the
// key before it says more.
func withoutPackage(err error) string {
	text := strings.TrimPrefix(err.Error(), "portalloc: ")
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(text, "server: "), "notify: "), "shared: ")
}

func (s *setup) bindControl(options server.Options) (*server.Server, error) {
	srv, err := server.New(options)
	if err != nil {
		return nil, s.sourcePortFault(err)
	}
	if err := srv.Listen(); err != nil {
		return nil, errors.Join(s.listenFault(err), srv.Close())
	}
	return srv, nil
}

// sourcePortFault names the setting behind what server.New asks the system.
func (s *setup) sourcePortFault(err error) error {
	var refused *net.OpError
	if !errors.As(err, &refused) {
		return err
	}
	return s.fault("active.source_port", "this process may not use port %s: %v: write auto or ephemeral, or %s",
		s.config.Active.SourcePort, refused.Err, sourcePortRemedy)
}

// listenFault names the listener that could not be bound.
func (s *setup) listenFault(err error) error {
	var refused *net.OpError
	if errors.As(err, &refused) && refused.Addr != nil {
		_, port, _ := net.SplitHostPort(refused.Addr.String())
		for i, l := range s.config.Listeners {
			if _, p, _ := net.SplitHostPort(l.Address); p == port {
				return s.listenerFault(i, err)
			}
		}
	}
	return s.fault("listeners", "%s: %s", withoutPackage(err), bindRemedy(err, "the address (--listen)"))
}

// listenerFault says why one listener could not be bound and what to do.
func (s *setup) listenerFault(index int, err error) error {
	address := s.config.Listeners[index].Address
	reason := err
	var refused *net.OpError
	if errors.As(err, &refused) {
		reason = refused.Err
	}
	who := ""
	if _, port, _ := net.SplitHostPort(address); errors.Is(err, syscall.EADDRINUSE) {
		who = holder(port)
	}
	key := fmt.Sprintf("listeners[%d].address", index)
	return s.fault(key, "cannot listen on %s%s: %v: %s", address, who, reason, bindRemedy(err, key+" (--listen)"))
}

func holder(port string) string {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ""
	}
	if name := portalloc.Holder(uint16(n)); name != "" {
		return ", which " + name + " holds"
	}
	return ""
}

const (
	lowPortRemedy = "get the right to ports below 1024: socket activation (ListenStream= in a systemd socket unit), AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, " +
		"setcap cap_net_bind_service=+ep on the binary, sysctl net.ipv4.ip_unprivileged_port_start, or a higher port here and a redirect to it in the firewall"
	sourcePortRemedy = "grant it the right: AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit, setcap cap_net_bind_service=+ep on the binary, or sysctl net.ipv4.ip_unprivileged_port_start=20"
	openFilesRemedy  = "raise the limit of open files (ulimit -n, LimitNOFILE= in the systemd unit), or use fewer ports"
)

// bindRemedy says what to do when a control port could not be bound.
func bindRemedy(err error, setting string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop the program that has the port (ss -ltnp shows it), or change " + setting
	case errors.Is(err, syscall.EACCES):
		return "change " + setting + ", or " + lowPortRemedy
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address (ip addr shows those it has): change " + setting
	case errors.Is(err, syscall.EMFILE):
		return openFilesRemedy
	default:
		return "change " + setting
	}
}
