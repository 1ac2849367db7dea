package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/guard"
)

// Options configures an Admin. What is nil is answered with 501, and left out of
// what tells more than that.
type Options struct {
	// Server is the server that is operated. Required.
	Server *server.Server
	// Ports returns the passive ports in use, nil if there are none.
	Ports func() *portalloc.Allocator
	// Bans keeps the bans, as *guard.Guard does.
	Bans Bans
	// CheckBan says why a network may not be banned, in words for the client. Nil:
	// every network but that of everybody may.
	CheckBan func(netip.Prefix) error
	// Users names the users that are known.
	Users func() []User
	// Reload reads the configuration again. Its error is told to the client.
	Reload func(context.Context) error
	// Drain begins to drain the server, and returns at once.
	Drain func() error
	// Config says how the configuration came into force.
	Config func() ConfigState
	// Security says how connections and the process are protected.
	Security func() Security
	// Shared says how the state is that this server shares with others. Nil: it is
	// alone.
	Shared func() SharedState
	// Ready says whether the server should get new clients. Nil: it should, unless
	// SetReady has said otherwise.
	Ready func() bool
	// Log is the end of the log.
	Log *LogTail
	// Metrics answers /metrics.
	Metrics http.Handler
	// Debug answers what is below /debug/pprof/. It is for administrators.
	Debug http.Handler
	// Page answers everything else, to anybody: it may hold nothing secret.
	Page http.Handler

	// Tokens are those that let clients in. Empty: none is asked for.
	Tokens []Token
	// TLS holds the certificate. With ClientCAs clients need a certificate of one
	// of those; with tokens, too, both. Nil: no TLS.
	TLS *tls.Config

	// Version is the program's.
	Version string
	// Logger receives what administrators do, and failures. Nil: nothing is
	// logged.
	Logger *zap.Logger
}

// Bans keeps bans: see the methods of guard.Guard.
type Bans interface {
	Bans() []guard.Ban
	Add(network netip.Prefix, until time.Time, reason string)
	Lift(network netip.Prefix) bool
}

// User is somebody who may log in.
type User struct {
	// Name is the account's.
	Name string `json:"name"`
	// Host is the virtual host that alone knows the user. Empty: the server.
	Host string `json:"host,omitempty"`
}

// ConfigState is how the configuration came into force.
type ConfigState struct {
	// Loaded is when the one in force was.
	Loaded time.Time `json:"loaded"`
	// Tried is when the last attempt to load one was.
	Tried time.Time `json:"tried"`
	// Error is why that one failed. Empty: it did not.
	Error string `json:"error,omitempty"`
	// Replica is the ordinal of this server among replicas that share the passive
	// ports of their configuration. Nil: it is the only one.
	Replica *int `json:"replica,omitempty"`
}

// Security is how connections and the process are protected.
type Security struct {
	// TLS is what clients need it for: "off" (it is not offered), "none", "login"
	// or "data".
	TLS string `json:"tls"`
	// Sandbox is how far the process is confined: "full", "partial" or "none".
	Sandbox string `json:"sandbox"`
	// SandboxDetail is the same in a sentence.
	SandboxDetail string `json:"sandbox_detail"`
}

// Admin is an http.Handler, and serves listeners by itself. It is safe for
// concurrent use.
type Admin struct {
	opts    Options
	log     *zap.Logger
	tokens  []knownToken
	guesses guesses
	handler http.Handler
	http    *http.Server
	started time.Time
	unready atomic.Bool
}

// The times that clients have. A profile takes longer to write, and says so.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = time.Minute
	idleTimeout   = 2 * time.Minute
	// maxConns bounds what an attack on this interface can take from the server:
	// file descriptors.
	maxConns = 200
)

// New returns an interface, or an error that says what is missing.
func New(opts Options) (*Admin, error) {
	if opts.Server == nil {
		return nil, errors.New("admin: Options.Server is nil: name the server to operate")
	}
	tokens, err := knownTokens(opts.Tokens)
	if err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	a := &Admin{opts: opts, log: opts.Logger.Named("admin"), tokens: tokens, started: time.Now()}
	a.handler = a.routes()
	a.http = &http.Server{
		Handler: a, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 32 << 10, ErrorLog: zap.NewStdLog(zap.NewNop()),
	}
	if opts.TLS != nil {
		a.http.TLSConfig = opts.TLS.Clone()
		if opts.TLS.ClientCAs != nil { // those who only ask for health may have none
			a.http.TLSConfig.ClientAuth = tls.VerifyClientCertIfGiven
		}
	}
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// SetReady says whether load balancers should send new clients to the server. It
// is ready from the start.
func (a *Admin) SetReady(ready bool) { a.unready.Store(!ready) }

func (a *Admin) isReady() bool {
	return !a.unready.Load() && (a.opts.Ready == nil || a.opts.Ready())
}

// Serve serves a listener until Shutdown or Close, and closes it. It then returns
// http.ErrServerClosed. A listener that others than this machine can reach needs
// tokens or client certificates, and TLS.
func (a *Admin) Serve(l net.Listener) error {
	if err := a.checkListener(l.Addr()); err != nil {
		l.Close()
		return err
	}
	l = netutil.LimitListener(l, maxConns)
	if a.http.TLSConfig != nil {
		return a.http.ServeTLS(l, "", "")
	}
	return a.http.Serve(l)
}

func (a *Admin) checkListener(addr net.Addr) error {
	tcp, isTCP := addr.(*net.TCPAddr)
	switch {
	case !isTCP || tcp.IP.IsLoopback():
		return nil
	case len(a.tokens) == 0 && !a.wantsCertificates():
		return fmt.Errorf("admin: %v can be reached from elsewhere, and everybody would be an administrator: set tokens or client certificates, or listen on 127.0.0.1", addr)
	case a.opts.TLS == nil:
		return fmt.Errorf("admin: %v can be reached from elsewhere, and tokens would go in clear: set a certificate, or listen on 127.0.0.1", addr)
	default:
		return nil
	}
}

func (a *Admin) wantsCertificates() bool { return a.opts.TLS != nil && a.opts.TLS.ClientCAs != nil }

// Shutdown stops listening and waits until ctx is done for what runs.
func (a *Admin) Shutdown(ctx context.Context) error { return a.http.Shutdown(ctx) }

// Close ends everything at once.
func (a *Admin) Close() error { return a.http.Close() }
