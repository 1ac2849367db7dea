package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/admin"
)

func (p *program) statusCommand() *cobra.Command {
	f := &adminFlags{}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how a running server is",
		Long:  "Show how a running server is: sessions, transfers, ports, bans, and when its\nconfiguration came into force. Exit code 1 if it cannot be reached." + adminHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd.Context(), f, "/status", func(s admin.Status) error { return printStatus(p.stdout, s) })
		},
	}
	f.register(cmd, true)
	return cmd
}

// ask gets something and prints it, as JSON or as show does.
func ask[T any](p *program, ctx context.Context, f *adminFlags, path string, show func(T) error) error {
	client, err := f.connect(p)
	if err != nil {
		return err
	}
	var value T
	text, err := client.get(ctx, path, &value)
	switch {
	case err != nil:
		return err
	case f.asJSON:
		return p.printRaw(text)
	default:
		return show(value)
	}
}

func printStatus(out io.Writer, s admin.Status) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	state := "ready"
	if !s.Ready {
		state = "not ready (draining or starting)"
	}
	row("state", "%s", state)
	row("version", "%s", s.Version)
	row("up", "%s, since %s", age(s.Now.Sub(s.Started)), s.Started.Local().Format(time.DateTime))
	row("listeners", "%s", orNone(strings.Join(s.Listeners, ", ")))
	row("sessions", "%d, %d logged in, %d so far, %d turned away", s.Sessions.Open, s.Sessions.LoggedIn, s.Sessions.Accepted, s.Sessions.TurnedAway)
	row("transfers", "%d running", s.Transfers)
	row("moved", "%s up, %s down, %s of listings", bytesText(s.Bytes["upload"]), bytesText(s.Bytes["download"]), bytesText(s.Bytes["listing"]))
	row("passive ports", "%s%s", orNone(s.PassivePorts), ofReplica(s.Config))
	row("", "%d of %d free, %d leases pending, %d sessions waiting, %d refusals for want of a port", s.Ports.Free, s.Ports.Total, s.Ports.Pending, s.Ports.Waiting, s.Ports.Exhausted)
	if s.Ports.Unreached > 0 {
		row("", "%d ports that some network never reaches: portico ports tells which", s.Ports.Unreached)
	}
	row("bans", "%d", s.Bans)
	if shared := s.Shared; shared != nil {
		row("shared state", "%s", sharedText(*shared, s.Now))
	}
	var limits []string
	for limit := server.LimitSessions; limit <= server.LimitPassiveLeasesPerIP; limit++ {
		if n := s.OverLimit[limit.String()]; n > 0 {
			limits = append(limits, fmt.Sprintf("%v %d", limit, n))
		}
	}
	row("over limits", "%s", orNone(strings.Join(limits, ", ")))
	if c := s.Config; c != nil {
		row("configuration", "in force since %s", c.Loaded.Local().Format(time.DateTime))
		if c.Error != "" {
			row("", "the reload of %s failed: %s", c.Tried.Local().Format(time.DateTime), printable(c.Error))
		}
	}
	return table.Flush()
}

func sharedText(s admin.SharedState, now time.Time) string {
	if s.Here {
		return fmt.Sprintf("here, %d replicas", s.Replicas)
	}
	return fmt.Sprintf("away for %s: %s", age(now.Sub(s.Since)), printable(s.Cause))
}

func ofReplica(c *admin.ConfigState) string {
	if c == nil || c.Replica == nil {
		return ""
	}
	return fmt.Sprintf(", the slice of replica %d", *c.Replica)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (p *program) sessionsCommand() *cobra.Command {
	f, user := &adminFlags{}, ""
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "List the sessions of a running server",
		Long:  "List the sessions of a running server, what each is doing, and how far transfers\nhave come." + adminHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/sessions?limit=10000"
			if user != "" {
				path += "&user=" + url.QueryEscape(user)
			}
			return ask(p, cmd.Context(), f, path, func(list sessionList) error { return printSessions(p.stdout, list, time.Now()) })
		},
	}
	f.register(cmd, true)
	cmd.Flags().StringVar(&user, "user", "", "only those of this user")
	return cmd
}

type sessionList struct {
	Total    int
	Sessions []server.SessionInfo
}

func printSessions(out io.Writer, list sessionList, now time.Time) error {
	if len(list.Sessions) == 0 {
		_, err := fmt.Fprintln(out, "no sessions")
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSER\tCLIENT\tTLS\tUP\tDOING")
	for _, s := range list.Sessions {
		fmt.Fprintf(table, "%d\t%s\t%v\t%s\t%s\t%s\n", s.ID, userText(s), s.Client, tlsText(s), age(now.Sub(s.Since)), doing(s, now))
	}
	if list.Total > len(list.Sessions) {
		fmt.Fprintf(table, "and %d more\n", list.Total-len(list.Sessions))
	}
	return table.Flush()
}

func userText(s server.SessionInfo) string {
	name := printable(s.User)
	if s.Host != "" {
		name += "@" + s.Host
	}
	switch {
	case s.User == "":
		return "-"
	case !s.LoggedIn:
		return "(" + name + ")" // says who
	default:
		return name
	}
}

func tlsText(s server.SessionInfo) string {
	switch {
	case s.TLSVersion == "":
		return "-"
	case s.ProtectedData:
		return s.TLSVersion + " data"
	default:
		return s.TLSVersion
	}
}

// doing is what a session is busy with.
func doing(s server.SessionInfo, now time.Time) string {
	switch {
	case s.Transfer != nil:
		t := s.Transfer
		text := fmt.Sprintf("%s %s: %s", t.Verb, printable(t.Path), bytesText(uint64(t.Bytes)))
		if percent, known := percentOf(*t); known {
			text += fmt.Sprintf(" (%d%%)", percent)
		}
		if took := now.Sub(t.Started).Seconds(); took >= 1 {
			text += fmt.Sprintf(", %s/s", bytesText(uint64(float64(t.Bytes)/took)))
		}
		return text
	case s.Command != "":
		return s.Command
	case !s.IdleSince.IsZero():
		return "idle for " + age(now.Sub(s.IdleSince))
	default:
		return "connecting"
	}
}

// percentOf is how much of a file is there, if its size is known.
func percentOf(t server.TransferInfo) (percent int, known bool) {
	if t.Size <= 0 {
		return 0, false
	}
	return int(min(100, (t.Offset+t.Bytes)*100/t.Size)), true
}

func (p *program) kickCommand() *cobra.Command {
	f := &adminFlags{}
	cmd := &cobra.Command{
		Use:   "kick ID...",
		Short: "End sessions of a running server at once",
		Long:  "End sessions of a running server at once. What they are uploading counts as\ninterrupted. portico sessions tells the ids." + adminHelp,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := f.connect(p)
			if err != nil {
				return err
			}
			return p.kick(cmd.Context(), client, args)
		},
	}
	f.register(cmd, false)
	return cmd
}

func (p *program) kick(ctx context.Context, client *adminClient, ids []string) error {
	for _, id := range ids {
		if id == "" || strings.Trim(id, "0123456789") != "" {
			return fmt.Errorf("%q is no id of a session: portico sessions tells them", id)
		}
	}
	var faults []error
	for _, id := range ids {
		var answer map[string]any
		_, err := client.do(ctx, http.MethodPost, "/sessions/"+id+"/kick", &answer)
		var refused *refusedError
		switch {
		case errors.As(err, &refused) && refused.status == http.StatusNotFound:
			faults = append(faults, fmt.Errorf("there is no session %s: it has ended, or never was", id))
		case err != nil:
			return err
		default:
			fmt.Fprintf(p.stdout, "session %s ended\n", id)
		}
	}
	return errors.Join(faults...)
}

func (p *program) portsCommand() *cobra.Command {
	f, all := &adminFlags{}, false
	cmd := &cobra.Command{
		Use:   "ports",
		Short: "Show the passive ports of a running server",
		Long:  "Show the passive ports of a running server: what waits on them, how leases have\nended, and which ports some clients never reach." + adminHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ask(p, cmd.Context(), f, "/ports", func(ports admin.Ports) error { return printPorts(p.stdout, ports, all) })
		},
	}
	f.register(cmd, true)
	cmd.Flags().BoolVar(&all, "all", false, "list ports that were never used, too")
	return cmd
}

func printPorts(out io.Writer, p admin.Ports, all bool) error {
	c := p.Counts
	fmt.Fprintf(out, "%d ports, %d free; %d leases pending, %d sessions waiting, %d refusals for want of a port, %d connections refused\n",
		c.Total, c.Free, c.Pending, c.Waiting, c.Exhausted, c.Refused)
	for _, u := range p.Unreached {
		fmt.Fprintf(out, "clients of %v never reach %s, but others: is the hole in the firewall smaller than the range?\n", u.Network, u.Ports)
	}
	table, unused := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), 0
	fmt.Fprintln(table, "PORT\tPENDING\tCONNECTED\tMISSED\tNOTE")
	for _, port := range p.Ports {
		if !all && port.Pending == 0 && port.Connected == 0 && port.Missed == 0 && !port.Retired && !port.Unreached {
			unused++
			continue
		}
		fmt.Fprintf(table, "%d\t%d\t%d\t%d\t%s\n", port.Port, port.Pending, port.Connected, port.Missed, portNote(port))
	}
	if unused > 0 {
		fmt.Fprintf(table, "and %d that were never used\n", unused)
	}
	return table.Flush()
}

func portNote(p admin.Port) string {
	var notes []string
	if p.Advertised != p.Port {
		notes = append(notes, fmt.Sprintf("told as %d", p.Advertised))
	}
	if p.Unreached {
		notes = append(notes, "unreached by some")
	}
	if p.Retired {
		notes = append(notes, "retired")
	}
	for _, l := range p.Leases {
		notes = append(notes, "waits for "+l.Client.String())
	}
	return strings.Join(notes, ", ")
}

// age is a time in one or two units, for people.
func age(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d/time.Hour%24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d/time.Second%60)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

// bytesText is a size in the largest unit that leaves something before the point.
func bytesText(n uint64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), 0
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// printable keeps clients from writing to the operator's terminal: names and
// paths are theirs.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
