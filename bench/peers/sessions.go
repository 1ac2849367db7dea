//go:build linux

package main

import (
	"context"
	"errors"
)

// sessionClients is how many clients log in at one time.
const sessionClients = 16

func sessionRows() []row {
	metrics := []metric{opRate, opCPU, p50, p99}
	return []row{
		{name: "logins", title: "Login: connection, USER, PASS, 16 clients", kind: logins, metrics: metrics, measure: repeat((*lab).logIn)},
		{name: "churn", title: "Whole session: connection, login, EPSV + RETR of 1 KiB, QUIT, 16 clients", kind: churn, metrics: metrics, measure: repeat((*lab).visit)},
	}
}

func repeat(operation func(*lab, *server) error) func(context.Context, *lab, *server, options) (sample, error) {
	return func(ctx context.Context, l *lab, s *server, o options) (sample, error) {
		h := &hammer{clients: sessionClients, again: func(int, *session) error { return operation(l, s) }, window: o.window}
		return h.run(ctx, s)
	}
}

// logIn ends the connection as soon as the login is confirmed.
func (l *lab) logIn(s *server) error {
	c, err := dial(localHost, s.address)
	if err != nil {
		return err
	}
	err = c.login(l.password)
	return errors.Join(err, c.control.abort())
}

// visit is a session as a program has it that fetches one file.
func (l *lab) visit(s *server) error {
	c, err := l.open(s, inClear, localHost)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.get("RETR "+smallFile, nil); err != nil {
		return err
	}
	return c.command("QUIT", '2')
}
