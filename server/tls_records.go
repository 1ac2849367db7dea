package server

import (
	"encoding/binary"
	"io"
	"net"
)

// recordReader hands TLS one record at a time, never a byte beyond: what
// follows the record that ends TLS is in clear (CCC, REIN) and must not vanish
// in the buffers of TLS.
type recordReader struct {
	net.Conn
	ahead []byte // read from the connection, not yet handed out
	left  int    // bytes of the current record that are to come
	ended bool   // the connection has come to its end

	established bool // the handshake is over
}

const (
	recordHeader = 5 // type, version, length (RFC 8446 §5.1)
	readAhead    = 1024
)

func (r *recordReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if err := r.nextRecord(); err != nil {
			return 0, err
		}
	}
	if len(r.ahead) == 0 {
		n, err := r.Conn.Read(p[:min(len(p), r.left)])
		r.left -= n
		return n, r.note(err)
	}
	n := copy(p, r.ahead[:min(len(r.ahead), r.left)])
	r.ahead = r.ahead[n:]
	r.left -= n
	if len(r.ahead) == 0 {
		r.ahead = nil
	}
	return n, nil
}

// Write sends, and wants the answer to a part of the handshake quickly.
func (r *recordReader) Write(p []byte) (int, error) {
	n, err := r.Conn.Write(p)
	if !r.established {
		quickAck(r.Conn)
	}
	return n, err
}

// nextRecord reads until the length of the next record is known. A read that
// times out in between loses nothing.
func (r *recordReader) nextRecord() error {
	for len(r.ahead) < recordHeader {
		buf := make([]byte, len(r.ahead)+readAhead)
		n, err := r.Conn.Read(buf[copy(buf, r.ahead):])
		r.ahead = buf[:len(r.ahead)+n]
		if err != nil && len(r.ahead) < recordHeader {
			return r.note(err)
		}
	}
	r.left = recordHeader + int(binary.BigEndian.Uint16(r.ahead[3:]))
	return nil
}

func (r *recordReader) note(err error) error {
	if err == io.EOF {
		r.ended = true
	}
	return err
}

// clear returns what follows the last record that was read.
func (r *recordReader) clear() io.Reader {
	return &clearReader{r}
}

// clearReader reads behind TLS.
type clearReader struct{ records *recordReader }

func (c *clearReader) Read(p []byte) (int, error) {
	if ahead := c.records.ahead; len(ahead) > 0 {
		n := copy(p, ahead)
		c.records.ahead = ahead[n:]
		return n, nil
	}
	return c.records.Conn.Read(p)
}
