package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// transfer is one command that uses a data connection.
type transfer struct {
	command string
	// connect opens or awaits the data connection. It returns soon after its
	// context is done.
	connect func(context.Context) (net.Conn, error)
	upload  io.Reader     // nil: a download
	into    io.Writer     // of a download
	limit   int64         // of a download; what is beyond is left unread
	fresh   bool          // do not resume the TLS session
	budget  time.Duration // for all of it; 0: transferBudget timeouts
}

// result is what came of a transfer.
type result struct {
	command      string
	opening      reply // zero if none came
	openingErr   error
	openingAfter time.Duration
	final        reply // zero if none came
	finalErr     error

	peer       netip.AddrPort // of the data connection; zero if there was none
	connectErr error
	tlsErr     error
	resumed    bool
	moved      int64
	cut        bool // by the limit
	late       bool // cut by the budget
	dataErr    error
	took       time.Duration
}

// Transfers that do not stall may take a number of timeouts, so that one byte
// now and then does not go on forever.
const (
	transferBudget = 10
	listingBudget  = 3
)

// transfer makes a transfer. The control connection is broken afterwards if the
// server did not come to an end with it.
func (c *course) transfer(ctx context.Context, s *session, t transfer) *result {
	r := &result{command: t.command}
	started := time.Now()
	if r.openingErr = s.send(t.command); r.openingErr != nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.budget, transferBudget*c.Timeout))
	defer cancel()
	answered := make(chan struct{})
	go r.awaitOpening(s, started, cancel, answered)
	c.moveData(ctx, s, t, r)
	<-answered
	switch {
	case r.openingErr != nil || r.opening.negative():
	case r.opening.preliminary():
		r.final, r.finalErr = s.receive()
	default:
		r.final = r.opening
	}
	r.took = time.Since(started)
	return r
}

// awaitOpening reads the first reply beside the opening of the data connection:
// which of the two comes first is different with each server. A refusal ends
// the waiting for the data connection.
func (r *result) awaitOpening(s *session, started time.Time, cancel context.CancelFunc, answered chan<- struct{}) {
	defer close(answered)
	r.opening, r.openingErr = s.receive()
	r.openingAfter = time.Since(started)
	if r.openingErr != nil || r.opening.negative() {
		cancel()
	}
}

// moveData opens the data connection, moves what is to be moved, and closes it.
func (c *course) moveData(ctx context.Context, s *session, t transfer, r *result) {
	raw, err := t.connect(ctx)
	if err != nil {
		r.connectErr = err
		return
	}
	r.peer = addrPortOf(raw.RemoteAddr())
	unwatch := context.AfterFunc(ctx, func() { raw.Close() })
	defer func() { r.late = !unwatch() && errors.Is(ctx.Err(), context.DeadlineExceeded) }()
	conn := raw
	if s.tlsConfig != nil {
		secure := tls.Client(raw, s.dataTLS(t.fresh))
		limited, cancel := context.WithTimeout(ctx, c.Timeout)
		r.tlsErr = secure.HandshakeContext(limited)
		cancel()
		if r.tlsErr != nil {
			raw.Close()
			return
		}
		r.resumed = secure.ConnectionState().DidResume
		conn = secure
	}
	r.copy(conn, t, c.Timeout)
	conn.SetDeadline(time.Now().Add(c.Timeout))
	if t.upload != nil && r.dataErr == nil {
		r.dataErr = finishUpload(conn, raw)
	}
	conn.Close()
}

// finishUpload says that the file has ended, and reads what the server has sent
// by itself, such as TLS session tickets: closing a socket with unread bytes
// resets the connection, and the end of the file may be lost.
func finishUpload(conn, raw net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		if err := secure.CloseWrite(); err != nil {
			return err
		}
	}
	if half, ok := raw.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
		io.Copy(io.Discard, io.LimitReader(raw, replyLimit))
	}
	return nil
}

// dataTLS is the configuration of a data connection.
func (s *session) dataTLS(fresh bool) *tls.Config {
	config := s.tlsConfig.Clone()
	if fresh {
		config.ClientSessionCache = nil
	}
	// Sessions with a certificate that has expired would not be resumed, and
	// the server might insist.
	if chain := s.tlsState.PeerCertificates; len(chain) > 0 && time.Now().After(chain[0].NotAfter) {
		config.Time = func() time.Time { return chain[0].NotAfter.Add(-time.Second) }
	}
	return config
}

// copy moves blocks, each of which must go within the timeout.
func (r *result) copy(conn net.Conn, t transfer, timeout time.Duration) {
	block := make([]byte, 32<<10)
	for r.dataErr == nil {
		conn.SetDeadline(time.Now().Add(timeout))
		var n int
		if t.upload != nil {
			n, r.dataErr = sendBlock(conn, t.upload, block)
		} else {
			n, r.dataErr = conn.Read(block)
			n = int(min(int64(n), t.limit-r.moved))
			t.into.Write(block[:n])
		}
		r.moved += int64(n)
		if t.upload == nil && r.moved >= t.limit {
			r.cut = r.dataErr == nil
			return
		}
	}
	// Some servers end TLS without saying so; whether all came, the final
	// reply says.
	if r.dataErr == io.EOF || t.upload == nil && errors.Is(r.dataErr, io.ErrUnexpectedEOF) {
		r.dataErr = nil
	}
}

func sendBlock(conn net.Conn, from io.Reader, block []byte) (int, error) {
	n, err := from.Read(block)
	if n == 0 {
		return 0, err
	}
	return conn.Write(block[:n])
}

// succeeded: after a download that was cut, the server's verdict does not
// count.
func (r *result) succeeded() bool {
	return r.peer.IsValid() && r.tlsErr == nil && r.dataErr == nil && (r.cut || r.final.completed())
}

// stalled says that data moved no more, while nobody said why.
func (r *result) stalled() bool {
	return !r.late && r.opening.preliminary() && r.peer.IsValid() && r.tlsErr == nil && !r.final.completed() &&
		(isTimeout(r.dataErr) || r.dataErr == nil && isTimeout(r.finalErr))
}

// problem says why it did not succeed.
func (r *result) problem() string {
	switch {
	case r.opening.negative():
		return fmt.Sprintf("%s was answered %v", r.command, r.opening)
	case r.openingErr != nil && isTimeout(r.openingErr):
		return r.command + " was not answered in time"
	case r.openingErr != nil:
		return fmt.Sprintf("%s was not answered: %s", r.command, reason(r.openingErr))
	case r.connectErr != nil:
		return "no data connection: " + reason(r.connectErr)
	case r.tlsErr != nil:
		return "TLS on the data connection failed: " + reason(r.tlsErr)
	case r.late:
		return fmt.Sprintf("it was too slow: %d bytes in %v", r.moved, r.took.Round(time.Second))
	case r.stalled():
		return fmt.Sprintf("it stalled after %d bytes", r.moved)
	case r.final.negative():
		return fmt.Sprintf("it ended with %v after %d bytes", r.final, r.moved)
	case r.dataErr != nil:
		return fmt.Sprintf("it broke after %d bytes: %s", r.moved, reason(r.dataErr))
	case r.finalErr != nil:
		return "its end was not reported: " + reason(r.finalErr)
	default:
		return "nothing"
	}
}
