package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

func (p *program) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve [DIR]",
		Short: "Serve files",
		Long: `Serve the homes of the configured users, or DIR.

DIR needs no configuration: without --user and --anonymous, a user named ftp gets
a new password, which is printed once. The log goes to standard error unless
log.file names a file. SIGTERM and SIGINT let running transfers end; a second one
ends the server at once. SIGUSR1 has all log files opened anew.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.takeDirectory(args)
			return p.serve(cmd.Context(), f)
		},
	}
	f.register(cmd)
	return cmd
}

func (p *program) serve(ctx context.Context, f *serveFlags) error {
	reopening := catchReopen()
	defer reopening.stop()
	s, err := p.prepare(ctx, f)
	if err != nil {
		return err
	}
	defer s.closeBuckets()
	if s.logs, err = s.openLogs(p.stderr); err != nil {
		return err
	}
	reopening.start(s.logs)
	log := s.logs.ordinary
	if s.sockets, err = p.takeSockets(); err != nil {
		return err
	}
	service, err := s.bind(log)
	if err != nil {
		return err
	}
	defer service.close(log)
	if f.directory != "" {
		if err := s.welcome(f).print(p.stdout); err != nil {
			return fmt.Errorf("print the address to use: %w", err)
		}
	}
	service.logStart(log, s)
	logFindings(log, s.findings(nil))
	s.logUnsafeLinks(log)
	defer s.watchBuckets(ctx, log)()
	return service.run(ctx, s.config.ShutdownTimeout, log)
}

func (s *service) logStart(log *zap.Logger, setup *setup) {
	log.Info("serving",
		zap.Strings("listeners", texts(s.server.Addrs())),
		zap.Stringer("passive_ports", setup.config.Passive.Ports),
		zap.String("active_source_port", s.activeSourcePort(setup)),
		zap.Int("handed_sockets", setup.sockets.count()),
		zap.Bool("tls", setup.tls != nil),
		zap.Int("users", setup.userCount()),
		zap.Int("hosts", len(setup.hosts)),
		zap.Int("hooks", len(s.hooks.list)),
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

// run serves until ctx is done, and then until the running transfers have
// ended or the timeout has.
func (s *service) run(ctx context.Context, timeout time.Duration, log *zap.Logger) error {
	upkeep := s.accounts.startUpkeep(ctx, log)
	defer upkeep.stop()
	ended := make(chan error, 1)
	go s.listenAndServe(ended)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down", zap.Duration("timeout", timeout), zap.Int("sessions", s.server.Statistics().Sessions))
	s.shutdown(context.WithoutCancel(ctx), timeout, log)
	if err := <-ended; !errors.Is(err, server.ErrServerClosed) {
		return err
	}
	log.Info("stopped")
	return nil
}

func (s *service) listenAndServe(ended chan<- error) { ended <- s.server.ListenAndServe() }

func (s *service) shutdown(ctx context.Context, timeout time.Duration, log *zap.Logger) {
	deadline := time.Now().Add(timeout)
	untilDeadline, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := s.server.Shutdown(untilDeadline); err != nil {
		statistics := s.server.Statistics()
		log.Warn("shutdown_timeout is over, ending what still runs",
			zap.Int("sessions", statistics.Sessions), zap.Int("transfers", statistics.Transfers))
	}
	s.server.Close()
	s.hooks.close(ctx, max(time.Until(deadline), leastHookTime), log)
}
