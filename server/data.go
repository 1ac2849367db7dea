package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portico-ftp/portico/server/pace"
)

// dataConn is a data connection. It counts bytes, gives each read and write the
// stall timeout, and makes the TLS handshake when bytes are to move: some clients
// send their ClientHello only after the 150 reply.
//
// One goroutine uses it; abort may be called by any.
type dataConn struct {
	transfer  *transfer
	ctx       context.Context // of the transfer
	raw       net.Conn        // the socket
	encrypted bool
	buffers   *buffers
	stall     time.Duration

	stream  net.Conn   // raw or TLS over it; nil until the first use
	socket  *tlsSocket // between the two; nil in clear
	up      *pace.Flow // what may be read and written; nil: anything
	down    *pace.Flow
	in, out atomic.Int64

	mu  sync.Mutex
	err error // the first failure of the connection
}

func newDataConn(t *transfer, raw net.Conn) *dataConn {
	s := t.session
	d := &dataConn{
		transfer: t, ctx: t.ctx, raw: raw, encrypted: s.protectedData, buffers: &s.server.buffers, stall: s.opts.Limits.StallTimeout,
	}
	d.up, d.down = s.flows()
	return d
}

// direction says which side sends, which settles the TLS session tickets.
type direction int

const (
	download direction = iota
	upload
)

// open returns the stream after the TLS handshake, if there is one to make.
func (d *dataConn) open(way direction) (net.Conn, error) {
	if d.stream != nil {
		return d.stream, nil
	}
	if way == download {
		stopPacing(d.raw)
	}
	if !d.encrypted {
		d.stream = d.raw
		return d.stream, nil
	}
	d.raw.SetDeadline(deadline(time.Now(), d.stall))
	d.socket = &tlsSocket{Conn: d.raw, buffers: d.buffers, stall: d.stall}
	conn, err := d.transfer.session.handshakeData(d.socket, way)
	if err != nil {
		return nil, d.fail(err)
	}
	d.raw.SetDeadline(time.Time{})
	d.socket.startGathering()
	d.stream = conn
	return conn, nil
}

// kernelChunk is how much the kernel copies between two updates of the byte
// count.
const kernelChunk = 4 << 20

// close ends the stream, and says so under TLS (close_notify). Its failures are
// the client's own, which may have closed already.
func (d *dataConn) close() {
	d.raw.SetWriteDeadline(deadline(time.Now(), d.stall))
	if d.socket != nil {
		d.socket.stopGathering()
	}
	if d.stream != nil && d.failure() == nil {
		d.stream.Close()
	}
	d.raw.Close()
	if d.socket != nil {
		d.socket.release()
	}
	d.up.Close()
	d.down.Close()
}

// abort cuts the connection. What runs on it fails.
func (d *dataConn) abort() { reset(d.raw) }

// fail remembers the first failure of the connection.
func (d *dataConn) fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
	return err
}

// failUnlessFile records a failure of the connection, but not one of the file.
// The two cannot be told apart by type where the kernel copies.
func (d *dataConn) failUnlessFile(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && !isOfConnection(errno) {
		return err
	}
	return d.fail(err)
}

// isOfConnection says whether a system call says this of a connection, and of no
// file.
func isOfConnection(errno syscall.Errno) bool {
	switch errno {
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT, syscall.ENOTCONN,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENETRESET:
		return true
	}
	return false
}

// failure is the first failure of the connection, nil if there was none.
func (d *dataConn) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *dataConn) bytes() int64 { return d.in.Load() + d.out.Load() }

func (d *dataConn) localPort() uint16 { return addrPortOf(d.raw.LocalAddr()).Port() }

// reset closes a connection so that neither side waits for the other.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
