package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
)

// run executes one command line and returns its exit code: 0, 1 after an error,
// which it has written to stderr by then, or the one of an exitError.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr, uid: os.Geteuid(), handed: func() []*os.File { return activation.Files(true) }}
	root := p.rootCommand()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read os.Args
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit exitError
	if errors.As(err, &exit) {
		return int(exit)
	}
	if !errors.Is(err, errReported) {
		for _, fault := range config.Faults(err) {
			fmt.Fprintln(stderr, "portico:", fault)
		}
	}
	return 1
}

// errReported ends a command whose output has said what is wrong.
var errReported = errors.New("the output says what is wrong")

// exitError ends a command whose output has said what is wrong, with an exit
// code of its own.
type exitError int

// Error implements error.
func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// program is what the commands know of the world around them.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	uid            int // -1 where the system has none
	// handed takes the sockets that a service manager has opened, once.
	handed func() []*os.File
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "portico",
		Short:         "An FTP server that is at home behind firewalls",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		p.serveCommand(),
		p.checkCommand(),
		p.firewallCommand(),
		p.planCommand(),
		p.doctorCommand(),
		p.configCommand(),
		p.passwdCommand(),
		p.userCommand(),
		p.quotaCommand(),
		p.banCommand(),
		p.versionCommand(),
	)
	return root
}
