package notify

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// CommandOptions configures a Command. NewCommand copies it.
type CommandOptions struct {
	// Argv is the program and its arguments, passed on as they are: no shell
	// reads them and nothing is filled in. A program without a slash is looked
	// for in PATH, once. It runs in the server's working directory, with no
	// input. Required.
	Argv []string

	// On are the kinds of event to run it for. Empty: all.
	On []server.EventKind

	// Timeout is how long one run may take before its process group is killed.
	// Zero or less: 30 s.
	Timeout time.Duration

	// Concurrency is how many may run at the same time. Zero or less: 4.
	Concurrency int

	// Queue is how many events may wait for their turn. When they are that
	// many, the next is dropped, counted and logged. Zero or less: 1,000.
	Queue int

	// Logger receives the log: runs that fail as warnings, the first 4 KiB of
	// their output at debug. Nil: nothing is logged.
	Logger *zap.Logger
}

const (
	defaultCommandTimeout     = 30 * time.Second
	defaultCommandConcurrency = 4
	defaultCommandQueue       = 1000
)

func (o CommandOptions) withDefaults() CommandOptions {
	o.Argv = slices.Clone(o.Argv)
	if o.Timeout <= 0 {
		o.Timeout = defaultCommandTimeout
	}
	if o.Concurrency <= 0 {
		o.Concurrency = defaultCommandConcurrency
	}
	if o.Queue <= 0 {
		o.Queue = defaultCommandQueue
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

// findProgram is the path of the program that Argv names.
func (o CommandOptions) findProgram() (string, error) {
	if len(o.Argv) == 0 || o.Argv[0] == "" {
		return "", errors.New("notify: CommandOptions.Argv is empty: name the program, then its arguments")
	}
	path, err := exec.LookPath(o.Argv[0])
	if err != nil {
		return "", fmt.Errorf("notify: CommandOptions.Argv: %w: name an executable file by its full path", err)
	}
	return path, nil
}
