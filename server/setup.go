package server

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// dataSetup is what PASV, EPSV, PORT or EPRT has settled about the next data
// connection. Exactly one of lease and target is set.
type dataSetup struct {
	session *session
	lease   *portalloc.Lease // passive mode
	target  netip.AddrPort   // active mode
}

// connectTimeout bounds how long the client's side may take to answer in
// active mode. In passive mode the lease has a time of its own.
const connectTimeout = 30 * time.Second

func newPassiveSetup(s *session, lease *portalloc.Lease) *dataSetup {
	return &dataSetup{session: s, lease: lease}
}

func newActiveSetup(s *session, target netip.AddrPort) *dataSetup {
	return &dataSetup{session: s, target: target}
}

// mode is "passive" or "active", for the log.
func (d *dataSetup) mode() string {
	if d.lease != nil {
		return "passive"
	}
	return "active"
}

// open waits for the client's connection, or connects to the client.
func (d *dataSetup) open(ctx context.Context) (net.Conn, error) {
	if d.lease != nil {
		return d.lease.Accept(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return d.session.opts.dialer.dial(ctx, d.session.local.Addr(), d.target)
}

// close gives the passive port back. It may be called at any time and again.
func (d *dataSetup) close() {
	if d.lease != nil {
		d.lease.Close()
	}
}
