package portalloc

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Load is what a range of passive ports has to bear. Only the clients behind
// one address compete for ports with each other, so the busiest address counts
// alone; and a port is taken only from the PASV reply until the data
// connection comes, not for the transfer.
type Load struct {
	// Sessions is the number of clients at one time. Zero: not known, Rate
	// alone counts.
	Sessions int
	// Cycle is the mean time from one PASV (or EPSV) of a session to its next.
	// It makes a rate of Sessions, and is ignored with Rate. Zero: 1 s.
	Cycle time.Duration
	// Rate is the number of PASV and EPSV commands per second of all clients.
	// Zero: Sessions per Cycle.
	Rate float64
	// ConnectTime is the mean time from a PASV reply to the arrival of its
	// data connection: two round trips for a client that connects at once (the
	// reply and the TCP handshake). Zero: 100 ms.
	ConnectTime time.Duration
	// OneAddress is the share of the clients that are behind the busiest one
	// address (NAT, proxy, Kubernetes source NAT), from 0 to 1. Zero: each
	// client has an address of its own.
	OneAddress float64
	// Resume is the share of the clients that resume their TLS session on data
	// connections, from 0 to 1. They all share one port.
	Resume float64
	// Wait is how long a PASV waits for a port (Options.Wait). Zero: 5 s.
	Wait time.Duration
	// Probability is the share of PASVs that may have to wait, or be refused.
	// Zero: 0.001.
	Probability float64
}

// PlanResult says how many ports a Load needs.
type PlanResult struct {
	// Offered is the traffic in erlangs: how many ports the clients of the
	// busiest address that do not resume TLS sessions would hold on average.
	Offered float64
	// Shared is the number of ports, 0 or 1, set aside for the clients that do.
	Shared int
	// PortsToWait is the number of ports with which at most the stated
	// probability of PASVs have to wait (Erlang C).
	PortsToWait int
	// PortsToRefuse is the number of ports with which at most that many are
	// refused if none may wait (Erlang B).
	PortsToRefuse int
	// Table shows the probabilities for some numbers of ports around these.
	Table []PlanRow
}

// PlanRow is one line of a plan: what so many ports mean to the clients of the
// busiest address that do not resume TLS sessions.
type PlanRow struct {
	// Ports is the number of ports.
	Ports int
	// Waits is the probability that a PASV has to wait (Erlang C).
	Waits float64
	// TimesOut is the probability that it waits in vain: longer than Load.Wait.
	TimesOut float64
	// Refused is the probability that it is refused if none may wait (Erlang B).
	Refused float64
}

const (
	defaultCycle       = time.Second
	defaultConnectTime = 100 * time.Millisecond
	defaultProbability = 0.001
	// maxPlanPorts is the number of TCP ports there are.
	maxPlanPorts = 65535
)

// Plan works out how many passive ports a load needs. The model is that of
// telephone exchanges: PASVs come at random and independently of each other
// (Poisson), each holds a port for ConnectTime on average. That errs on the
// safe side for few sessions, since a session never asks for two ports at once;
// with as many ports as sessions nobody ever waits. An error names every field
// that is wrong, or says that all ports together are not enough.
func Plan(load Load) (PlanResult, error) {
	load = load.withDefaults()
	if err := load.validate(); err != nil {
		return PlanResult{}, err
	}
	m := load.model()
	r := PlanResult{Offered: m.offered, Shared: m.shared}
	r.PortsToWait = m.portsFor(load.Probability, func(row PlanRow) float64 { return row.Waits })
	r.PortsToRefuse = m.portsFor(load.Probability, func(row PlanRow) float64 { return row.Refused })
	if r.PortsToWait > maxPlanPorts {
		return PlanResult{}, fmt.Errorf("portalloc: %.0f erlangs of one address are more than all %d ports can bear: give the clients more addresses, or let them resume TLS sessions",
			m.offered, maxPlanPorts)
	}
	r.Table = m.table(r)
	return r, nil
}

func (l Load) withDefaults() Load {
	if l.Cycle == 0 {
		l.Cycle = defaultCycle
	}
	if l.ConnectTime == 0 {
		l.ConnectTime = defaultConnectTime
	}
	if l.Wait == 0 {
		l.Wait = defaultWait
	}
	if l.Probability == 0 {
		l.Probability = defaultProbability
	}
	if l.Rate == 0 && l.Cycle > 0 {
		l.Rate = float64(l.Sessions) / l.Cycle.Seconds()
	}
	return l
}

func (l Load) validate() error {
	var faults []error
	fault := func(field, problem string) {
		faults = append(faults, fmt.Errorf("portalloc: Load.%s %s", field, problem))
	}
	isShare := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case l.Sessions < 0:
		fault("Sessions", "is negative: state the number of clients at one time")
	case !(l.Rate >= 0) || math.IsInf(l.Rate, 0):
		fault("Rate", "is no rate: state the PASV commands per second")
	case l.Rate == 0:
		fault("Sessions", "and Load.Rate are 0: state one of them")
	}
	if l.Cycle < 0 {
		fault("Cycle", "is negative: state the time between two transfers of a session")
	}
	if l.ConnectTime < 0 {
		fault("ConnectTime", "is negative: state the time from PASV to connection, about two round trips")
	}
	if !isShare(l.OneAddress) {
		fault("OneAddress", "is no share: state one from 0 to 1")
	}
	if !isShare(l.Resume) {
		fault("Resume", "is no share: state one from 0 to 1")
	}
	if !(l.Probability > 0 && l.Probability < 1) {
		fault("Probability", "is no probability: state one above 0 and below 1")
	}
	return errors.Join(faults...)
}

// planModel is a Load as queueing theory sees it.
type planModel struct {
	offered float64 // erlangs
	sources int     // sessions that compete; 0: any number
	shared  int
	patient float64 // Wait in units of ConnectTime
}

func (l Load) model() planModel {
	m := planModel{patient: max(0, l.Wait.Seconds()) / l.ConnectTime.Seconds()}
	if l.OneAddress == 0 {
		m.sources = 1 // one session for each address
	} else {
		m.sources = int(math.Ceil(float64(l.Sessions) * l.OneAddress * (1 - l.Resume)))
		m.offered = l.Rate * l.OneAddress * (1 - l.Resume) * l.ConnectTime.Seconds()
		if l.Resume > 0 {
			m.shared = 1
		}
	}
	return m
}

func (m planModel) row(ports int) PlanRow {
	row := PlanRow{Ports: ports}
	servers := ports - m.shared
	if m.offered == 0 && ports > 0 || m.sources > 0 && servers >= m.sources {
		return row
	}
	row.Waits = ErlangC(servers, m.offered)
	row.Refused = ErlangB(servers, m.offered)
	row.TimesOut = row.Waits
	if spare := float64(servers) - m.offered; spare > 0 {
		row.TimesOut *= math.Exp(-spare * m.patient)
	}
	return row
}

// portsFor returns the least number of ports with which the probability is low
// enough; it falls with every port.
func (m planModel) portsFor(probability float64, of func(PlanRow) float64) int {
	low, high := 1, maxPlanPorts+1
	for low < high {
		middle := (low + high) / 2
		if of(m.row(middle)) <= probability {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// table shows some lines from half of the fewest ports in question to a little
// above the most.
func (m planModel) table(r PlanResult) []PlanRow {
	const lines = 12
	first := max(1, min(r.PortsToRefuse, r.PortsToWait)/2)
	last := max(r.PortsToWait, r.PortsToRefuse) + 2
	step := max(1, (last-first+lines-1)/lines)
	var rows []PlanRow
	for ports := first; ports <= last; ports += step {
		rows = append(rows, m.row(ports))
	}
	return rows
}
