package notify

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	// maxOutput is how much of a command's output is kept for the log.
	maxOutput = 4 << 10
	// outputGrace is how long the output of a killed command may stay open: a
	// process that has left the group may hold it for ever.
	outputGrace = time.Second
)

// execute runs a program and returns what it has printed. It ends when the
// program has ended and its output is closed. When ctx is done before that, the
// process group is killed and the error is the cause of ctx.
func execute(ctx context.Context, path string, argv, env []string) (output, error) {
	var out output
	r, w, err := os.Pipe()
	if err != nil {
		return out, fmt.Errorf("open a pipe for the output: %w", err)
	}
	defer r.Close()
	cmd := exec.CommandContext(ctx, path)
	cmd.Args, cmd.Env = argv, env
	cmd.Stdout, cmd.Stderr = w, w
	leadGroup(cmd)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return out, fmt.Errorf("start: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { r.SetReadDeadline(time.Now().Add(outputGrace)) })
	defer stop()
	// The output comes before Wait: as long as nobody has waited for the
	// program, the number of its group is not given to another, so killing the
	// group cannot hit a stranger.
	io.Copy(&out, r)
	err = cmd.Wait()
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	return out, err
}

// output is the beginning of what a command prints. It takes the rest, too, so
// that the command does not stop at a full pipe.
type output struct {
	head []byte
	cut  bool
}

// Write never fails.
func (o *output) Write(p []byte) (int, error) {
	kept := min(len(p), maxOutput-len(o.head))
	o.head = append(o.head, p[:kept]...)
	o.cut = o.cut || kept < len(p)
	return len(p), nil
}
