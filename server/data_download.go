package server

import (
	"io"
	"net"
	"os"
	"time"
)

// send copies a download from r, its file. In clear the kernel copies, if r is a
// file of the operating system. Of nothing the TLS handshake is made, too, so that
// an empty file arrives as one.
func (d *dataConn) send(r io.Reader) (int64, error) {
	if _, err := d.open(download); err != nil {
		return 0, err
	}
	if file := osFile(r); file != nil && !d.encrypted {
		return d.sendfile(file)
	}
	buf := d.buffers.getBlock()
	defer d.buffers.putBlock(buf)
	return io.CopyBuffer(onlyWriter{writerFunc(d.write)}, onlyReader{r}, *buf)
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

// write sends p, in pieces if it may not go at once.
func (d *dataConn) write(p []byte) (sent int, err error) {
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
