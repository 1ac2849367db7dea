package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/portico-ftp/portico/driver"
)

func (p *program) passwdCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "passwd",
		Short: "Print the hash of a password, for users[].password",
		Long: `Print the hash of a password, for users[].password.

The password is read from the terminal, twice and without echo, or is the one
line that comes from a pipe: printf '%s\n' "$PASSWORD" | portico passwd`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := p.readNewPassword(cmd.Context())
			if err != nil {
				return err
			}
			hash, err := driver.HashPassword(password)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.stdout, hash)
			return err
		},
	}
}

func (p *program) readNewPassword(ctx context.Context) (string, error) {
	file, isFile := p.stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return passwordLine(p.stdin)
	}
	first, err := p.ask(ctx, int(file.Fd()), "Password: ")
	if err != nil {
		return "", err
	}
	second, err := p.ask(ctx, int(file.Fd()), "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ: try again")
	}
	return first, nil
}

// ask reads one line from a terminal without echo. When ctx is done first, it
// gives the terminal its echo back.
func (p *program) ask(ctx context.Context, terminal int, prompt string) (string, error) {
	state, err := term.GetState(terminal)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	fmt.Fprint(p.stderr, prompt)
	defer fmt.Fprintln(p.stderr)
	answered := make(chan answer, 1)
	go readAnswer(terminal, answered)
	select {
	case a := <-answered:
		return a.text, a.err
	case <-ctx.Done():
		// The read cannot be cancelled; it ends with the process.
		return "", errors.Join(errors.New("interrupted"), term.Restore(terminal, state))
	}
}

// answer is what came from a terminal.
type answer struct {
	text string
	err  error
}

func readAnswer(terminal int, answered chan<- answer) {
	text, err := term.ReadPassword(terminal)
	answered <- answer{string(text), err}
}

// passwordLine reads the one line that a pipe holds.
func passwordLine(r io.Reader) (string, error) {
	const limit = 4096
	text, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case line == "":
		return "", errors.New("standard input holds no password: pipe one line in, or run portico passwd on a terminal")
	case strings.ContainsAny(line, "\r\n"):
		return "", errors.New("standard input holds more than one line: pipe in the password alone")
	}
	return line, nil
}
