package driver

import (
	"container/list"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// TooManyAttempts: more attempts from the client's address, or in all, wait for
// their hash than are let wait, or this one has waited too long.
const TooManyAttempts Denial = "too_many_attempts"

// hashQueue bounds how many hashes run at once and settles who is next. Each
// address has a line of its own, and the lines take turns, so that somebody who
// guesses from one address delays nobody else by more than one hash. Lines of
// addresses whose last attempt was right come before those of addresses that
// are not known, and these before those whose last was wrong: an attack from
// many addresses waits for itself.
type hashQueue struct {
	atOnce int

	mu      sync.Mutex
	running int
	waiting int
	lines   map[netip.Addr]*hashLine
	turns   [ranks]list.List // of *hashLine, all with somebody in them
	memory  lastOutcomes
}

// hashLine are the attempts of one address, in their order.
type hashLine struct {
	client  netip.Addr
	rank    rank
	place   *list.Element // in hashQueue.turns
	waiters list.List     // of chan struct{}, closed when its turn has come
}

// rank is what an address did last: the lower is served first.
type rank int

const (
	rankRight rank = iota
	rankUnknown
	rankWrong
	ranks
)

// Bounds of those who wait.
const (
	maxLine    = 8    // of one address
	maxWaiting = 2048 // in all; a half of it when not known, a quarter after a failure
)

func newHashQueue(atOnce int) *hashQueue {
	return &hashQueue{atOnce: atOnce, lines: make(map[netip.Addr]*hashLine)}
}

// enter returns when the client's turn has come; leave must follow. It returns
// TooManyAttempts at once where too many wait, or when ctx's time is over, and
// ctx's error when it is cancelled.
func (q *hashQueue) enter(ctx context.Context, client netip.Addr) error {
	client = lineOf(client)
	q.mu.Lock()
	if q.running < q.atOnce { // then nobody waits
		q.running++
		q.mu.Unlock()
		return nil
	}
	line := q.lineLocked(client)
	if line.waiters.Len() >= maxLine || q.waiting >= maxWaiting>>line.rank {
		q.mu.Unlock()
		return TooManyAttempts
	}
	turn := make(chan struct{})
	place := q.joinLocked(line, turn)
	q.mu.Unlock()

	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-turn: // it came at the same moment
		q.passOnLocked()
	default:
		line.waiters.Remove(place)
		q.waiting--
		if line.waiters.Len() == 0 {
			q.dropLocked(line)
		}
	}
	return givenUp(ctx)
}

// givenUp says why an attempt waits no more: its time was over, or its client
// has gone.
func givenUp(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return TooManyAttempts
	}
	return ctx.Err()
}

// leave ends a turn whose password was right or not.
func (q *hashQueue) leave(client netip.Addr, right bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.memory.note(lineOf(client), right, time.Now())
	q.passOnLocked()
}

// lineLocked is the client's line, a new one if it has none.
func (q *hashQueue) lineLocked(client netip.Addr) *hashLine {
	if line, ok := q.lines[client]; ok {
		return line
	}
	return &hashLine{client: client, rank: q.memory.rank(client, time.Now())}
}

func (q *hashQueue) joinLocked(line *hashLine, turn chan struct{}) *list.Element {
	if line.place == nil {
		q.lines[line.client] = line
		line.place = q.turns[line.rank].PushBack(line)
	}
	q.waiting++
	return line.waiters.PushBack(turn)
}

func (q *hashQueue) dropLocked(line *hashLine) {
	q.turns[line.rank].Remove(line.place)
	line.place = nil
	delete(q.lines, line.client)
}

// passOnLocked gives a turn that has ended to whoever is next.
func (q *hashQueue) passOnLocked() {
	for r := range q.turns {
		first := q.turns[r].Front()
		if first == nil {
			continue
		}
		line := first.Value.(*hashLine)
		close(line.waiters.Remove(line.waiters.Front()).(chan struct{}))
		q.waiting--
		q.dropLocked(line)
		if line.waiters.Len() > 0 { // to the end, with the rank that it has by now
			line.rank = q.memory.rank(line.client, time.Now())
			q.lines[line.client] = line
			line.place = q.turns[line.rank].PushBack(line)
		}
		return
	}
	q.running--
}

// lineOf is the address whose line a client waits in. An IPv6 client has a /64
// of addresses, so all of those are one.
func lineOf(client netip.Addr) netip.Addr {
	client = client.Unmap().WithZone("")
	if client.Is6() {
		network, _ := client.Prefix(64)
		return network.Addr()
	}
	return client
}

// lastOutcomes remembers for some minutes whether the last attempt of an
// address was right. It holds two generations: when the younger one is full or
// old, the older one is forgotten, so memory is bounded without a look at each.
type lastOutcomes struct {
	young, old map[netip.Addr]bool
	since      time.Time // of the younger one
}

const (
	maxOutcomes = 50_000
	outcomeLife = 5 * time.Minute
)

func (o *lastOutcomes) note(client netip.Addr, right bool, now time.Time) {
	o.age(now)
	if _, known := o.young[client]; !known && len(o.young) >= maxOutcomes {
		o.turn(now)
	}
	o.young[client] = right
}

func (o *lastOutcomes) rank(client netip.Addr, now time.Time) rank {
	o.age(now)
	right, known := o.young[client]
	if !known {
		right, known = o.old[client]
	}
	switch {
	case !known:
		return rankUnknown
	case right:
		return rankRight
	default:
		return rankWrong
	}
}

func (o *lastOutcomes) age(now time.Time) {
	if o.young == nil || now.Sub(o.since) >= outcomeLife {
		o.turn(now)
	}
}

func (o *lastOutcomes) turn(now time.Time) {
	o.old, o.young, o.since = o.young, make(map[netip.Addr]bool), now
}
