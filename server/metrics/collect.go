package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

// Descriptions of what is looked at when it is collected.
type descriptions struct {
	commands, sessions, loggedIn, accepted, turnedAway, transfers, bytes, handshakes, notResumed, limits *prometheus.Desc
	bans, sandboxed, shared, ready                                                                       *prometheus.Desc
	portsTotal, portsFree, portsBound, portsRetired, pending, waiting, granted, outcomes                 *prometheus.Desc
	strangers, exhausted, neverConnected, unreached                                                      *prometheus.Desc
}

func describe() descriptions {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("portico_"+name, help, labels, nil)
	}
	return descriptions{
		commands:   d("commands_total", `Commands by verb ("other": none that the server knows) and code of the final reply ("none": the session ended without).`, "verb", "code"),
		sessions:   d("sessions", "Control connections that are open."),
		loggedIn:   d("sessions_logged_in", "Sessions that have logged in."),
		accepted:   d("sessions_accepted_total", "Control connections that were let in, as far as being told more."),
		turnedAway: d("sessions_turned_away_total", "Control connections that were closed at once, because of bans or lists."),
		transfers:  d("transfers_running", "Transfers that are running."),
		bytes:      d("transfer_bytes_total", "Bytes that data connections have moved, those of running transfers included, by direction.", "direction"),
		handshakes: d("tls_handshakes_total", "TLS handshakes that succeeded, by kind of connection and version.", "channel", "version"),
		notResumed: d("tls_not_resumed_total", "Data connections refused because they did not resume the TLS session of their control connection."),
		limits:     d("limit_refusals_total", "What limits have refused, by limit.", "limit"),
		bans:       d("bans", "Networks that are banned."),
		sandboxed:  d("sandbox_active", "Whether the process is confined by the kernel (1) or not (0)."),
		shared:     d("shared_state_up", "Whether the state that is shared with other servers can be used (1) or this server counts by itself (0)."),
		ready:      d("ready", "Whether the server takes new sessions (1), or drains (0)."),

		portsTotal:     d("passive_ports", "Passive ports that new leases may use."),
		portsFree:      d("passive_ports_free", "Passive ports on which nothing waits for a data connection."),
		portsBound:     d("passive_ports_bound", "Passive ports that are held, retired ones included."),
		portsRetired:   d("passive_ports_retired", "Passive ports that are no longer named, and close with their last lease."),
		pending:        d("passive_leases_pending", "Leases that wait for their data connection."),
		waiting:        d("passive_waiting", "Sessions that wait for a passive port."),
		granted:        d("passive_leases_granted_total", "Leases of passive ports that were granted."),
		outcomes:       d("passive_leases_total", "Leases of passive ports that have ended, by outcome.", "outcome"),
		strangers:      d("passive_refused_connections_total", "Connections to passive ports that were closed because nobody expected them."),
		exhausted:      d("passive_exhausted_total", "Requests for a passive port that were refused because none was free in time."),
		neverConnected: d("passive_ports_never_connected", "Passive ports that were told to clients three times or more and that nobody ever connected to."),
		unreached:      d("passive_unreached_networks", "Client networks that reach some passive ports and never others: a firewall's hole that is smaller than the range."),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.own {
		c.Describe(out)
	}
	d := describe()
	for _, desc := range []*prometheus.Desc{
		d.commands, d.sessions, d.loggedIn, d.accepted, d.turnedAway, d.transfers, d.bytes, d.handshakes, d.notResumed, d.limits,
		d.bans, d.sandboxed, d.shared, d.ready,
		d.portsTotal, d.portsFree, d.portsBound, d.portsRetired, d.pending, d.waiting, d.granted, d.outcomes,
		d.strangers, d.exhausted, d.neverConnected, d.unreached,
	} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.own {
		c.Collect(out)
	}
	m.mu.Lock()
	srv, ports := m.server, m.ports
	m.mu.Unlock()
	c := collection{describe(), out}
	m.commands.collect(c.commands, out)
	if m.opts.Bans != nil {
		c.gauge(c.bans, m.opts.Bans())
	}
	if m.opts.Sandboxed != nil {
		c.gauge(c.sandboxed, oneIf(m.opts.Sandboxed()))
	}
	if m.opts.Shared != nil {
		c.gauge(c.shared, oneIf(m.opts.Shared()))
	}
	if m.opts.Ready != nil {
		c.gauge(c.ready, oneIf(m.opts.Ready()))
	}
	if ports != nil {
		snapshot := ports.Snapshot()
		c.ports(snapshot)
	}
	if srv != nil {
		c.server(srv.Statistics())
	}
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// collection is what is told in one go.
type collection struct {
	descriptions
	out chan<- prometheus.Metric
}

func (c collection) gauge(desc *prometheus.Desc, value int) {
	c.out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
}

func (c collection) counter(desc *prometheus.Desc, value uint64, labels ...string) {
	c.out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
}

func (c collection) server(s server.Statistics) {
	c.gauge(c.sessions, s.Sessions)
	c.gauge(c.loggedIn, s.LoggedIn)
	c.gauge(c.transfers, s.Transfers)
	c.counter(c.accepted, s.Accepted)
	c.counter(c.turnedAway, s.TurnedAway)
	c.counter(c.notResumed, s.NotResumed)
	for direction, bytes := range s.Bytes {
		c.counter(c.bytes, bytes, server.Direction(direction).String())
	}
	for channel, handshakes := range s.Handshakes {
		name := server.Channel(channel).String()
		c.counter(c.handshakes, handshakes.TLS12, name, "1.2")
		c.counter(c.handshakes, handshakes.TLS13, name, "1.3")
	}
	for limit, refused := range s.OverLimit {
		c.counter(c.limits, refused, server.Limit(limit).String())
	}
}

// missesToTell is how often a port must have been told in vain before it counts
// as one that nobody reaches.
const missesToTell = 3

func (c collection) ports(s portalloc.Snapshot) {
	active, free, bound, retired, pending, never := 0, 0, 0, 0, 0, 0
	for _, port := range s.Ports {
		pending += len(port.Pending)
		if port.Bound {
			bound++
		}
		if port.Retired {
			retired++
			continue
		}
		active++
		if len(port.Pending) == 0 {
			free++
		}
		if missed(port.Counters) >= missesToTell && port.Counters.Outcomes[portalloc.Connected] == 0 {
			never++
		}
	}
	c.gauge(c.portsTotal, active)
	c.gauge(c.portsFree, free)
	c.gauge(c.portsBound, bound)
	c.gauge(c.portsRetired, retired)
	c.gauge(c.pending, pending)
	c.gauge(c.waiting, s.Waiting)
	c.gauge(c.neverConnected, never)
	c.gauge(c.unreached, len(s.Unreached))
	c.counter(c.granted, s.Totals.Granted)
	c.counter(c.strangers, s.Totals.Refused)
	c.counter(c.exhausted, s.Totals.Exhausted)
	for outcome, count := range s.Totals.Outcomes {
		c.counter(c.outcomes, count, portalloc.Outcome(outcome).String())
	}
}

// missed is how often clients had the port and did not connect to it.
func missed(c portalloc.Counters) uint64 {
	return c.Outcomes[portalloc.Expired] + c.Outcomes[portalloc.Reclaimed] + c.Outcomes[portalloc.WrongPeer] + c.Outcomes[portalloc.TLSMismatch]
}
