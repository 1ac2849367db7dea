package ldapusers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/zap"

	"github.com/portico-ftp/portico/driver"
)

// ask puts a question to the first server that can be reached. A question may
// be put several times.
func (s *Source) ask(ctx context.Context, question func(*ldap.Conn) error) error {
	if err := s.takeSlot(ctx); err != nil {
		return err
	}
	defer s.slots.Release(1)
	var faults []error
	order := s.servers.inOrder(time.Now())
	for n, i := range order {
		server := s.servers.list[i]
		err := s.askServer(ctx, server, question)
		if ctx.Err() != nil && !isAnswer(err) {
			return fmt.Errorf("ldapusers: %s: %w", server.url, ctx.Err()) // the client has gone
		}
		s.servers.note(i, !isAnswer(err), time.Now())
		if isAnswer(err) {
			return withServer(server, err)
		}
		if n < len(order)-1 {
			s.opts.Logger.Warn("LDAP server failed, asking the next", zap.String("server", server.url), zap.Error(err))
		}
		faults = append(faults, fmt.Errorf("ldapusers: %s: %w", server.url, err))
	}
	return errors.Join(faults...)
}

func withServer(server server, err error) error {
	if err == nil || errors.Is(err, driver.ErrDenied) {
		return err
	}
	return fmt.Errorf("ldapusers: %s: %w", server.url, err)
}

// takeSlot waits until fewer connections than allowed are open.
func (s *Source) takeSlot(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	if err := s.slots.Acquire(waiting, 1); err != nil {
		return fmt.Errorf("ldapusers: all %d connections are in use: %w", s.opts.Connections, err)
	}
	return nil
}

// errUnavailable is a failure of a server, for which another one can stand in.
type errUnavailable struct{ error }

func (e errUnavailable) Unwrap() error { return e.error }

// isAnswer says whether an error, or nil, is what the directory says, and not
// that a server could not be asked.
func isAnswer(err error) bool {
	_, failed := errors.AsType[errUnavailable](err)
	return !failed
}

// judge tells an error that the directory answers from those of a server that
// does not answer, or not in LDAP.
func judge(err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*ldap.Error](err)
	if !ok {
		return errUnavailable{err}
	}
	switch answer.ResultCode {
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable, ldap.ErrorNetwork, ldap.ErrorUnexpectedMessage, ldap.ErrorUnexpectedResponse, ldap.ErrorMalformedPacket:
		return errUnavailable{err}
	}
	return err
}

// askServer connects, asks and closes, in Timeout.
func (s *Source) askServer(ctx context.Context, server server, question func(*ldap.Conn) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	conn, err := s.connect(ctx, server)
	if err != nil {
		return errUnavailable{err}
	}
	stop := context.AfterFunc(ctx, conn.end)
	defer func() {
		stop()
		_ = conn.Close()
		// The library takes for granted what an answer looks like.
		if cause := recover(); cause != nil {
			err = errUnavailable{fmt.Errorf("the server answers something else than LDAP: %v", cause)}
		}
		if ctx.Err() != nil && err != nil && !errors.Is(err, driver.ErrDenied) {
			err = errUnavailable{fmt.Errorf("no answer within %v: %w", s.opts.Timeout, err)}
		}
		if conn.raw.overflowed.Load() && err != nil {
			err = errUnavailable{errTooMuch}
		}
	}()
	if s.opts.StartTLS && !server.secure {
		if err := conn.StartTLS(s.tlsConfig(server)); err != nil {
			return errUnavailable{fmt.Errorf("StartTLS: %w", err)}
		}
	}
	return question(conn.Conn)
}

// connection is one to a server, with what is below it.
type connection struct {
	*ldap.Conn

	raw *boundedConn
}

// end makes everything that waits for the server fail.
func (c *connection) end() { _ = c.raw.Close() }

func (s *Source) connect(ctx context.Context, server server) (*connection, error) {
	dialed, err := s.opts.Dial(ctx, "tcp", server.address)
	if err != nil {
		return nil, err
	}
	raw := &boundedConn{Conn: dialed, left: mostBytes}
	var conn net.Conn = raw
	if server.secure {
		secured := tls.Client(raw, s.tlsConfig(server))
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		conn = secured
	}
	client := ldap.NewConn(conn, server.secure)
	client.SetTimeout(s.opts.Timeout)
	client.Start()
	return &connection{client, raw}, nil
}

func (s *Source) tlsConfig(server server) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.opts.TLS != nil {
		config = s.opts.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = server.host
	}
	return config
}

// mostBytes is how much a server may send in one attempt: thousands of groups.
const mostBytes = 1 << 20

var errTooMuch = fmt.Errorf("the server sends more than %d bytes about one user", mostBytes)

// boundedConn reads no more than it should. One goroutine at a time reads.
type boundedConn struct {
	net.Conn

	left       int
	overflowed atomic.Bool
}

func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		c.overflowed.Store(true)
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// wholeSeconds rounds up: to a server, 0 is no limit.
func wholeSeconds(d time.Duration) int {
	return int(math.Ceil(max(d.Seconds(), 1)))
}
