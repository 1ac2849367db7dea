package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// reload reads the configuration again and puts it into force. Nobody is
// disconnected. An error joins all that is wrong; then nothing has changed.
func (s *service) reload(ctx context.Context, p *program, f *serveFlags) error {
	before := s.now()
	next, err := p.prepare(ctx, f, before.setup)
	if err != nil {
		return err
	}
	opened, err := s.putIntoForce(next, before)
	if err != nil {
		return errors.Join(err, next.closeBuckets())
	}
	s.retire(before, opened)
	s.told(next, before.setup)
	return nil
}

// putIntoForce opens and binds what is new, and then lets it all count at once.
func (s *service) putIntoForce(next *setup, before *parts) (*parts, error) {
	opened, options, err := next.openParts(s, before)
	if err != nil {
		return nil, err
	}
	giveUp := func(err error) (*parts, error) {
		opened.discard(before)
		return nil, err
	}
	if opened.ports, err = s.portsAfter(next, before); err != nil {
		return giveUp(err)
	}
	options.Ports = opened.ports
	logs, err := s.logs.prepare(next)
	if err != nil {
		s.dropNewPorts(opened, before)
		return giveUp(err)
	}
	change, err := s.server.PrepareReload(options)
	if err != nil {
		logs.discard()
		s.dropNewPorts(opened, before)
		return giveUp(next.bindFault(err))
	}
	if err := s.reloadPorts(next, opened, before); err != nil {
		change.Abort()
		logs.discard()
		s.dropNewPorts(opened, before)
		return giveUp(err)
	}
	if err := s.defence.guard.SetLists(guardOptions(next.config).Lists); err != nil {
		// Its files alone can be wrong, and they are followed: what they say
		// counts once it is right.
		s.log.Error("lists of defence cannot be used, the old ones stay", zap.Error(err))
	}
	if err := change.Commit(); err != nil {
		logs.discard()
		return giveUp(err)
	}
	logs.commit()
	s.inForce.Store(opened)
	return opened, nil
}

// bindFault names the setting behind what a reload could not bind.
func (s *setup) bindFault(err error) error {
	var refused *server.ListenError
	if errors.As(err, &refused) {
		return s.listenFault(err)
	}
	return s.sourcePortFault(err)
}

// portsAfter returns the allocator that is to serve next: that of before, a new
// one, or none.
func (s *service) portsAfter(next *setup, before *parts) (*portalloc.Allocator, error) {
	switch {
	case next.config.Passive.Ports.Len() == 0:
		return nil, nil
	case before.ports != nil:
		return before.ports, nil
	default:
		return next.bindPassive(s.log, s.defence.observeRefusal)
	}
}

func (s *service) dropNewPorts(opened, before *parts) {
	if opened.ports != nil && opened.ports != before.ports {
		opened.ports.Close()
	}
}

// reloadPorts lets an allocator that stays have the new ports.
func (s *service) reloadPorts(next *setup, opened, before *parts) error {
	if opened.ports == nil || opened.ports != before.ports {
		return nil
	}
	if err := opened.ports.Reload(allocatorOptions(next.config)); err != nil {
		return next.fault("passive.ports", "%s%s", withoutPackage(err), passiveRemedy(err))
	}
	return nil
}

// retire closes what is not in force any more, once nobody can use it.
func (s *service) retire(before, opened *parts) {
	s.retired.soon(func() {
		before.advertise.Close()
		if err := before.accounts.closeSources(); err != nil {
			s.log.Warn("sources of users that are not in force any more", zap.Error(err))
		}
	})
	if before.ports != nil && opened.ports == nil {
		s.retired.last(func() { before.ports.Close() })
	}
	gone, err := s.hooks.replace(opened.setup, s.log)
	if err != nil { // what can be known to be wrong was checked before
		s.log.Error("hooks cannot be used", zap.Error(err))
	}
	for _, hook := range gone {
		s.retired.soon(func() {
			ctx, cancel := context.WithTimeout(context.Background(), leastHookTime)
			defer cancel()
			closeHook(ctx, hook, s.log)
		})
	}
	s.retired.last(func() { opened.setup.closeBuckets() })
}

// told logs what has changed, and what waits for the next start.
func (s *service) told(next, before *setup) {
	if level, err := zap.ParseAtomicLevel(next.config.Log.Level); err == nil {
		s.logs.level.SetLevel(level.Level())
	}
	changed := config.Changed(before.config, next.config)
	s.log.Info("configuration reloaded", zap.Strings("changed", changed))
	for _, key := range changed {
		if needsRestart(key) {
			s.log.Warn("a setting counts from the next start on", zap.String("setting", key))
		}
	}
	next.logUnsafeLinks(s.log)
	next.recordConfig(s.defence, "reload")
}

// needsRestart says whether a running server goes on with the old value.
func needsRestart(key string) bool {
	switch key {
	case "defence.allow", "defence.deny", "defence.only", "defence.allow_file", "defence.deny_file", "defence.only_file",
		"log.level", "log.file", "log.audit", "log.commands", "log.xferlog", "log.w3c":
		return false
	}
	for _, section := range []string{"quota_file", "pid_file", "shared.", "defence.", "admin.", "log.", "sandbox", "tracing.", "reload_on_change"} {
		if strings.HasPrefix(key, section) {
			return true
		}
	}
	return false
}

func (s *service) logReload(why string, err error) {
	if err == nil {
		return
	}
	for _, fault := range config.Faults(err) {
		s.log.Error("the configuration was not reloaded, the old one stays in force", zap.String("asked_by", why), zap.Error(fault))
	}
}

// fileLookInterval is how often the configuration file is looked at.
const fileLookInterval = 2 * time.Second

// watchForReloads tells when the configuration is to be read again: on SIGHUP,
// and when its file has changed if reload_on_change says so. The caller stops it.
func (p *program) watchForReloads(f *serveFlags, cfg *config.Config) (reloads <-chan string, stop func()) {
	asked, ending := make(chan string), make(chan struct{})
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	var looks <-chan time.Time
	ticker := time.NewTicker(fileLookInterval)
	if cfg.ReloadOnChange && f.file != "" {
		looks = ticker.C
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchReloads(f.file, hangUps, looks, asked, ending)
	}()
	return asked, func() {
		signal.Stop(hangUps)
		ticker.Stop()
		close(ending)
		<-watched
	}
}

func watchReloads(file string, hangUps <-chan os.Signal, looks <-chan time.Time, asked chan<- string, ending <-chan struct{}) {
	seen := statAll([]string{file})
	for {
		why := ""
		select {
		case <-hangUps:
			why = "SIGHUP"
		case <-looks:
			if now := statAll([]string{file}); !sameFiles(now, seen) {
				seen, why = now, fmt.Sprintf("a change of %s", file)
			}
		case <-ending:
			return
		}
		if why == "" {
			continue
		}
		select {
		case asked <- why:
		case <-ending:
			return
		}
	}
}
