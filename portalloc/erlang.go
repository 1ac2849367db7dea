package portalloc

// ErlangB is the probability that a call is lost, when servers that are all
// busy turn it away: Erlang's first formula. Offered is the traffic in erlangs
// (arrivals per second times mean holding time in seconds). It holds for any
// distribution of the holding time. No or negative traffic: 0; no server: 1.
func ErlangB(servers int, offered float64) float64 {
	if !(offered > 0) {
		return 0
	}
	// The recursion for 1/B neither overflows early nor loses digits, as the
	// formula with powers and factorials does.
	inverse := 1.0
	for n := 1; n <= servers; n++ {
		inverse = 1 + inverse*float64(n)/offered
	}
	return 1 / inverse
}

// ErlangC is the probability that a call has to wait, when it waits as long as
// servers are all busy: Erlang's second formula, for exponentially distributed
// holding times. With at least as much traffic as servers it is 1: the queue
// grows without end. No or negative traffic: 0.
func ErlangC(servers int, offered float64) float64 {
	switch {
	case !(offered > 0):
		return 0
	case offered >= float64(servers):
		return 1
	}
	lost := ErlangB(servers, offered)
	return lost / (1 - offered/float64(servers)*(1-lost))
}
