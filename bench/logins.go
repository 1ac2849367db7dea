//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const loginClients = 16

// measureLogins logs in again and again, each time on a new connection, with a
// password that the server remembers.
func measureLogins(ctx context.Context, l *lab, o options) (rows []row, err error) {
	s, err := l.startPortico()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var logins atomic.Int64
	var all sync.WaitGroup
	for range loginClients {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := logInOnce(localHost, s.address, userName, l.password, "230"); err != nil {
					cancel(err)
				}
				logins.Add(1)
			}
		})
	}
	defer all.Wait()
	defer cancel(nil)

	pause(ctx, smallWarmUp)
	start, before := time.Now(), logins.Load()
	used, err := s.processorTime()
	if err != nil {
		return nil, err
	}
	pause(ctx, o.duration)
	elapsed, done := time.Since(start), logins.Load()-before
	after, err := s.processorTime()
	if err := errors.Join(err, context.Cause(ctx)); err != nil {
		return nil, err
	}
	rate := float64(done) / elapsed.Seconds()
	return []row{
		{"Logins (connection, USER, PASS with a remembered password)", fmt.Sprintf("%.0f a second", rate), "at least 3,000 a second", judge(rate >= 3000)},
		{"Server CPU of a login", fmt.Sprintf("%.0f µs", float64((after-used).Microseconds())/float64(max(1, done))), "", unjudged},
	}, nil
}

// logInOnce connects, sends name and password, and ends the connection when the
// reply has come.
func logInOnce(from, address, name, password, want string) error {
	c, err := tryLogin(from, address, name, password)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	line, err := c.reply()
	if err == nil && !strings.HasPrefix(line, want) {
		err = fmt.Errorf("reply %q to PASS, want %s", line, want)
	}
	return err
}

// tryLogin connects and sends name and password. The caller closes the
// connection.
func tryLogin(from, address, name, password string) (*client, error) {
	c, err := dialFrom(from, address)
	if err != nil {
		return nil, err
	}
	c.conn.(*net.TCPConn).SetLinger(0) // or tens of thousands of ports would linger
	if err := errors.Join(c.command("USER "+name, "331"), c.send("PASS "+password)); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}
