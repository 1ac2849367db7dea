package main

import (
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// parts are what a service has opened for one configuration.
type parts struct {
	setup     *setup
	accounts  *accounts
	ports     *portalloc.Allocator // nil: no passive mode
	advertise *portalloc.Advertiser
}

// openParts opens what needs no port, and returns the options of the server, as
// far as they come from there. What has not changed since the parts before, if
// there are any, is taken over. Its error joins everything that could not be
// opened; nothing is left open then.
func (s *setup) openParts(of *service, before *parts) (*parts, server.Options, error) {
	options, err := serverOptions(s.config)
	if err != nil {
		return nil, options, err
	}
	options.Limits.Sessions = s.mostSessions(of.openFiles)
	opened, faults := &parts{setup: s}, []error(nil)
	check := func(err error) { faults = append(faults, err) }
	if opened.accounts, err = s.openAccounts(before, of.shared); err != nil {
		return nil, options, err
	}
	options.Auth, err = s.openUsers(opened.accounts, of.log)
	check(err)
	options.TLS, options.Logger, options.Listen = s.followServer(of.log), of.log, s.sockets.listen
	options.Hosts, err = s.serverHosts(opened.accounts, options.TLS, of.log)
	check(err)
	opened.advertise, err = s.newAdvertiser(of.log)
	check(err)
	if err := errors.Join(faults...); err != nil {
		opened.discard(before)
		return nil, options, err
	}
	options.Advertise = opened.advertise
	options.OnSecurity, options.Admit = of.defence.observe, of.defence.guard.Admit
	if s.config.Log.Commands != "" {
		options.OnCommand = of.logs.commands.record
	}
	if len(s.config.Hooks) > 0 || hasTransferLogs(s.config.Log) {
		options.OnEvent = of.observe
	}
	hookShared(&options, of.shared)
	s.administration.hookServer(&options)
	s.traces.hook(&options)
	return opened, options, nil
}

// discard closes what was opened beside what belongs to others.
func (p *parts) discard(others *parts) {
	if p.advertise != nil {
		p.advertise.Close()
	}
	if others == nil {
		p.accounts.close()
	} else {
		p.accounts.closeSources()
	}
}

// close closes all. No session may be left.
func (p *parts) close(log *zap.Logger) {
	p.advertise.Close()
	if p.ports != nil {
		p.ports.Close()
	}
	if err := p.accounts.close(); err != nil {
		log.Error("quotas were not written", zap.Error(err))
	}
}

// retired is what reloads have put out of force. Logins and sessions of before
// may use it still.
type retired struct {
	closing sync.WaitGroup
	mu      sync.Mutex
	ending  chan struct{} // closed by close
	atEnd   []func()
}

// retireAfter is longer than a login takes.
const retireAfter = time.Minute

// soon has something closed when no login can use it any more.
func (r *retired) soon(closeIt func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending == nil {
		r.ending = make(chan struct{})
	}
	ending := r.ending
	r.closing.Go(func() {
		timer := time.NewTimer(retireAfter)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ending:
		}
		closeIt()
	})
}

// last has something closed when no session is left.
func (r *retired) last(closeIt func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.atEnd = append(r.atEnd, closeIt)
}

// close closes everything now. Nothing may be retired any more.
func (r *retired) close() {
	r.mu.Lock()
	if r.ending != nil {
		close(r.ending)
		r.ending = nil
	}
	atEnd := r.atEnd
	r.atEnd = nil
	r.mu.Unlock()
	r.closing.Wait()
	for _, closeIt := range atEnd {
		closeIt()
	}
}
