//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	reloadSessions  = 1000
	reloadTransfers = 100
	reloadTarget    = 100 // ms
)

// measureReload changes the configuration while sessions live and transfers run,
// and looks for what is lost. The time is that from the signal to the first
// greeting by the new configuration.
func measureReload(ctx context.Context, l *lab, o options) (rows []row, err error) {
	large, err := l.provideLarge()
	if err != nil {
		return nil, err
	}
	defer os.Remove(large)
	s, err := l.startWith(100, map[string]any{"banner": "generation 0 "})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var sessions crowd
	defer sessions.leave()
	if err := sessions.enter(s.address, l.password, reloadSessions); err != nil {
		return nil, err
	}
	running, err := sessions.download(reloadTransfers)
	if err != nil {
		return nil, err
	}
	var times []float64 // ms
	for round := range o.rounds {
		took, err := s.reload(filepath.Join(l.programs, "portico.json"), round)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		times = append(times, took.Seconds()*1000)
	}
	lost := sessions.finish(running)
	took := median(times)
	return []row{
		{fmt.Sprintf("Reload with %d sessions and %d running transfers: lost in %d reloads", reloadSessions, reloadTransfers, o.rounds), fmt.Sprint(lost), "0", judge(lost == 0)},
		{"… from the signal to a greeting by the new configuration, median", fmt.Sprintf("%.1f ms", took), "at most 100 ms", judge(took <= reloadTarget)},
	}, nil
}

// reload gives the next generation's banner to the server and waits for it.
func (s *server) reload(config string, round int) (time.Duration, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return 0, err
	}
	next := fmt.Sprintf("generation %d ", round+1)
	changed := strings.Replace(string(text), fmt.Sprintf("generation %d ", round), next, 1)
	if err := os.WriteFile(config, []byte(changed), 0o644); err != nil {
		return 0, err
	}
	started := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return 0, err
	}
	for time.Since(started) < startLimit {
		greeting, err := greetingOf(s.address)
		if err != nil {
			return 0, err
		}
		if strings.Contains(greeting, next) {
			return time.Since(started), nil
		}
	}
	return 0, errors.New("the new configuration did not come into force")
}

func greetingOf(address string) (string, error) {
	conn, err := connect(address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	buffer := make([]byte, 256)
	n, err := conn.Read(buffer)
	return string(buffer[:n]), err
}

// running is a download under way.
type running struct {
	session *client
	data    net.Conn
}

// download starts downloads in the first n sessions, of which nothing is read yet
// but the beginning.
func (c *crowd) download(n int) ([]*running, error) {
	var all []*running
	for _, one := range c.clients[:n] {
		data, err := one.retr(largeFile)
		if err != nil {
			return nil, err
		}
		first := make([]byte, 1)
		if _, err := data.Read(first); err != nil {
			return nil, err
		}
		all = append(all, &running{one, data})
	}
	return all, nil
}

// finish reads the downloads to their end, asks every session whether it lives,
// and counts those that were lost.
func (c *crowd) finish(downloads []*running) (lost int) {
	buffer := make([]byte, 1<<20)
	for _, d := range downloads {
		n, err := drain(d.data, buffer)
		if closeErr := d.data.Close(); err != nil || closeErr != nil || n != largeSize-1 || d.session.expect("150") != nil || d.session.expect("226") != nil {
			lost++
		}
	}
	for _, one := range c.clients[len(downloads):] {
		if one.command("NOOP", "200") != nil {
			lost++
		}
	}
	return lost
}
