//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// streamBuffer is how much of a large download the client reads at a time.
const streamBuffer = 1 << 20

// source is where large downloads come from, with what was measured of them.
type source struct {
	*server
	name  string // in a table of many
	fetch func(buffer []byte) (drained int64, took time.Duration, err error)
	want  int64           // what a round must bring
	rates []float64       // of what is wanted, a second, one of each round
	used  []time.Duration // processor time of the server, one of each round
}

// match is portico, with a session of it, and the bare server beside it.
type match struct {
	portico, bare *server
	session       *client
}

// protection says whether a session and its transfers use TLS.
type protection bool

const (
	inClear   protection = false
	encrypted protection = true
)

// startMatch starts both servers on one large file and logs in.
func (l *lab) startMatch(protect protection) (*match, error) {
	file, err := l.provideLarge()
	if err != nil {
		return nil, err
	}
	m := &match{}
	if m.portico, err = l.startPortico(); err != nil {
		return nil, err
	}
	if m.bare, err = l.startSelf(bareCommand, file); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	if m.session, err = l.loginTo(m.portico, protect); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	return m, nil
}

func (l *lab) loginTo(s *server, protect protection) (*client, error) {
	session, err := dial(s.address)
	if err != nil {
		return nil, err
	}
	if protect == encrypted {
		if err := session.encrypt(); err != nil {
			return nil, errors.Join(err, session.close())
		}
	}
	if err := session.login(userName, l.password); err != nil {
		return nil, errors.Join(err, session.close())
	}
	return session, nil
}

// stop ends what was started.
func (m *match) stop() error {
	var errs []error
	if m.session != nil {
		errs = append(errs, m.session.close())
	}
	for _, s := range []*server{m.portico, m.bare} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}

// measureDownload alternates between portico and a bare sendfile server, so
// that whatever else the machine does meets both.
func measureDownload(ctx context.Context, l *lab, o options) (rows []row, err error) {
	m, err := l.startMatch(inClear)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	ours := &source{server: m.portico, fetch: m.session.fetchLarge, want: largeSize}
	theirs := &source{server: m.bare, fetch: m.bare.fetchBare(bareDownload), want: largeSize}
	if err := alternate(ctx, o.rounds, ours, theirs); err != nil {
		return nil, err
	}
	return compare(ours, theirs), nil
}

// alternate runs one round that does not count and then the others. The order
// differs from round to round: what an upload costs may depend on the memory that
// the one before it has left.
func alternate(ctx context.Context, rounds int, sources ...*source) error {
	buffer := make([]byte, streamBuffer)
	for round := range rounds + 1 {
		for _, i := range rand.Perm(len(sources)) {
			s := sources[i]
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.round(buffer, round > 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *source) round(buffer []byte, counts bool) error {
	before, err := s.processorTime()
	if err != nil {
		return err
	}
	n, took, err := s.fetch(buffer)
	if err != nil {
		return err
	}
	if n != s.want {
		return fmt.Errorf("a round brings %d, want %d", n, s.want)
	}
	after, err := s.processorTime()
	if err != nil {
		return err
	}
	if counts {
		s.rates = append(s.rates, float64(n)/took.Seconds())
		s.used = append(s.used, after-before)
	}
	return nil
}

// fetchLarge takes the time from RETR to the last byte.
func (c *client) fetchLarge(buffer []byte) (int64, time.Duration, error) {
	data, err := c.retr(largeFile)
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	n, err := drain(data, buffer)
	took := time.Since(start)
	if err := errors.Join(err, data.Close(), c.expect("150"), c.expect("226")); err != nil {
		return n, took, err
	}
	return n, took, nil
}

func compare(ours, theirs *source) []row {
	rate, bareRate := median(ours.rates), median(theirs.rates)
	used, bareUsed := mean(ours.used), mean(theirs.used)
	ratio := rate / bareRate
	rows := []row{
		{"Download of 1 GiB in one stream, plain", fmt.Sprintf("%.2f GiB/s", rate/(1<<30)), "", unjudged},
		{"The same from a bare Go sendfile loop", fmt.Sprintf("%.2f GiB/s", bareRate/(1<<30)), "", unjudged},
		{"Ratio of the rates (medians)", fmt.Sprintf("%.2f", ratio), "at least 0.90", judge(ratio >= 0.9)},
		{"Server CPU of the download", fmt.Sprintf("%.3f s/GiB", used.Seconds()), "", unjudged},
		{"Server CPU of the bare loop", fmt.Sprintf("%.3f s/GiB", bareUsed.Seconds()), "", unjudged},
	}
	if bareUsed > 0 {
		ratio := float64(used) / float64(bareUsed)
		rows = append(rows, row{"Ratio of the CPU times (means)", fmt.Sprintf("%.2f", ratio), "at most 1.10", judge(ratio <= 1.1)})
	}
	return rows
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// mean serves where a median would show the clock's ticks: a download uses a
// few dozen of them.
func mean(values []time.Duration) time.Duration {
	var sum time.Duration
	for _, v := range values {
		sum += v
	}
	return sum / time.Duration(len(values))
}
