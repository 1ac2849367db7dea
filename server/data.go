package server

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/portico-ftp/portico/server/pace"
)

// dataConn is a data connection. It counts bytes, gives each read and write the
// stall timeout, gathers small writes, and makes the TLS handshake at the first
// read or write: some clients send their ClientHello only after the 150 reply.
//
// One goroutine uses it; abort may be called by any.
type dataConn struct {
	session   *session
	ctx       context.Context // of the transfer
	raw       net.Conn        // the socket
	encrypted bool
	buffers   *buffers
	stall     time.Duration

	stream  net.Conn   // raw or TLS over it; nil until the first use
	socket  *tlsSocket // between the two; nil in clear
	pending []byte     // gathered writes, nil if none
	up      *pace.Flow // what may be read and written; nil: anything
	down    *pace.Flow
	in, out atomic.Int64

	closing  sync.Once
	closeErr error

	mu      sync.Mutex
	err     error // the first failure of the connection
	aborted bool
}

var (
	_ net.Conn      = (*dataConn)(nil)
	_ io.ReaderFrom = (*dataConn)(nil)
	_ io.WriterTo   = (*dataConn)(nil)
)

func newDataConn(t *transfer, raw net.Conn) *dataConn {
	s := t.session
	d := &dataConn{
		session: s, ctx: t.ctx, raw: raw, encrypted: s.protectedData, buffers: &s.server.buffers, stall: s.opts.Limits.StallTimeout,
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
	if !d.encrypted {
		d.stream = d.raw
		return d.stream, nil
	}
	d.raw.SetDeadline(deadline(time.Now(), d.stall))
	d.socket = &tlsSocket{Conn: d.raw, buffers: d.buffers, stall: d.stall}
	conn, err := d.session.handshakeData(d.socket, way)
	if err != nil {
		return nil, d.fail(err)
	}
	d.raw.SetDeadline(time.Time{})
	d.socket.startGathering()
	d.stream = conn
	return conn, nil
}

// Read reads what the client uploads. An upload under TLS that ends without
// close_notify was cut short, by whomever: io.ErrUnexpectedEOF. So was one whose
// client has aborted it or gone.
func (d *dataConn) Read(p []byte) (int, error) {
	conn, err := d.open(upload)
	if err != nil {
		return 0, err
	}
	if err := d.flush(); err != nil {
		return 0, err
	}
	most, err := d.up.Await(d.ctx, int64(len(p)))
	if err != nil {
		return 0, d.fail(err)
	}
	if d.socket == nil {
		d.raw.SetReadDeadline(deadline(time.Now(), d.stall))
	}
	n, err := conn.Read(p[:most])
	d.in.Add(int64(n))
	d.up.Spend(int64(n))
	switch {
	case err == io.EOF && d.socket != nil && d.socket.ended:
		err = io.ErrUnexpectedEOF
	case err == io.EOF:
		if cut := d.session.uploadCut(d.socket == nil); cut != nil {
			return n, cut // the connection itself did not fail
		}
	}
	if err != nil && err != io.EOF {
		err = d.fail(err)
	}
	return n, err
}

// bulkAfter is how much of an upload must have come, in reads of half a block
// or more, before it goes on by larger steps.
const bulkAfter = 4 << 20

// WriteTo copies an upload to w, its file. One that is fast goes on
// within the kernel, or else in larger blocks; many small ones need no pipe each.
func (d *dataConn) WriteTo(w io.Writer) (total int64, err error) {
	enough := bulkAfter
	if d.encrypted {
		enough = 0 // blocks that the processor's cache holds suit decryption better
	}
	block := d.buffers.getBlock()
	total, more, err := d.copyBlocks(w, *block, enough)
	d.buffers.putBlock(block)
	if err != nil || !more {
		return total, err
	}
	if file := d.spliceTarget(w); file != nil {
		n, err := d.splice(file)
		return total + n, err
	}
	bulk := d.buffers.getBulk()
	defer d.buffers.putBulk(bulk)
	n, _, err := d.copyBlocks(w, *bulk, 0)
	return total + n, err
}

// kernelWriter is what the file of an upload has if its bytes need not be seen.
type kernelWriter interface {
	OSFile() *os.File // nil: they must be seen
	// CopyFrom takes n bytes from r, fewer at its end, within the kernel if r is
	// a socket.
	CopyFrom(r io.Reader, n int64) (int64, error)
}

// spliceTarget returns w if the kernel can copy from the socket to it, else nil.
func (d *dataConn) spliceTarget(w io.Writer) kernelWriter {
	file, ok := w.(kernelWriter)
	_, socket := d.raw.(syscall.Conn)
	if !ok || !socket || d.encrypted || runtime.GOOS != "linux" || file.OSFile() == nil {
		return nil
	}
	return file
}

// splice copies the rest of an upload within the kernel, in chunks as sendfile
// does.
func (d *dataConn) splice(file kernelWriter) (total int64, err error) {
	for {
		chunk, err := d.up.Await(d.ctx, kernelChunk)
		if err != nil {
			return total, d.fail(err)
		}
		d.raw.SetReadDeadline(deadline(time.Now(), d.stall))
		n, err := file.CopyFrom(d.raw, chunk)
		total += n
		d.in.Add(n)
		d.up.Spend(n)
		switch {
		case err == nil && n < chunk:
			return total, d.session.uploadCut(true)
		case err != nil && (n == 0 || !isTimeout(err)):
			return total, d.failUnlessFile(err)
		}
	}
}

// copyBlocks copies to the end of the upload, or until so much (0: no limit)
// has come in large reads; then there may be more.
func (d *dataConn) copyBlocks(w io.Writer, buf []byte, enough int) (total int64, more bool, err error) {
	large := 0
	for enough == 0 || large < enough {
		n, err := d.fill(buf)
		if n > 0 {
			written, writeErr := w.Write(buf[:n])
			total += int64(written)
			if writeErr != nil {
				return total, false, writeErr
			}
		}
		switch {
		case err == io.EOF:
			return total, false, nil
		case err != nil:
			return total, false, err
		case n >= len(buf)/2:
			large += n
		}
	}
	return total, true, nil
}

// fill reads once, and under TLS, which gives a record at a time, as often as
// records have come.
func (d *dataConn) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil && (n == 0 || d.socket.hasRecord()) {
		var more int
		more, err = d.Read(buf[n:])
		n += more
	}
	return n, err
}

// Write sends or gathers p. An empty write makes sure that the handshake has
// been made, so that an empty file arrives as one under TLS.
func (d *dataConn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		_, err := d.open(download)
		return 0, err
	}
	if len(p)+len(d.pending) > gatherSize {
		if err := d.flush(); err != nil {
			return 0, err
		}
		if len(p) >= gatherSize {
			return d.send(p)
		}
	}
	if d.pending == nil {
		d.pending = d.buffers.getGather()
	}
	d.pending = append(d.pending, p...)
	return len(p), nil
}

// send sends p, in pieces if it may not go at once.
func (d *dataConn) send(p []byte) (sent int, err error) {
	conn, err := d.open(download)
	if err != nil {
		return 0, err
	}
	for sent < len(p) {
		most, err := d.down.Await(d.ctx, int64(len(p)-sent))
		if err != nil {
			return sent, d.fail(err)
		}
		d.raw.SetWriteDeadline(deadline(time.Now(), d.stall))
		n, err := conn.Write(p[sent : sent+int(most)])
		if err == nil && d.socket != nil {
			err = d.socket.flush()
		}
		sent += n
		d.out.Add(int64(n))
		d.down.Spend(int64(n))
		if err != nil {
			return sent, d.fail(err)
		}
	}
	return sent, nil
}

// flush sends what has been gathered.
func (d *dataConn) flush() error {
	if len(d.pending) == 0 {
		return nil
	}
	pending := d.pending
	d.pending = nil
	_, err := d.send(pending)
	d.buffers.putGather(pending)
	return err
}

// kernelChunk is how much the kernel copies between two updates of the byte
// count.
const kernelChunk = 4 << 20

// ReadFrom copies a download from r, its file. In clear the kernel
// copies, if r is a file of the operating system.
func (d *dataConn) ReadFrom(r io.Reader) (int64, error) {
	if err := d.flush(); err != nil {
		return 0, err
	}
	if file := osFile(r); file != nil && !d.encrypted {
		return d.sendfile(file)
	}
	buf := d.buffers.getBlock()
	defer d.buffers.putBlock(buf)
	return io.CopyBuffer(onlyWriter{writerFunc(d.send)}, onlyReader{r}, *buf)
}

// osFile returns the operating system's file under a handle, nil if there is
// none.
func osFile(file any) *os.File {
	switch f := file.(type) {
	case *os.File:
		return f
	case interface{ OSFile() *os.File }:
		return f.OSFile()
	}
	return nil
}

// sendfile copies within the kernel, in chunks, each under the stall timeout:
// a time-out after which some bytes have gone is no stall.
func (d *dataConn) sendfile(file *os.File) (total int64, err error) {
	conn, err := d.open(download)
	if err != nil {
		return 0, err
	}
	dst, ok := conn.(io.ReaderFrom)
	if !ok {
		dst = readerFrom{conn}
	}
	for {
		chunk, err := d.down.Await(d.ctx, kernelChunk)
		if err != nil {
			return total, d.fail(err)
		}
		d.raw.SetWriteDeadline(deadline(time.Now(), d.stall))
		n, err := dst.ReadFrom(&io.LimitedReader{R: file, N: chunk})
		total += n
		d.out.Add(n)
		d.down.Spend(n)
		switch {
		case err == nil && n < chunk:
			return total, nil
		case err != nil && (n == 0 || !isTimeout(err)):
			return total, d.failUnlessFile(err)
		}
	}
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

// Close sends what has been gathered and ends the stream; under TLS it says
// so (close_notify).
func (d *dataConn) Close() error {
	d.closing.Do(func() {
		d.closeErr = d.flush()
		d.raw.SetWriteDeadline(deadline(time.Now(), d.stall))
		if d.socket != nil {
			d.closeErr = errors.Join(d.closeErr, d.socket.stopGathering())
		}
		if d.stream != nil && d.failure() == nil {
			d.closeErr = errors.Join(d.closeErr, d.stream.Close())
		}
		d.raw.Close()
		if d.socket != nil {
			d.socket.release()
		}
		d.up.Close()
		d.down.Close()
	})
	return d.closeErr
}

// abort cuts the connection. What runs on it fails.
func (d *dataConn) abort() {
	d.mu.Lock()
	d.aborted = true
	d.mu.Unlock()
	reset(d.raw)
}

// fail remembers the first failure of the connection.
func (d *dataConn) fail(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		d.err = err
	}
	return err
}

// failure is the first failure of the connection, nil if there was none.
func (d *dataConn) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *dataConn) bytes() int64 { return d.in.Load() + d.out.Load() }

func (d *dataConn) localPort() uint16 { return addrPortOf(d.raw.LocalAddr()).Port() }

// LocalAddr is this end of the connection.
func (d *dataConn) LocalAddr() net.Addr { return d.raw.LocalAddr() }

// RemoteAddr is the client's end.
func (d *dataConn) RemoteAddr() net.Addr { return d.raw.RemoteAddr() }

// SetDeadline does nothing, as do the other two: each read and write has the
// stall timeout.
func (d *dataConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (d *dataConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (d *dataConn) SetWriteDeadline(time.Time) error { return nil }

// reset closes a connection so that neither side waits for the other.
func reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// onlyReader and onlyWriter hide the methods that would make io.Copy call back.
type onlyReader struct{ io.Reader }

type onlyWriter struct{ io.Writer }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// readerFrom copies to a connection that cannot do it by itself.
type readerFrom struct{ conn net.Conn }

func (w readerFrom) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(onlyWriter{w.conn}, r)
}
