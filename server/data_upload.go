package server

import (
	"io"
	"os"
	"runtime"
	"syscall"
	"time"
)

// An upload goes on by larger steps once bulkAfter bytes have come within
// bulkWithin. The size of reads would not tell: who keeps up with the client
// reads little at a time, however fast it is.
const (
	bulkAfter  = 4 << 20
	bulkWithin = 50 * time.Millisecond
)

// receive copies an upload to w, its file. One that is fast goes on within the
// kernel, or else in larger blocks; many small ones need no pipe each.
func (d *dataConn) receive(w io.Writer) (total int64, err error) {
	untilFast := !d.encrypted // blocks that the processor's cache holds suit decryption better
	block := d.buffers.getBlock()
	total, more, err := d.copyBlocks(w, *block, untilFast)
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
	n, _, err := d.copyBlocks(w, *bulk, false)
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
			return total, d.transfer.uploadCut(true)
		case err != nil && (n == 0 || !isTimeout(err)):
			return total, d.failUnlessFile(err)
		}
	}
}

// copyBlocks copies to the end of the upload, or until it is fast; then there may
// be more.
func (d *dataConn) copyBlocks(w io.Writer, buf []byte, untilFast bool) (total int64, more bool, err error) {
	began, mark := time.Now(), int64(0)
	for {
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
		case untilFast && total-mark >= bulkAfter:
			now := time.Now()
			if now.Sub(began) <= bulkWithin {
				return total, true, nil
			}
			began, mark = now, total
		}
	}
}

// fill reads once, and under TLS, which gives a record at a time, as often as
// records have come.
func (d *dataConn) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil && (n == 0 || d.socket.hasRecord()) {
		var more int
		more, err = d.read(buf[n:])
		n += more
	}
	return n, err
}

// read reads what the client uploads. An upload under TLS that ends without
// close_notify was cut short, by whomever: io.ErrUnexpectedEOF. So was one whose
// client has aborted it or gone.
func (d *dataConn) read(p []byte) (int, error) {
	conn, err := d.open(upload)
	if err != nil {
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
		if cut := d.transfer.uploadCut(d.socket == nil); cut != nil {
			return n, cut // the connection itself did not fail
		}
	}
	if err != nil && err != io.EOF {
		err = d.fail(err)
	}
	return n, err
}
