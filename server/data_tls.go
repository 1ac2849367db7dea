package server

import (
	"io"
	"net"
	"time"
)

// tlsSocket is the socket under the TLS of a data connection. TLS writes and
// reads a record of 16 KiB at a time; this makes system calls for many of them
// at once. It also notes that the socket came to its end, which TLS that ends
// in order never looks for.
//
// One goroutine uses it, as it does dataConn.
type tlsSocket struct {
	net.Conn
	buffers *buffers
	stall   time.Duration // for each read after the handshake, 0: any
	ended   bool

	gathering bool    // the handshake is over
	out       *[]byte // block that out[:used] gathers in, nil if none
	used      int
	in        *[]byte // block that in[from:to] has been read ahead into
	from, to  int
}

// maxRecord is how long a record of TLS may be (RFC 8446 §5.2, RFC 5246 §6.2.3).
const maxRecord = recordHeader + 1<<14 + 2048

// startGathering is called after the handshake, whose messages must not wait.
func (s *tlsSocket) startGathering() { s.gathering = true }

// stopGathering sends what is left. From now on nothing waits: TLS allows no
// more writes as soon as it has handed over its close_notify.
func (s *tlsSocket) stopGathering() error {
	s.gathering = false
	return s.flush()
}

func (s *tlsSocket) Write(p []byte) (int, error) {
	if !s.gathering {
		n, err := s.Conn.Write(p)
		quickAck(s.Conn)
		return n, err
	}
	if s.out == nil {
		s.out = s.buffers.getBlock()
	}
	if s.used+len(p) > len(*s.out) {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) > len(*s.out) {
		return s.Conn.Write(p)
	}
	s.used += copy((*s.out)[s.used:], p)
	return len(p), nil
}

// flush sends what has been gathered.
func (s *tlsSocket) flush() error {
	if s.used == 0 {
		return nil
	}
	_, err := s.Conn.Write((*s.out)[:s.used])
	s.used = 0
	return err
}

func (s *tlsSocket) Read(p []byte) (int, error) {
	if !s.gathering {
		return s.note(s.Conn.Read(p))
	}
	if s.from == s.to {
		if s.in == nil {
			s.in = s.buffers.getBlock()
		}
		s.Conn.SetReadDeadline(deadline(time.Now(), s.stall))
		n, err := s.Conn.Read(*s.in)
		s.from, s.to = 0, n
		if n == 0 {
			return s.note(0, err)
		}
	}
	n := copy(p, (*s.in)[s.from:s.to])
	s.from += n
	return n, nil
}

// hasRecord says whether so much has been read ahead that the next read of TLS
// will not wait. Nil has none.
func (s *tlsSocket) hasRecord() bool { return s != nil && s.to-s.from >= maxRecord }

func (s *tlsSocket) note(n int, err error) (int, error) {
	if err == io.EOF {
		s.ended = true
	}
	return n, err
}

// release gives the buffers back, when the connection is closed.
func (s *tlsSocket) release() {
	for _, block := range []**[]byte{&s.in, &s.out} {
		if *block != nil {
			s.buffers.putBlock(*block)
			*block = nil
		}
	}
}
