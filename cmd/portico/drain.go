package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

// run serves until ctx is done, and then drains, or until a successor serves. It
// reloads when it is told to.
func (s *service) run(ctx context.Context, reloads <-chan string, reload func() error) error {
	upkeep := startUpkeep(ctx, func() *accounts { return s.now().accounts }, s.quotaInterval(), s.log)
	defer upkeep.stop()
	upgrades, stop := upgradeSignals()
	defer stop()
	ended := make(chan error, 1)
	go s.listenAndServe(ended)
	if err := s.begin(); err != nil {
		return err
	}
	defer s.predecessor().stop()
	for {
		select {
		case err := <-ended:
			return err
		case why := <-reloads:
			s.logReload(why, reload())
		case <-upgrades:
			if next := s.replace(ctx); next != nil {
				return s.leave(ctx, next, s.now().setup.config.Drain, ended)
			}
		case answer := <-s.administration.reloads():
			err := reload()
			s.logReload("the admin interface", err)
			answer <- err
		case <-ctx.Done():
			return s.drain(context.WithoutCancel(ctx), s.now().setup.config.Drain, ended)
		}
	}
}

func (s *service) listenAndServe(ended chan<- error) { ended <- s.server.ListenAndServe() }

// drainReserve is what a service manager is asked for beyond the configured
// times, for files to be closed.
const drainReserve = 10 * time.Second

// drain ends the service without cutting anybody short: load balancers have the
// delay to send no more clients, transfers have the timeout after that.
func (s *service) drain(ctx context.Context, settings config.Drain, ended <-chan error) error {
	s.readiness.lower(settings.Delay+settings.Timeout+leastHookTime+drainReserve, s.log)
	s.log.Info("draining", zap.Duration("delay", settings.Delay), zap.Duration("timeout", settings.Timeout), s.sessionsField())
	select {
	case <-time.After(settings.Delay):
	case err := <-ended:
		return err
	}
	s.shutdown(ctx, settings.Timeout)
	return s.stopped(ended)
}

func (s *service) stopped(ended <-chan error) error {
	if err := <-ended; !errors.Is(err, server.ErrServerClosed) {
		return err
	}
	s.log.Info("stopped")
	return nil
}

func (s *service) sessionsField() zap.Field {
	return zap.Int("sessions", s.server.Statistics().Sessions)
}

// shutdown ends the sessions, then the hooks.
func (s *service) shutdown(ctx context.Context, timeout time.Duration) {
	deadline := time.Now().Add(timeout)
	untilDeadline, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := s.server.Shutdown(untilDeadline); err != nil {
		statistics := s.server.Statistics()
		s.log.Warn("drain.timeout is over, ending what still runs",
			zap.Int("sessions", statistics.Sessions), zap.Int("transfers", statistics.Transfers))
	}
	s.server.Close()
	s.hooks.close(ctx, max(time.Until(deadline), leastHookTime), s.log)
}
