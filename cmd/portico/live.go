package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/portico-ftp/portico/config"
)

// liveTimeout bounds `check --live` as a whole. It is less than the 30 seconds
// that container engines give a health check.
const liveTimeout = 10 * time.Second

// checkLive asks the running server whether it answers, and prints one line. It
// reads the configuration for the addresses alone, so a file that has become
// wrong since the start does not make the server dead.
func (p *program) checkLive(ctx context.Context, f *serveFlags) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	cfg, err := f.load(p.environ)
	if cfg == nil || !tellsAddresses(err) {
		return err
	}
	state, err := p.askWhetherLive(ctx, f, cfg)
	if err != nil {
		return fmt.Errorf("not alive: %w", err)
	}
	_, err = fmt.Fprintln(p.stdout, "alive:", state)
	return err
}

// tellsAddresses says whether the addresses of a configuration are known in
// spite of its faults.
func tellsAddresses(err error) bool {
	for _, fault := range config.Faults(err) {
		var known *config.Fault
		if !errors.As(fault, &known) || known.Key == "" || strings.HasPrefix(known.Key, "listeners") || strings.HasPrefix(known.Key, "admin") {
			return false
		}
	}
	return true
}

func (p *program) askWhetherLive(ctx context.Context, f *serveFlags, cfg *config.Config) (state string, err error) {
	if cfg.Admin.Address != "" && cfg.Admin.TLS.ClientCA == "" { // else it listens to nobody without a certificate
		draining, err := p.askHealth(ctx, f)
		if draining || err != nil {
			return "draining, or starting", err
		}
	}
	for _, l := range cfg.Listeners {
		if state, err = greeting(ctx, l); err != nil {
			return "", err
		}
	}
	return state, nil
}

// askHealth asks the admin interface, which answers while a server drains,
// too.
func (p *program) askHealth(ctx context.Context, f *serveFlags) (draining bool, err error) {
	client, err := (&adminFlags{config: f.file, address: f.admin}).connect(p)
	if err != nil {
		return false, err
	}
	status, err := client.status(ctx, "/healthz")
	if err != nil {
		return false, err
	}
	if status != http.StatusOK {
		return false, fmt.Errorf("the admin interface at %s answers %d", client.name, status)
	}
	status, err = client.status(ctx, "/readyz")
	return status == http.StatusServiceUnavailable, err
}

const liveRemedy = "look whether the server runs with this configuration, at its log, and whether it lets its own address in (defence.allow)"

// greeting waits for the greeting of one listener, and leaves with QUIT. 421
// says that the server is full, or leaves: it is there. So is one that wants a
// client certificate.
func greeting(ctx context.Context, l config.Listener) (state string, err error) {
	conn, err := dialOwn(ctx, l.Address)
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, liveRemedy)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	at := conn.RemoteAddr().String()
	if believesProxy(l, conn) {
		// LOCAL: the load balancer speaks for itself (PROXY protocol, 2.2).
		header := proxyproto.Header{Version: 2, Command: proxyproto.LOCAL}
		if _, err := header.WriteTo(conn); err != nil {
			return "", err
		}
	}
	if l.ImplicitTLS {
		// Nothing is told to the server, so it need not prove who it is.
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	}
	text := textproto.NewConn(conn)
	code, _, err := text.ReadResponse(220)
	var refused *net.OpError
	switch {
	case code == 421:
		return at + " answers 421", nil
	case errors.As(err, &refused) && refused.Op == "remote error": // an alert of TLS
		return at + " answers, but wants a client certificate", nil
	case err != nil:
		return "", fmt.Errorf("%s does not greet: %w: %s", at, err, liveRemedy)
	}
	if _, err := text.Cmd("QUIT"); err == nil {
		text.ReadResponse(221) // or the server would meet a reset connection
	}
	return at + " greets", nil
}

// dialOwn connects to an address on which this machine listens.
func dialOwn(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil { // config has reported it
		return nil, err
	}
	hosts := []string{host}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		hosts = []string{"127.0.0.1", "::1"}
	}
	var faults []error
	for _, host := range hosts {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			return conn, nil
		}
		faults = append(faults, err)
	}
	return nil, faults[0]
}

// believesProxy says whether the listener wants a PROXY header from this end of
// conn.
func believesProxy(l config.Listener, conn net.Conn) bool {
	own := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(l.ProxyProtocol, func(n netip.Prefix) bool { return n.Contains(own) })
}
