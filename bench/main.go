//go:build linux

// Command bench measures a built portico on this machine and prints its
// numbers beside their targets: the processor time of a small transfer, large
// transfers against bare loops, listings against the engine alone, the memory
// of an idle session and of an upload to S3, what few passive ports do for many
// clients, and what one more costs beside many. The server runs as an unprivileged user on files in memory, so
// that what is measured is the server and not a disk.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	binary   string
	only     string
	plots    string
	duration time.Duration
	rounds   int
	sessions int
}

// measurement is one of the things that bench measures.
type measurement struct {
	name    string
	measure func(context.Context, *lab, options) ([]row, error)
}

func measurements() []measurement {
	return []measurement{
		{"small", measureSmall},
		{"download", measureDownload},
		{"upload", measureUpload},
		{"tls", measureTLS},
		{"ways", measureWays},
		{"listing", measureListings},
		{"limits", measureLimits},
		{"memory", measureMemory},
		{"object", measureObject},
		{"sharing", measureSharing},
		{"queue", measureQueue},
		{"hog", measureHog},
		{"logins", measureLogins},
		{"attack", measureAttack},
		{"reload", measureReload},
		{"growth", measureGrowth},
	}
}

func names() string {
	var all []string
	for _, m := range measurements() {
		all = append(all, m.name)
	}
	return strings.Join(all, ", ")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == bareCommand {
		return serveBare(ctx, args[1], stdout)
	}
	if len(args) == 2 && args[0] == engineCommand {
		return serveEngine(ctx, args[1], stdout)
	}
	opts, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if err := raiseFileLimit(); err != nil {
		return err
	}
	l, err := newLab(opts.binary, inMemory)
	if err != nil {
		return err
	}
	defer l.close()
	var rows []row
	for _, m := range measurements() {
		if opts.only != "" && !slices.Contains(strings.Split(opts.only, ","), m.name) {
			continue
		}
		fmt.Fprintln(stderr, "measuring:", m.name)
		measured, err := m.measure(ctx, l, opts)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, measured...)
	}
	return report(stdout, rows)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.binary, "server", "bin/portico", "the portico `binary` to measure")
	flags.StringVar(&o.only, "only", "", "measure these alone, separated by commas: "+names())
	flags.StringVar(&o.plots, "plots", "", "the `folder` that growth writes its plots into; empty: it draws none")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long transfers run, twice that for sharing and queue")
	flags.IntVar(&o.rounds, "rounds", 5, "how many large downloads of each server, and rounds of hog")
	flags.IntVar(&o.sessions, "sessions", 2000, "how many idle sessions")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.sessions < 1 || o.duration <= 0 {
		return o, fmt.Errorf("-duration, -rounds and -sessions must be positive")
	}
	return o, nil
}

// raiseFileLimit makes room for both ends of the idle sessions. The server
// inherits it.
func raiseFileLimit() error {
	const needed = 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = max(limit.Max, limit.Cur)
	if limit.Max < needed {
		limit.Cur, limit.Max = needed, needed // only root may
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the number of open files to %d: %w: use fewer -sessions or ulimit -n", limit.Cur, err)
	}
	return nil
}
