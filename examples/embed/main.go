// Command embed has two FTP servers inside, one in clear (and with AUTH TLS) and
// one with implicit TLS. They share users, files and passive ports, and tell how
// they are on http://127.0.0.1:9121/metrics.
//
//	go run ./examples/embed
//	curl -T FILE --user alice:wonderland ftp://127.0.0.1:2121/
//
// It is meant to be copied from.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/metrics"
)

// drainTime is how long transfers may take to finish after a signal.
const drainTime = 30 * time.Second

// addresses is where the program listens.
type addresses struct {
	plain, implicit, metrics string
	passive                  portalloc.PortList
}

func main() {
	at := addresses{passive: portalloc.PortList{{First: 21100, Last: 21103}}}
	flag.StringVar(&at.plain, "plain", "127.0.0.1:2121", "address of FTP")
	flag.StringVar(&at.implicit, "implicit", "127.0.0.1:2990", "address of FTP over implicit TLS")
	flag.StringVar(&at.metrics, "metrics", "127.0.0.1:9121", "address of the metrics")
	flag.TextVar(&at.passive, "passive", at.passive, "passive ports")
	flag.Parse()

	log := zap.Must(zap.NewProduction())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, at, log); err != nil {
		log.Fatal("the program failed", zap.Error(err))
	}
}

// run serves until ctx is done and the sessions have ended.
func run(ctx context.Context, at addresses, log *zap.Logger) error {
	users, err := newCustomers(map[string]string{"alice": "wonderland", "bob": "builder"})
	if err != nil {
		return err
	}
	auth, err := driver.NewUsers(nil, driver.UsersOptions{Sources: []driver.Source{users}})
	if err != nil {
		return err
	}
	certificate, err := selfSigned()
	if err != nil {
		return err
	}

	// The series of the ports, which both servers use, stand beside those of the first.
	registry := prometheus.NewRegistry()
	ofPlain, ofImplicit := newMetrics(registry, "plain"), newMetrics(registry, "implicit")
	portOptions := portalloc.Options{Ports: at.passive, Logger: log}
	ofPlain.HookPorts(&portOptions)
	ports, err := portalloc.New(portOptions)
	if err != nil {
		return err
	}
	defer ports.Close() // after the servers

	options := server.Options{Auth: auth, Ports: ports, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	plain, err := listen(options, server.Listener{Address: at.plain}, ofPlain, log.Named("plain"))
	if err != nil {
		return err
	}
	defer plain.Close()
	implicit, err := listen(options, server.Listener{Address: at.implicit, ImplicitTLS: true}, ofImplicit, log.Named("implicit"))
	if err != nil {
		return err
	}
	defer implicit.Close()
	ofPlain.Watch(plain, ports)
	ofImplicit.Watch(implicit, nil)

	page, err := net.Listen("tcp", at.metrics)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	web := &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: 10 * time.Second}
	go web.Serve(page) //nolint:errcheck // Close, below, ends it
	defer web.Close()  // it tells of the end, too

	log.Info("serving", zap.Stringer("plain", plain.Addrs()[0]), zap.Stringer("implicit", implicit.Addrs()[0]), zap.Stringer("metrics", page.Addr()))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, plain) })
	group.Go(func() error { return serve(ctx, implicit) })
	return group.Wait()
}

// newMetrics returns metrics of one server among several in a registry.
func newMetrics(registry *prometheus.Registry, name string) *metrics.Metrics {
	m := metrics.New(metrics.Options{Version: "example"})
	prometheus.WrapRegistererWith(prometheus.Labels{"server": name}, registry).MustRegister(m)
	return m
}

// listen returns a server that is bound to its address and serves nobody yet.
func listen(options server.Options, at server.Listener, m *metrics.Metrics, log *zap.Logger) (*server.Server, error) {
	options.Listeners, options.Logger = []server.Listener{at}, log
	m.HookServer(&options)
	srv, err := server.New(options)
	if err != nil {
		return nil, err
	}
	return srv, srv.Listen()
}

// serve serves until the server fails, or ctx is done and its sessions have
// ended. One that takes too long is cut off.
func serve(ctx context.Context, srv *server.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := srv.Shutdown(limit); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return srv.Close()
}
