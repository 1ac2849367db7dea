package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
)

func (p *program) upgradeCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Replace the running server by a new one",
		Long: `Replace the running server by a new process of the program at its path, with all
its sockets, so that no client is refused meanwhile. What there are of sessions
goes on in the old process until they end.

The server is the one that pid_file names. If the new process does not start, the
old one goes on as if nothing had happened, and its log says why.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.upgrade(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.file, "config", "", "configuration file (.yaml, .toml or .json) of the server")
	return cmd
}

func (p *program) upgrade(ctx context.Context, f *serveFlags) error {
	cfg, err := f.load(p.environ)
	if err != nil {
		return err
	}
	path := string(cfg.PIDFile)
	if path == "" {
		return &config.Fault{Key: "pid_file", Problem: "is empty, so the server cannot be found: set it for the server, too, and restart that once"}
	}
	before, err := lookForServer(path)
	if err != nil {
		return err
	}
	if err := signalUpgrade(before.pid); err != nil {
		return fmt.Errorf("send SIGUSR2 to process %d: %w", before.pid, err)
	}
	after, err := before.awaitChange(ctx, path)
	if err != nil {
		return err
	}
	if after.pid == before.pid {
		return fmt.Errorf("process %d goes on as before, because no new one could be started: its log says why", before.pid)
	}
	fmt.Fprintf(p.stdout, "process %d has taken the place of process %d, which ends with its sessions\n", after.pid, before.pid)
	return nil
}

// serverSeen is what a pid file said at a time.
type serverSeen struct {
	pid     int
	written time.Time
}

var errNoServer = errors.New("no server runs with this pid_file: start one")

// lookForServer reads the pid file of a server that runs.
func lookForServer(path string) (serverSeen, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errNoServer
	}
	if err != nil {
		return serverSeen{}, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	switch err := lockFile(file); {
	case err == nil:
		return serverSeen{}, fmt.Errorf("%s: %w", path, errNoServer)
	case !errors.Is(err, errLocked):
		return serverSeen{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return serverSeen{}, err
	}
	pid, err := readPID(file)
	if err != nil || pid <= 1 {
		return serverSeen{}, fmt.Errorf("the server of the pid_file %s is not serving yet, or not any more: try again", path)
	}
	return serverSeen{pid, info.ModTime()}, nil
}

// awaitChange returns when a server has written to the file again.
func (s serverSeen) awaitChange(ctx context.Context, path string) (serverSeen, error) {
	deadline := time.After(successorTimeout + 10*time.Second)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return serverSeen{}, context.Cause(ctx)
		case <-deadline:
			return serverSeen{}, fmt.Errorf("process %d does not say what has become of it: see its log", s.pid)
		case <-ticker.C:
		}
		switch now, err := lookForServer(path); {
		case errors.Is(err, errNoServer): // as long as one of the two runs, it has the lock
			return serverSeen{}, fmt.Errorf("process %d has ended: see its log", s.pid)
		case err == nil && now != s:
			return now, nil
		}
	}
}
