package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/portico-ftp/portico/server/admin"
)

func (p *program) topCommand() *cobra.Command {
	f := &adminFlags{}
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the sessions, transfers and ports of a running server",
		Long:  "Watch a running server in the terminal: transfers with their progress, rates, and\nthe passive ports. The key q or Ctrl-C ends it." + adminHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.top(cmd.Context(), f)
		},
	}
	f.register(cmd, false)
	return cmd
}

const (
	topInterval = time.Second
	// Escape sequences that all terminals know: another screen without a cursor,
	// and back.
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	homeCursor  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

func (p *program) top(ctx context.Context, f *adminFlags) error {
	client, err := f.connect(p)
	if err != nil {
		return err
	}
	stdin, inIsFile := p.stdin.(*os.File)
	stdout, outIsFile := p.stdout.(*os.File)
	if !inIsFile || !outIsFile || !term.IsTerminal(int(stdin.Fd())) || !term.IsTerminal(int(stdout.Fd())) {
		return errors.New("this is no terminal: portico status and portico sessions print what there is, with --json for programs")
	}
	first, err := overview(ctx, client) // before the screen is touched
	if err != nil {
		return err
	}
	state, err := term.MakeRaw(int(stdin.Fd()))
	if err != nil {
		return err
	}
	defer term.Restore(int(stdin.Fd()), state)
	io.WriteString(stdout, enterScreen)
	defer io.WriteString(stdout, leaveScreen)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go quitOnKey(stdin, cancel)
	size := func() (width, height int) {
		if width, height, err = term.GetSize(int(stdout.Fd())); err != nil {
			return 80, 24
		}
		return width, height
	}
	return watch(ctx, client, first, size, stdout)
}

// overview asks for what fits on a screen.
func overview(ctx context.Context, client *adminClient) (admin.Overview, error) {
	var o admin.Overview
	_, err := client.get(ctx, "/overview?limit=200", &o)
	return o, err
}

// quitOnKey ends with the process: a read from a terminal cannot be given up.
func quitOnKey(keys io.Reader, quit func()) {
	key := make([]byte, 1)
	for {
		if _, err := keys.Read(key); err != nil || key[0] == 'q' || key[0] == 'Q' || key[0] == 3 {
			quit()
			return
		}
	}
}

// watch draws until ctx is done. While the server does not answer, it says so
// over what was seen last.
func watch(ctx context.Context, client *adminClient, first admin.Overview, size func() (width, height int), out io.Writer) error {
	screen := &topScreen{now: first}
	tick := time.NewTicker(topInterval)
	defer tick.Stop()
	for {
		width, height := size()
		if err := draw(out, screen.render(width, height)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		next, err := overview(ctx, client)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			screen.problem = err.Error()
		default:
			screen.advance(next)
		}
	}
}

// draw writes lines over those that are there, so that nothing flickers.
func draw(out io.Writer, lines []string) error {
	text := homeCursor
	for i, line := range lines {
		if i > 0 {
			text += "\r\n"
		}
		text += line + clearLine
	}
	_, err := fmt.Fprint(out, text+clearBelow)
	return err
}
