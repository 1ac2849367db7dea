package main

import (
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"
)

// launchCommandName is what the launcher is started with.
const launchCommandName = "launch-successor"

// launchCommand is the launcher, for servers alone.
func (p *program) launchCommand() *cobra.Command {
	return &cobra.Command{
		Use:                launchCommandName + " PROGRAM [ARGUMENT...]",
		Hidden:             true,
		DisableFlagParsing: true, // the arguments are those of another process
		Args:               cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, line []string) error {
			const channelDescriptor = 3
			conn, err := unixConn(os.NewFile(channelDescriptor, channelName))
			if err != nil {
				return err
			}
			return serveLaunches(conn, line)
		},
	}
}

// anyListenPID stands for the process that reads it, where the process id could
// not be known before (sd_listen_fds(3)).
const anyListenPID = "self"

// handedByEnvironment takes the files that variables tell of, and the variables
// away.
func handedByEnvironment() []*os.File {
	const variable = "LISTEN_PID"
	if os.Getenv(variable) == anyListenPID {
		os.Setenv(variable, strconv.Itoa(os.Getpid()))
	}
	return activation.Files(true)
}
