package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

func (p *program) planCommand() *cobra.Command {
	load := &portalloc.Load{}
	asJSON := false
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Work out how many passive ports are enough",
		Long: `Work out how many passive ports are enough for --sessions or --rate.

A port is taken only from the PASV reply until the data connection comes, and
only clients behind one address compete for ports with each other. So it is the
busiest address that counts (--busiest-share), unless passive.sharing is
exclusive or passive.peer is any: then all clients compete, as with the default
share of 1.`,
		Example: `  portico plan --sessions 200
  portico plan --rate 50 --connect-time 300ms --busiest-share 0.2 --resume-share 0.5`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.plan(cmd, *load, asJSON) },
	}
	flags := cmd.Flags()
	flags.IntVar(&load.Sessions, "sessions", 0, "clients at one time")
	flags.DurationVar(&load.Cycle, "cycle", time.Second, "time from one transfer of a session to its next; makes a rate of --sessions")
	flags.Float64Var(&load.Rate, "rate", 0, "transfers and listings per second of all clients, instead of --cycle")
	flags.DurationVar(&load.ConnectTime, "connect-time", 100*time.Millisecond, "time from a PASV reply to the data connection: about two round trips")
	flags.Float64Var(&load.OneAddress, "busiest-share", 1, "share of the clients that are behind the busiest one address; 0: each has its own")
	flags.Float64Var(&load.Resume, "resume-share", 0, "share of the clients that resume their TLS session on data connections, and so share one port")
	flags.DurationVar(&load.Wait, "wait", 5*time.Second, "how long a PASV waits for a port (passive.wait)")
	flags.Float64Var(&load.Probability, "wait-probability", 0.001, "share of the PASVs that may have to wait")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) plan(cmd *cobra.Command, load portalloc.Load, asJSON bool) error {
	if err := refuseZero(cmd, "cycle", "connect-time", "wait-probability"); err != nil {
		return err
	}
	load.Wait = orOff(load.Wait)
	result, err := portalloc.Plan(load)
	if err != nil {
		return withFlagNames(err)
	}
	answer := newPlanAnswer(result)
	if asJSON {
		return answer.printJSON(p.stdout)
	}
	return answer.print(p.stdout)
}

// refuseZero reports flags whose 0 would be taken for "by default".
func refuseZero(cmd *cobra.Command, names ...string) error {
	var faults []error
	for _, name := range names {
		if text := cmd.Flags().Lookup(name).Value.String(); text == "0" || text == "0s" {
			faults = append(faults, fmt.Errorf("--%s is 0: state more, or leave it out", name))
		}
	}
	return errors.Join(faults...)
}

// withFlagNames words errors about a Load for those who know flags.
func withFlagNames(err error) error {
	names := strings.NewReplacer(
		"portalloc: ", "",
		"Load.Sessions", "--sessions",
		"Load.Cycle", "--cycle",
		"Load.Rate", "--rate",
		"Load.ConnectTime", "--connect-time",
		"Load.OneAddress", "--busiest-share",
		"Load.Resume", "--resume-share",
		"Load.Probability", "--wait-probability",
	)
	var faults []error
	for _, fault := range config.Faults(err) {
		faults = append(faults, errors.New(names.Replace(fault.Error())))
	}
	return errors.Join(faults...)
}

// planAnswer is what the command prints.
type planAnswer struct {
	// Ports is the number of ports that are enough.
	Ports int `json:"ports"`
	// PortsWithoutWaiting is the same where passive.wait is 0s.
	PortsWithoutWaiting int `json:"ports_without_waiting"`
	// Erlangs is how many of them are taken on average.
	Erlangs float64 `json:"erlangs"`
	// SharedPorts are those of clients that resume their TLS session.
	SharedPorts int       `json:"shared_ports"`
	Table       []planRow `json:"table"`
}

// planRow says what happens to a PASV with so many ports, as probabilities.
type planRow struct {
	Ports    int     `json:"ports"`
	Waits    float64 `json:"waits"`
	TimesOut float64 `json:"times_out"`
	Refused  float64 `json:"refused_without_waiting"`
}

func newPlanAnswer(result portalloc.PlanResult) planAnswer {
	answer := planAnswer{
		Ports:               result.PortsToWait,
		PortsWithoutWaiting: result.PortsToRefuse,
		Erlangs:             result.Offered,
		SharedPorts:         result.Shared,
		Table:               []planRow{},
	}
	for _, row := range result.Table {
		answer.Table = append(answer.Table, planRow(row))
	}
	return answer
}

func (a planAnswer) print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Ports that are enough:  %d\n", a.Ports)
	fmt.Fprintf(&text, "with passive.wait 0s:   %d\n", a.PortsWithoutWaiting)
	fmt.Fprintf(&text, "taken on average:       %.3g\n", a.Erlangs)
	if a.SharedPorts > 0 {
		fmt.Fprintf(&text, "for TLS resumption:     %d of them\n", a.SharedPorts)
	}
	text.WriteString("\n")
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "ports\tPASV waits\twaits in vain\trefused with wait 0s\t")
	for _, row := range a.Table {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t\n", row.Ports, percent(row.Waits), percent(row.TimesOut), percent(row.Refused))
	}
	table.Flush() // a Builder takes everything
	_, err := io.WriteString(out, text.String())
	return err
}

// percent shows small probabilities as such, not as 0.
func percent(probability float64) string {
	switch {
	case probability == 0:
		return "0%"
	case probability < 1e-6:
		return "<0.0001%"
	case probability >= 0.1:
		return fmt.Sprintf("%.0f%%", 100*probability)
	default:
		return fmt.Sprintf("%.2g%%", 100*probability)
	}
}

func (a planAnswer) printJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(a)
}
