package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// Command runs a program for each event. Make one with NewCommand; whoever
// made it closes it. Its methods are safe for concurrent use.
type Command struct {
	opts   CommandOptions
	on     selection
	path   string // the program
	losses losses
	kill   func()        // ends what runs and drops what waits
	done   chan struct{} // closed when the last worker has ended

	mu     sync.Mutex // guards closed, and sends on queue against its closing
	closed bool
	queue  chan server.Event
}

// NewCommand checks the options and makes ready to run the program. It is an
// error if there is no such program.
func NewCommand(opts CommandOptions) (*Command, error) {
	opts = opts.withDefaults()
	path, pathErr := opts.findProgram()
	on, onErr := newSelection("CommandOptions.On", opts.On)
	if err := errors.Join(pathErr, onErr); err != nil {
		return nil, err
	}
	logger := opts.Logger.Named("notify").With(zap.String("command", opts.Argv[0]))
	opts.Logger = logger
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &Command{
		opts: opts, on: on, path: path,
		kill:   func() { cancel(errors.New("killed because the server stops")) },
		losses: losses{logger: logger},
		done:   make(chan struct{}),
		queue:  make(chan server.Event, opts.Queue),
	}
	go c.work(ctx)
	return c, nil
}

// Notify has the program run for the event, soon. It never blocks: where the
// queue is full, or the Command is closed, the event is dropped.
func (c *Command) Notify(e server.Event) {
	if !c.on.has(e.Kind) {
		return
	}
	if reason := c.enqueue(e); reason != "" {
		c.losses.add(1, reason)
	}
}

// enqueue says why it has not, or nothing.
func (c *Command) enqueue(e server.Event) (reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "closed"
	}
	select {
	case c.queue <- e:
		return ""
	default:
		return "queue full"
	}
}

// Dropped is how many events have been lost: those for which the program was
// not started. A program that fails is not counted.
func (c *Command) Dropped() uint64 { return c.losses.count() }

// Close takes no more events and returns when the program has been run for
// those that it has. When ctx is done first, what runs is killed, what waits is
// dropped and counted, and an error that wraps ctx's is returned. It may be
// called again.
func (c *Command) Close(ctx context.Context) error {
	c.closeQueue()
	var err error
	select {
	case <-c.done:
	case <-ctx.Done():
		select {
		case <-c.done:
		default:
			err = fmt.Errorf("notify: killed the commands that were running: %w", ctx.Err())
		}
	}
	c.kill()
	<-c.done
	c.losses.report()
	return err
}

func (c *Command) closeQueue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.queue)
	}
}

// work runs the workers until the queue is closed and empty.
func (c *Command) work(ctx context.Context) {
	defer close(c.done)
	var workers sync.WaitGroup
	for range c.opts.Concurrency {
		workers.Go(func() { c.workThrough(ctx) })
	}
	workers.Wait()
}

func (c *Command) workThrough(ctx context.Context) {
	for e := range c.queue {
		if ctx.Err() != nil {
			c.losses.add(1, "closed before its turn")
			continue
		}
		c.run(ctx, e)
	}
}

// run runs the program for one event and logs how it went.
func (c *Command) run(ctx context.Context, e server.Event) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Timeout,
		fmt.Errorf("killed after the time-out of %v", c.opts.Timeout))
	defer cancel()
	started := time.Now()
	output, err := execute(ctx, c.path, c.opts.Argv, environment(e))
	log := c.opts.Logger.With(zap.Stringer("event", e.Kind), zap.Uint64("session_id", e.SessionID))
	if err != nil {
		log.Warn("command failed", zap.Error(err), zap.Duration("duration", time.Since(started)))
	}
	log.Debug("command ended", zap.Duration("duration", time.Since(started)),
		zap.ByteString("output", output.head), zap.Bool("output_cut", output.cut))
}
