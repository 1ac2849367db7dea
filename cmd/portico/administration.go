package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/afero"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
	"github.com/portico-ftp/portico/server/admin/web"
	"github.com/portico-ftp/portico/server/metrics"
)

// administration is the admin interface of a service, with what it measures and
// remembers. It lives from before the service to after it, across reloads. All
// methods of nil, which is one that is off, do nothing.
type administration struct {
	options admin.Options // as far as they come from the configuration
	metrics *metrics.Metrics
	tail    *admin.LogTail
	asked   chan chan<- error // for reloads

	mu       sync.Mutex // guards the rest
	state    admin.ConfigState
	service  *service // nil before serve
	listener net.Listener
}

// rememberedLog is how many entries of the log can be asked for.
const rememberedLog = 1000

// newAdministration reads the tokens and the certificate, and returns nil where
// the interface is off.
func (s *setup) newAdministration() (*administration, error) {
	if s.config.Admin.Address == "" {
		return nil, nil
	}
	tokens, err := s.adminTokens()
	settings, tlsErr := s.adminTLS()
	if err := errors.Join(err, tlsErr); err != nil {
		return nil, err
	}
	now := time.Now()
	a := &administration{
		options: admin.Options{Tokens: tokens, TLS: settings, Version: buildVersion()},
		tail:    admin.NewLogTail(rememberedLog), asked: make(chan chan<- error),
		state: admin.ConfigState{Loaded: now, Tried: now, Replica: s.replicaOrdinal()},
	}
	counted := metrics.Options{Version: buildVersion(), Bans: a.bans, Ready: a.isReady, Sandboxed: a.isConfined}
	if s.config.Shared.Redis != "" {
		counted.Shared = a.hasShared
	}
	a.metrics = metrics.New(counted)
	a.metrics.Reloaded(nil)
	a.options.Log = a.tail
	if s.config.Admin.Metrics {
		registry := prometheus.NewRegistry()
		registry.MustRegister(a.metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		a.options.Metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	}
	if s.config.Admin.Pprof {
		a.options.Debug = profiles()
	}
	return a, nil
}

// profiles is net/http/pprof without the rest of its default multiplexer.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

func (s *setup) adminTokens() ([]admin.Token, error) {
	var tokens []admin.Token
	var faults []error
	for i, t := range s.config.Admin.Tokens {
		key, secret := fmt.Sprintf("admin.tokens[%d].token", i), t.Token.Reveal()
		if t.TokenFile != "" {
			key += "_file"
			text, err := readSecret(string(t.TokenFile))
			if err != nil {
				faults = append(faults, s.fault(key, "%v: name a file that the user whom Portico runs as can read", err))
				continue
			}
			secret = text
		}
		if problem := config.TokenProblem(secret); problem != "" {
			faults = append(faults, s.fault(key, "%s", problem))
		}
		token := admin.Token{Name: t.Name, Secret: secret}
		faults = append(faults, enumerated(fmt.Sprintf("admin.tokens[%d].role", i), token.Role.UnmarshalText, t.Role))
		tokens = append(tokens, token)
	}
	return tokens, errors.Join(faults...)
}

func (s *setup) adminPair() pairFiles {
	return pairFiles{"admin.tls", s.config.Admin.TLS.Certificate, s.config.Admin.TLS.Key}
}

// adminTLS is nil where the interface goes in clear. The certificate is read
// again when its files change.
func (s *setup) adminTLS() (*tls.Config, error) {
	certificate, err := s.adminPair().load(s.config)
	authorities, caErr := loadAuthorities(s.config, "admin.tls.client_ca", s.config.Admin.TLS.ClientCA)
	if err := errors.Join(err, caErr); err != nil || certificate == nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate}, ClientCAs: authorities}
	return s.adminPair().follow(settings, s.config, zap.NewNop()), nil
}

// adminNeeds let the certificate be read again, and the process look at itself.
func (s *setup) adminNeeds() confine.Needs {
	tls := s.config.Admin.TLS
	files := []config.Path{tls.Certificate, tls.Key, tls.ClientCA}
	for _, t := range s.config.Admin.Tokens {
		files = append(files, t.TokenFile)
	}
	needs := rereading(files...)
	if s.config.Admin.Address != "" && (s.config.Admin.Metrics || s.config.Admin.Pprof) {
		needs.Read = append(needs.Read, "/proc/self")
	}
	return needs
}

// tryAdministration makes what the start makes, and ends it again.
func (s *setup) tryAdministration() error {
	a, err := s.newAdministration()
	if err != nil {
		return err
	}
	err = a.listen(s)
	a.close()
	return err
}

// listen binds the address.
func (a *administration) listen(s *setup) error {
	if a == nil {
		return nil
	}
	listener, err := s.listenAdmin()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listener = listener
	return nil
}

func (s *setup) listenAdmin() (net.Listener, error) {
	if path, isSocket := s.config.Admin.Socket(); isSocket {
		listener, err := s.sockets.listenUnix(path)
		if err != nil {
			return nil, s.fault("admin.address", "%v", err)
		}
		return listener, nil
	}
	listener, err := s.sockets.listen(context.Background(), s.config.Admin.Address)
	if err != nil {
		return nil, s.fault("admin.address", "cannot listen on %s: %v: %s", s.config.Admin.Address, err, bindRemedy(err, "admin.address (--admin)"))
	}
	return listener, nil
}

// close gives the address back when nothing has been served on it.
func (a *administration) close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listener != nil {
		a.listener.Close()
		a.listener = nil
	}
}

// watchLog lets the interface remember what is logged from now on.
func (a *administration) watchLog(log *zap.Logger, level zapcore.LevelEnabler) *zap.Logger {
	if a == nil {
		return log
	}
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core { return zapcore.NewTee(core, a.tail.Core(level)) }))
}

// hookServer puts the metrics behind a server's callbacks. Security events are
// counted where those of the guard come along, too.
func (a *administration) hookServer(opts *server.Options) {
	if a == nil {
		return
	}
	security := opts.OnSecurity
	a.metrics.HookServer(opts)
	opts.OnSecurity = security
}

func (a *administration) hookPorts(opts *portalloc.Options) {
	if a != nil {
		a.metrics.HookPorts(opts)
	}
}

func (a *administration) countSecurity(e server.SecurityEvent) {
	if a != nil {
		a.metrics.Security(e)
	}
}

func (a *administration) measure(kind driver.StorageKind, storage afero.Fs) afero.Fs {
	if a == nil {
		return storage
	}
	return a.metrics.Storage(kind, storage)
}

// serve answers until the function that it returns is called. Drain is to end
// the service.
func (a *administration) serve(s *service, drain func()) (stop func()) {
	if a == nil {
		return func() {}
	}
	a.mu.Lock()
	a.service = s
	listener := a.listener
	a.listener = nil
	a.mu.Unlock()
	a.metrics.Watch(s.server, s.now().ports)
	opts := a.options
	opts.Server, opts.Bans, opts.Logger = s.server, s.defence.guard, s.log
	opts.Ports = func() *portalloc.Allocator { return s.now().ports }
	opts.Users, opts.Config, opts.Ready, opts.Reload = a.users, a.configState, a.isReady, a.reload
	opts.Security, opts.Page = a.security, web.Handler()
	opts.CheckBan = a.checkBan
	if s.shared != nil {
		opts.Shared = func() admin.SharedState { return admin.SharedState(s.shared.Status()) }
	}
	opts.Drain = func() error { drain(); return nil }
	handler, err := admin.New(opts)
	if err != nil { // of what newAdministration has checked
		s.log.Error("admin interface", zap.Error(err))
		listener.Close()
		return func() {}
	}
	s.log.Info("admin interface", zap.Stringer("address", listener.Addr()), zap.Bool("tls", opts.TLS != nil), zap.Int("tokens", len(opts.Tokens)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := handler.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("admin interface", zap.Error(err))
		}
	}()
	return func() {
		handler.Close()
		<-ended
	}
}

func (a *administration) current() *service {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.service
}

func (a *administration) bans() int {
	if s := a.current(); s != nil {
		return len(s.defence.guard.Bans())
	}
	return 0
}

// checkBan refuses what would have no effect, as portico ban add does.
func (a *administration) checkBan(network netip.Prefix) error {
	cfg := a.current().now().setup.config
	_, err := bannable(network.String(), never(proxies(cfg), cfg.Defence.Allow))
	return err
}

func (a *administration) isReady() bool {
	s := a.current()
	return s != nil && s.readiness.isReady()
}

// hasShared says whether what is shared with other servers can be used.
func (a *administration) hasShared() bool {
	s := a.current()
	return s != nil && s.shared != nil && s.shared.Status().Here
}

func (a *administration) isConfined() bool {
	s := a.current()
	return s != nil && s.sandbox.Level() != confine.LevelNone
}

func (a *administration) security() admin.Security {
	s := a.current()
	state := admin.Security{TLS: "off", Sandbox: string(s.sandbox.Level()), SandboxDetail: s.sandbox.String()}
	if setup := s.now().setup; setup.tls != nil {
		state.TLS = setup.config.TLS.Require
	}
	return state
}

// users are those that the sources can name, and those who were here.
func (a *administration) users() []admin.User {
	var users []admin.User
	for host, list := range a.current().now().accounts.lists {
		for _, name := range list.Names() {
			users = append(users, admin.User{Name: name, Host: host})
		}
	}
	slices.SortFunc(users, func(a, b admin.User) int {
		return strings.Compare(a.Host+"\x00"+a.Name, b.Host+"\x00"+b.Name)
	})
	return users
}

// reloads are requests to reload. The answer goes to the channel that comes.
func (a *administration) reloads() <-chan chan<- error {
	if a == nil {
		return nil
	}
	return a.asked
}

// reload asks the goroutine that reloads to do so.
func (a *administration) reload(ctx context.Context) error {
	if !a.isReady() {
		return errors.New("the server is about to end")
	}
	answer := make(chan error, 1)
	select {
	case a.asked <- answer:
		return <-answer
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(reloadPatience):
		return errors.New("the server is busy with something else")
	}
}

// reloadPatience is how long a request waits for another reload, or for a server
// that drains.
const reloadPatience = 20 * time.Second

// reloaded tells how a reload has ended.
func (a *administration) reloaded(s *service, err error) {
	if a == nil {
		return
	}
	a.metrics.Reloaded(err)
	a.metrics.Watch(s.server, s.now().ports)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Tried, a.state.Error = time.Now(), ""
	if err != nil {
		a.state.Error = err.Error()
		return
	}
	a.state.Loaded, a.state.Replica = a.state.Tried, s.now().setup.replicaOrdinal()
}

func (a *administration) configState() admin.ConfigState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}
