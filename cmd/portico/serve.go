package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

func (p *program) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Serve files",
		Long: `Serve the homes of the configured users, or DIR.

DIR needs no configuration: without --user, --anonymous, and a user in the
variables PORTICO_USER and PORTICO_PASSWORD_HASH (from portico passwd), a user named
ftp gets a new password, which is printed once. The log goes to standard error unless
log.file names a file. SIGTERM and SIGINT let running transfers end (drain in the
configuration), and then the exit code is 0; a second one ends the server at
once. SIGUSR1 has all log files opened anew.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.takeDirectory(args)
			return p.serve(cmd.Context(), f)
		},
	}
	f.register(cmd)
	return cmd
}

func (p *program) serve(ctx context.Context, f *serveFlags) (err error) {
	reopening := catchReopen()
	defer reopening.stop()
	sockets, err := p.takeSockets()
	if err != nil {
		return err
	}
	defer func() { sockets.predecessor.failed(err) }()
	s, err := p.prepare(ctx, f, nil)
	if err != nil {
		return err
	}
	s.sockets = sockets
	defer s.closeBuckets()
	if s.administration, err = s.newAdministration(); err != nil {
		return err
	}
	logs, err := s.openLogs(p.stderr)
	if err != nil {
		return err
	}
	logs.ordinary = s.administration.watchLog(logs.ordinary, logs.level)
	log := logs.ordinary
	reopening.start(logs)
	if s.traces, err = s.openTraces(ctx, log); err != nil {
		return err
	}
	defer s.traces.close()
	service, err := s.bind(logs)
	if err != nil {
		return err
	}
	defer service.close()
	if service.handover, err = s.prepareHandover(p.line); err != nil {
		return err
	}
	defer service.handover.close()
	p.startLimitingMemory(log)
	if service.sandbox, err = s.enterSandbox(p.confine); err != nil {
		return err
	}
	if f.directory != "" {
		if err := s.welcome(f).print(p.stdout); err != nil {
			return fmt.Errorf("print the address to use: %w", err)
		}
	}
	service.logStart(log, s)
	logSandbox(log, service.sandbox)
	s.logStrangers(log, service.sandbox)
	logFindings(log, s.findings(nil))
	s.logUnsafeLinks(log)
	defer s.watchBuckets(ctx, log)()
	reloads, stop := p.watchForReloads(f, s.config)
	defer stop()
	ctx, drain := context.WithCancel(ctx)
	defer drain()
	p.startReleasingMemory(ctx)
	service.stopAdministration = sync.OnceFunc(service.administration.serve(service, drain))
	defer service.stopAdministration()
	return service.run(ctx, reloads, func() error {
		err := service.reload(ctx, p, f)
		service.administration.reloaded(service, err)
		return err
	})
}

func (s *service) logStart(log *zap.Logger, setup *setup) {
	log.Info("serving",
		zap.Strings("listeners", texts(s.server.Addrs())),
		zap.Stringer("passive_ports", setup.config.Passive.Ports),
		setup.replicaField(),
		zap.String("active_source_port", s.activeSourcePort(setup)),
		zap.Int("handed_sockets", setup.sockets.count()),
		zap.Bool("tls", setup.tls != nil),
		zap.Int("users", setup.userCount()),
		zap.Int("hosts", len(setup.hosts)),
		zap.Int("most_sessions", setup.mostSessions(s.openFiles)),
		zap.Int("hooks", s.hooks.count()),
		zap.String("version", buildVersion()))
}

// activeSourcePort is what "auto" has come to, too.
func (s *service) activeSourcePort(setup *setup) string {
	switch port := s.server.ActiveSourcePort(); {
	case !setup.config.Active.Enabled:
		return "off"
	case port == 0:
		return "any"
	default:
		return strconv.Itoa(int(port))
	}
}

func texts(addresses []net.Addr) []string {
	all := make([]string, len(addresses))
	for i, address := range addresses {
		all[i] = address.String()
	}
	return all
}
