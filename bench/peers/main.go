//go:build linux

// Command peers measures portico beside the servers that people use today: vsftpd,
// Pure-FTPd, ProFTPD, pyftpdlib, and a plain ftpserverlib server, which is the
// engine that portico is built on. All have the same user, files in memory, a
// passive range of one size, the same certificate and no log. They take turns:
// each round runs every server once, in another order, so that whatever else the
// machine does meets all of them. It needs root, for the servers that change to who
// has logged in; the accounts are made in a mount namespace of each server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	portico string
	peers   string
	only    string
	servers string
	rounds  int
	window  time.Duration
}

func servers() []*peer { return []*peer{portico, vsftpd, pureftpd, proftpd, pyftpdlib, plain, bare} }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case plainCommand:
			return servePlain(ctx, args[1:])
		case bareCommand:
			return serveBare(ctx, args[1:])
		}
	}
	files, err := raiseFileLimit()
	if err != nil {
		return err
	}
	all := rows(files)
	o, err := parse(args, all, stderr)
	if err != nil {
		return err
	}
	chosen, err := choose(servers(), func(p *peer) string { return p.name }, o.servers)
	if err != nil {
		return fmt.Errorf("-servers: %w", err)
	}
	wanted, err := choose(all, func(r row) string { return r.name }, o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if os.Getuid() != 0 {
		return errors.New("vsftpd, Pure-FTPd and ProFTPD must start as root to become who has logged in: run this as root")
	}
	runtime.GOMAXPROCS(256) // a client of each session blocks in the kernel
	l, err := newLab(o.portico, o.peers)
	if err != nil {
		return err
	}
	c := &contest{lab: l, options: o, peers: chosen, progress: stderr}
	t, err := c.run(ctx, wanted)
	return errors.Join(err, t.write(stdout), c.stop(), l.close())
}

func parse(args []string, all []row, stderr io.Writer) (options, error) {
	var o options
	var quick bool
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.portico, "portico", "bin/portico", "the portico `binary` to measure")
	flags.StringVar(&o.peers, "peers", "bin/peers", "the `folder` that bench/install-peers.sh has filled")
	flags.StringVar(&o.only, "only", "", "measure these `rows` alone, separated by commas, each by its whole name or its beginning: "+names(all, func(r row) string { return r.name }))
	flags.StringVar(&o.servers, "servers", "", "measure these `servers` alone, the same way: "+names(servers(), func(p *peer) string { return p.name }))
	flags.IntVar(&o.rounds, "rounds", 5, "how many `rounds` medians are taken of")
	flags.DurationVar(&o.window, "window", time.Second, "how long each server's small transfers and logins are counted in a round")
	flags.BoolVar(&quick, "quick", false, "one round, and short windows")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if quick {
		o.rounds, o.window = 1, 300*time.Millisecond
	}
	if o.rounds < 1 || o.window <= 0 {
		return o, errors.New("-rounds and -window must be positive")
	}
	return o, nil
}

func names[T any](all []T, name func(T) string) string {
	var texts []string
	for _, one := range all {
		texts = append(texts, name(one))
	}
	return strings.Join(texts, ", ")
}

// choose returns those of all whose names are listed or begin as one of the list,
// all of them if the list is empty.
func choose[T any](all []T, name func(T) string, list string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	wanted := strings.Split(list, ",")
	for i, w := range wanted {
		wanted[i] = strings.ToLower(w)
		if !slices.ContainsFunc(all, func(one T) bool { return w != "" && strings.HasPrefix(strings.ToLower(name(one)), wanted[i]) }) {
			return nil, fmt.Errorf("nothing is called %q: there are %s", w, names(all, name))
		}
	}
	exact := make(map[string]bool)
	for _, one := range all {
		exact[strings.ToLower(name(one))] = true
	}
	for _, one := range all {
		lower := strings.ToLower(name(one))
		if slices.ContainsFunc(wanted, func(w string) bool { return lower == w || !exact[w] && strings.HasPrefix(lower, w) }) {
			chosen = append(chosen, one)
		}
	}
	return chosen, nil
}

// raiseFileLimit makes room for the idle sessions where it may, and returns how many
// files a process can have now. The servers inherit it.
func raiseFileLimit() (int, error) {
	const wanted = 32_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	raised := syscall.Rlimit{Cur: max(limit.Max, wanted), Max: max(limit.Max, wanted)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		return int(raised.Cur), nil
	}
	limit.Cur = limit.Max // in some containers even root may not have more
	return int(limit.Cur), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
