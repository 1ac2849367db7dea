package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/cmd/portico/doctor"
)

// doctorFlags are the flags of doctor.
type doctorFlags struct {
	ipv4, ipv6    bool
	timeout       time.Duration
	deadline      time.Duration
	long          time.Duration
	activePort    uint16
	activeAddress string
	leases        int
	readOnly      bool
	asJSON        bool
}

// passwordVariable is the environment variable with the password for doctor.
const passwordVariable = "PORTICO_PASSWORD"

func (p *program) doctorCommand() *cobra.Command {
	f := &doctorFlags{}
	cmd := &cobra.Command{
		Use:   "doctor ftp[s|es]://[USER@]HOST[:PORT][/DIRECTORY]",
		Short: "Find out from a client's side what firewalls block, and on which side",
		Long: `Try every way into an FTP server, of any kind, and say which of the four
firewall cases (server active, server passive, client active, client passive)
is blocked, and what to do.

The scheme says how to begin: ftp in clear (TLS is examined too if offered),
ftpes with AUTH TLS, ftps with TLS from the start. The password comes from the
environment variable ` + passwordVariable + `, or from the URL, where other users of this
machine can see it in the list of processes.

If the user may upload, a file portico-doctor-*.tmp of 2 MiB is uploaded,
downloaded and deleted; --read-only keeps from it.

Exit codes, the first that applies: 0 all is well, 1 wrong usage, 2 no control
connection, 3 TLS or login fails, 4 passive mode is blocked, 5 active mode is
blocked, 6 something else is not in order.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.options(args[0], p.variable(passwordVariable))
			if err != nil {
				return err
			}
			return p.doctor(cmd.Context(), opts, f.asJSON)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *doctorFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	flags.BoolVarP(&f.ipv4, "ipv4", "4", false, "examine IPv4 only")
	flags.BoolVarP(&f.ipv6, "ipv6", "6", false, "examine IPv6 only")
	flags.DurationVar(&f.timeout, "timeout", 8*time.Second, "how long to wait for each connection and reply")
	flags.DurationVar(&f.deadline, "deadline", 10*time.Minute, "how long everything but --long may take")
	flags.DurationVar(&f.long, "long", 0, "also find out whether the control connection survives that long without traffic (10m, or --long=20m)")
	flags.Lookup("long").NoOptDefVal = "10m"
	flags.Uint16Var(&f.activePort, "active-port", 0, "port to listen on in active mode (0: any)")
	flags.StringVar(&f.activeAddress, "active-address", "", "address to tell the server in active mode, if a NAT forwards --active-port")
	flags.IntVar(&f.leases, "leases", 8, "passive ports to try on a server that does not list its range")
	flags.BoolVar(&f.readOnly, "read-only", false, "write nothing on the server")
	cmd.MarkFlagsMutuallyExclusive("ipv4", "ipv6")
}

func (f *doctorFlags) options(target, password string) (doctor.Options, error) {
	parsed, err := doctor.ParseTarget(target, password)
	if err != nil {
		return doctor.Options{}, err
	}
	for name, d := range map[string]time.Duration{"timeout": f.timeout, "deadline": f.deadline} {
		if d <= 0 {
			return doctor.Options{}, fmt.Errorf("--%s must be more than 0, such as 8s", name)
		}
	}
	if f.long < 0 || f.leases < 1 {
		return doctor.Options{}, errors.New("--long must not be negative, and --leases must be 1 or more")
	}
	opts := doctor.Options{
		Target: parsed, Timeout: f.timeout, Deadline: f.deadline, Long: f.long,
		ActivePort: f.activePort, Leases: f.leases, ReadOnly: f.readOnly,
	}
	if f.activeAddress != "" {
		if opts.ActiveAddress, err = netip.ParseAddr(f.activeAddress); err != nil {
			return doctor.Options{}, fmt.Errorf("--active-address %q is not an IP address", f.activeAddress)
		}
	}
	switch {
	case f.ipv4:
		opts.Family = doctor.IPv4
	case f.ipv6:
		opts.Family = doctor.IPv6
	}
	return opts, nil
}

// doctor examines the server and prints each check as it is made.
func (p *program) doctor(ctx context.Context, opts doctor.Options, asJSON bool) error {
	if asJSON {
		report := doctor.Run(ctx, opts)
		if err := report.WriteJSON(p.stdout); err != nil {
			return err
		}
		return exitWith(report.ExitCode)
	}
	fmt.Fprintln(p.stdout, doctor.TableHeader())
	opts.OnCheck = func(c doctor.Check) { fmt.Fprintln(p.stdout, c) }
	report := doctor.Run(ctx, opts)
	fmt.Fprintln(p.stdout, "\nThe four ways through the firewalls:")
	if err := report.WriteSummary(p.stdout); err != nil {
		return err
	}
	return exitWith(report.ExitCode)
}

func exitWith(code int) error {
	if code == doctor.ExitOK {
		return nil
	}
	return exitError(code)
}
