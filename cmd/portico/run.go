package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
)

// program is what the commands know of the world around them.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer
	uid            int      // -1 where the system has none
	line           []string // the command line, the program first
	// handed takes the sockets that a service manager has opened, once.
	handed func() []*os.File
	// confine, limitMemory and releaseMemory change the process as a whole, so they
	// are for main to set.
	confine       applyFunc
	limitMemory   func() (int64, error)
	releaseMemory func()
}

// newProgram returns a program that leaves the process as it is.
func newProgram(environ []string, stdin io.Reader, stdout, stderr io.Writer) *program {
	return &program{
		environ: environ, stdin: stdin, stdout: stdout, stderr: stderr, uid: os.Geteuid(),
		handed:        handedByEnvironment,
		confine:       confine.Probe,
		limitMemory:   func() (int64, error) { return debug.SetMemoryLimit(-1), nil },
		releaseMemory: func() {},
	}
}

// run executes one command line and returns its exit code: 0, 1 after an error,
// which it has written to stderr by then, or the one of an exitError.
func (p *program) run(ctx context.Context, args []string) int {
	p.line = append([]string{os.Args[0]}, args...)
	root := p.rootCommand()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read os.Args
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
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
			fmt.Fprintln(p.stderr, "portico:", fault)
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
		p.upgradeCommand(),
		p.launchCommand(),
		p.statusCommand(),
		p.sessionsCommand(),
		p.kickCommand(),
		p.portsCommand(),
		p.topCommand(),
		p.versionCommand(),
	)
	return root
}

// variable is an environment variable's value, empty if it is not set.
func (p *program) variable(name string) string { return variable(p.environ, name) }

func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}
