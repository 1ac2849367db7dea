package portalloc

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestErlangBAgreesWithPublishedTables compares with the traffic tables that
// are printed in every book on the subject (for instance D. Bear, "Principles
// of Telecommunication Traffic Engineering", 1976, appendix; ITU-D, "Handbook
// Teletraffic Engineering", 2005, chapter 7): the traffic that so many servers
// carry at a given loss.
func TestErlangBAgreesWithPublishedTables(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		servers int
		loss    float64
		offered float64
	}{
		{1, 0.01, 0.0101}, {2, 0.01, 0.153}, {3, 0.01, 0.455}, {4, 0.01, 0.869}, {5, 0.01, 1.36},
		{10, 0.01, 4.46}, {20, 0.01, 12.0}, {30, 0.01, 20.3}, {50, 0.01, 37.9}, {100, 0.01, 84.1},
		{1, 0.001, 0.001}, {5, 0.001, 0.762}, {10, 0.001, 3.09}, {20, 0.001, 9.41}, {100, 0.001, 75.2},
		{10, 0.05, 6.22}, {20, 0.05, 15.2}, {10, 0.02, 5.08},
	} {
		// The tables give three digits, so the loss must lie between those of
		// the neighbouring entries.
		digit := math.Pow(10, math.Floor(math.Log10(row.offered))-2)
		low, high := ErlangB(row.servers, row.offered-digit), ErlangB(row.servers, row.offered+digit)
		if low > row.loss || high < row.loss {
			t.Errorf("B(%d, %v) is between %v and %v; the tables say %v", row.servers, row.offered, low, high, row.loss)
		}
	}
}

// TestErlangCAgreesWithKnownValues has values that follow from the formula on
// paper: C(1, a) = a, C(2, a) = a²/(2+a), and those of call-centre text books.
func TestErlangCAgreesWithKnownValues(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		servers       int
		offered, want float64
	}{
		{1, 0.5, 0.5}, {1, 0.25, 0.25}, {2, 1, 1.0 / 3}, {2, 1.5, 2.25 / 3.5},
		{3, 2, 4.0 / 9}, {4, 3, 0.50943}, {5, 4, 0.55411}, {10, 8, 0.40918}, {11, 10, 0.68212},
	} {
		if got := ErlangC(row.servers, row.offered); math.Abs(got-row.want) > 5e-6 {
			t.Errorf("C(%d, %v) = %v; want %v", row.servers, row.offered, got, row.want)
		}
	}
}

func TestErlangAtTheEdges(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ got, want float64 }{
		"B without traffic":          {ErlangB(5, 0), 0},
		"B with negative traffic":    {ErlangB(5, -1), 0},
		"B without servers":          {ErlangB(0, 1), 1},
		"B of nothing":               {ErlangB(0, 0), 0},
		"B of not a number":          {ErlangB(3, math.NaN()), 0},
		"C without traffic":          {ErlangC(5, 0), 0},
		"C without servers":          {ErlangC(0, 1), 1},
		"C with too much traffic":    {ErlangC(5, 5), 1},
		"C with far too much":        {ErlangC(5, 5000), 1},
		"B of a huge, idle system":   {ErlangB(65535, 1), 0},
		"B with infinite traffic":    {ErlangB(3, math.Inf(1)), 1},
		"C of a huge, nearly idle":   {ErlangC(65535, 1), 0},
		"B with a negative server":   {ErlangB(-1, 1), 1},
		"B of one server is a/(1+a)": {ErlangB(1, 3), 0.75},
	} {
		if test.got != test.want {
			t.Errorf("%s: %v; want %v", name, test.got, test.want)
		}
	}
}

func TestPlanForKnownLoads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		load            Load
		wait, refuse    int
		shared          int
		offeredErlangs  float64
		lastRowWaits    float64
		lastRowMaxPorts int
	}{
		"every client has its own address": {
			load: Load{Sessions: 10_000, Rate: 1000}, wait: 1, refuse: 1, lastRowMaxPorts: 3,
		},
		"all clients of one address resume": {
			load: Load{Sessions: 10_000, OneAddress: 1, Resume: 1}, wait: 1, refuse: 1, shared: 1, lastRowMaxPorts: 3,
		},
		// 4.46 erlangs and 10 servers: 1 % loss, as the tables say.
		"all behind one address": {
			load: Load{Rate: 44.6, OneAddress: 1, Probability: 0.0101}, wait: 11, refuse: 10,
			offeredErlangs: 4.46, lastRowMaxPorts: 13,
		},
		"half of them, of whom half resume": {
			load: Load{Rate: 4 * 44.6, OneAddress: 0.5, Resume: 0.5, Probability: 0.0101}, wait: 12, refuse: 11,
			shared: 1, offeredErlangs: 4.46, lastRowMaxPorts: 14,
		},
		"never more than one port for each session": {
			load: Load{Sessions: 3, Rate: 1000, OneAddress: 1}, wait: 3, refuse: 3, offeredErlangs: 100, lastRowMaxPorts: 5,
		},
		"sessions make the rate": {
			load: Load{Sessions: 223, Cycle: 5 * time.Second, OneAddress: 1, Probability: 0.0101}, wait: 11, refuse: 10,
			offeredErlangs: 4.46, lastRowMaxPorts: 13,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Plan(test.load)
			if err != nil {
				t.Fatal(err)
			}
			if r.PortsToWait != test.wait || r.PortsToRefuse != test.refuse || r.Shared != test.shared {
				t.Errorf("ports %d to wait, %d to refuse, %d shared; want %d, %d, %d",
					r.PortsToWait, r.PortsToRefuse, r.Shared, test.wait, test.refuse, test.shared)
			}
			if math.Abs(r.Offered-test.offeredErlangs) > 1e-9 {
				t.Errorf("offered %v; want %v", r.Offered, test.offeredErlangs)
			}
			last := r.Table[len(r.Table)-1]
			if last.Ports > test.lastRowMaxPorts || last.Ports < r.PortsToWait {
				t.Errorf("the table ends with %d ports; want %d to %d", last.Ports, r.PortsToWait, test.lastRowMaxPorts)
			}
		})
	}
}

func TestPlanTableFalls(t *testing.T) {
	t.Parallel()
	r, err := Plan(Load{Rate: 5000, OneAddress: 0.7, ConnectTime: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Table) < 5 || len(r.Table) > 14 {
		t.Errorf("%d rows; want a small table", len(r.Table))
	}
	for i, row := range r.Table {
		if row.TimesOut > row.Waits || row.Refused > row.Waits+1e-12 {
			t.Errorf("row %+v: more time out or are refused than wait", row)
		}
		if i > 0 && (row.Ports <= r.Table[i-1].Ports || row.Waits > r.Table[i-1].Waits || row.Refused > r.Table[i-1].Refused) {
			t.Errorf("row %+v is not below %+v", row, r.Table[i-1])
		}
	}
}

func TestPlanRefusesWrongLoads(t *testing.T) {
	t.Parallel()
	for word, load := range map[string]Load{
		"Sessions":    {},
		"negative":    {Sessions: -1},
		"Rate":        {Rate: math.NaN()},
		"no rate":     {Rate: math.Inf(1)},
		"Cycle":       {Sessions: 1, Rate: 1, Cycle: -1},
		"ConnectTime": {Rate: 1, ConnectTime: -1},
		"OneAddress":  {Rate: 1, OneAddress: 1.1},
		"Resume":      {Rate: 1, Resume: -0.1},
		"Probability": {Rate: 1, Probability: 1},
		"65535":       {Rate: 1e7, OneAddress: 1},
	} {
		if r, err := Plan(load); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("Plan(%+v) = %+v, %v; want an error that names %q", load, r, err, word)
		}
	}
}

// arrivals is a Poisson process of sessions that hold a port for a while, with
// a generator of its own: the run is the same each time.
type arrivals struct {
	random *rand.Rand
	rate   float64 // per second
	hold   float64 // seconds
}

func newArrivals(offered float64) arrivals {
	return arrivals{random: rand.New(rand.NewPCG(1, 2)), rate: offered / 0.1, hold: 0.1}
}

func (a arrivals) pause() time.Duration { return seconds(a.random.ExpFloat64() / a.rate) }
func (a arrivals) held() time.Duration  { return seconds(a.random.ExpFloat64() * a.hold) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// TestAllocatorLosesWhatErlangBSays plays telephone exchange with the real
// allocator: sessions of one address come at random, and go if no port is free.
func TestAllocatorLosesWhatErlangBSays(t *testing.T) {
	const ports, offered, sessions = 6, 3.0, 20_000
	inBubble(t, Options{Ports: PortList{{1, ports}}}, func(t *testing.T, b *testbed) {
		calls, lost := newArrivals(offered), 0
		for range sessions {
			time.Sleep(calls.pause())
			l, err := b.TryAcquire(claimOf("203.0.113.1"))
			if err != nil {
				lost++
				continue
			}
			time.AfterFunc(calls.held(), func() { l.Close() })
		}
		time.Sleep(time.Minute)
		wantShare(t, float64(lost)/sessions, ErlangB(ports, offered))
	})
}

// TestAllocatorWaitsAsErlangCSays is the same with sessions that wait, while
// those that resume TLS sessions have a port to themselves.
func TestAllocatorWaitsAsErlangCSays(t *testing.T) {
	const ports, offered, sessions = 6, 3.0, 20_000
	opts := Options{Ports: PortList{{1, ports + 1}}, Identify: readIdentity, Wait: time.Hour, ReclaimAfter: time.Hour, AcceptTimeout: time.Hour}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		b.tryAs("203.0.113.1", 1) // takes the one more port all the time
		calls := newArrivals(offered)
		var mu sync.Mutex
		waited := 0
		var all sync.WaitGroup
		for range sessions {
			time.Sleep(calls.pause())
			hold := calls.held()
			all.Go(func() {
				l, err := b.Acquire(context.Background(), claimOf("203.0.113.1"))
				if err != nil {
					t.Error(err)
					return
				}
				if l.waited > 0 {
					mu.Lock()
					waited++
					mu.Unlock()
				}
				time.Sleep(hold)
				l.Close()
			})
		}
		all.Wait()
		wantShare(t, float64(waited)/sessions, ErlangC(ports, offered))
	})
}

// wantShare allows for chance: with 20,000 sessions, dependent as they are, the
// share is within a tenth.
func wantShare(t *testing.T, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > want/10 {
		t.Errorf("share %.4f; the formula says %.4f", got, want)
	}
}

func TestSessionsThatResumeShareOnePortInTheSimulation(t *testing.T) {
	opts := Options{Ports: PortList{{1, 1}}, Identify: readIdentity}
	inBubble(t, opts, func(t *testing.T, b *testbed) {
		calls := newArrivals(50)
		for id := range Identity(5000) {
			time.Sleep(calls.pause())
			l, err := b.TryAcquire(Claim{Client: netip.MustParseAddr("203.0.113.1"), Identity: id + 1})
			if errors.Is(err, ErrExhausted) {
				t.Fatalf("session %d finds no port", id)
			}
			time.AfterFunc(calls.held(), func() { l.Close() })
		}
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}
