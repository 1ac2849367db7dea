package shared

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// ErrAway says that Redis is away, so that the caller has to go by what it knows
// itself. It has been logged.
var ErrAway = errors.New("shared: Redis is away")

// errForgotten says that Redis does not know this replica: it has lost its data,
// or this process has stood still for longer than its lease.
var errForgotten = errors.New("it has forgotten this server: it has lost its data, or this process stood still for longer than the lease")

// State is what this server shares with others. It is safe for concurrent use.
// No method takes longer than Options.Timeout.
type State struct {
	opts     Options
	log      *zap.Logger
	redis    *redis.Client
	name     string // of this process, where others count, too
	sessions *Sessions
	tickets  *ticketKeys
	cancel   context.CancelFunc
	closing  sync.Once
	done     chan struct{} // closed when nothing runs any more

	mu       sync.Mutex // guards the rest
	here     bool
	joined   uint64    // how often Redis was found
	since    time.Time // when here last changed
	cause    error     // why Redis is away
	retryAt  time.Time
	pause    time.Duration // before the next attempt but one
	replicas int
	faults   map[string]time.Time // when a part was last complained of
}

const (
	// beat is how often a lease is renewed and Redis looked at; of a short lease
	// a third.
	beat = time.Second
	// joinPatience is how long joining may take, which nobody waits for but Open.
	joinPatience = 2 * time.Second
	// longestPause bounds how long after Redis is back that is noticed, and how
	// often a Redis that comes and goes is logged.
	longestPause = 16 * time.Second
	// faultSilence is how long a fault of one part is not told of again.
	faultSilence = 10 * time.Minute
)

// Open connects to Redis, for two seconds at the most: if it is away then, that
// is logged, and it is tried again in the background. An error says what is wrong
// with the options. The caller closes the state after the servers that use it.
func Open(opts Options) (*State, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	connection, err := opts.connection()
	if err != nil {
		return nil, err
	}
	s := &State{
		opts: opts, log: opts.Logger.Named("shared"), redis: redis.NewClient(connection), name: rand.Text(),
		done: make(chan struct{}), since: time.Now(), faults: make(map[string]time.Time),
	}
	s.sessions = newSessions(s)
	if s.tickets, err = newTicketKeys(s); err != nil {
		return nil, err
	}
	s.join()
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go s.run(ctx)
	return s, nil
}

// Sessions are the sessions of accounts, for server.Options.SharedSessions.
func (s *State) Sessions() *Sessions { return s.sessions }

// Status is how a State is.
type Status struct {
	// Here says whether Redis is used. Otherwise servers go by what they know.
	Here bool
	// Since is when Here last changed.
	Since time.Time
	// Replicas is how many servers share the state, as of a second ago.
	Replicas int
	// Cause is why Redis is away, empty if it is here.
	Cause string
}

// Status tells how the state is, at once.
func (s *State) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Here: s.here, Since: s.since, Replicas: s.replicas}
	if s.cause != nil {
		status.Cause = s.cause.Error()
	}
	return status
}

// Close takes this server out of what is shared, and ends the connections. A
// second Close does nothing.
func (s *State) Close() error {
	var err error
	s.closing.Do(func() { err = s.close() })
	return err
}

func (s *State) close() error {
	s.cancel()
	<-s.done
	if s.isHere() && !s.opts.Guest {
		s.sessions.quit()
	}
	return s.redis.Close()
}

// run renews the lease, or tries to get one.
func (s *State) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(min(beat, s.opts.Lease/3))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			switch {
			case s.isHere() && s.opts.Guest:
			case s.isHere():
				s.sessions.beat()
				s.tickets.update()
			case s.mayRetry(now):
				s.join()
			}
		}
	}
}

func (s *State) isHere() bool {
	here, _ := s.now()
	return here
}

// now says whether Redis is here, and how often it was found.
func (s *State) now() (here bool, joined uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.here, s.joined
}

func (s *State) mayRetry(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !now.Before(s.retryAt)
}

// join makes this server a replica, anew each time: what an earlier attempt has
// left under way in a Redis that hung counts for a replica that is no more.
func (s *State) join() {
	ctx, cancel := context.WithTimeout(context.Background(), joinPatience)
	defer cancel()
	_, joined := s.now()
	err := s.redis.Ping(ctx).Err()
	switch {
	case err != nil:
	case s.opts.Guest:
		s.found()
	default:
		err = s.sessions.join(ctx)
	}
	if err != nil {
		s.lost(err, joined)
		return
	}
	if !s.opts.Guest {
		s.tickets.update()
	}
}

// found notes that Redis is here.
func (s *State) found() {
	s.mu.Lock()
	wasAway := s.cause != nil
	away := time.Since(s.since)
	s.here, s.cause, s.since = true, nil, time.Now()
	s.joined++
	s.mu.Unlock()
	if wasAway {
		s.log.Info("the shared state is back", zap.Duration("away", away.Round(time.Millisecond)))
	}
}

// lost notes that Redis is away, unless it has been found since, and tells so
// once.
func (s *State) lost(cause error, joined uint64) {
	if s.sessions.lost(func() bool { return s.noteLost(cause, joined) }) {
		s.log.Warn("the shared state is away: this server goes by what it counts itself until it is back", zap.Error(cause))
	}
}

// noteLost says whether this is news. If Redis has not been here for long, the
// next attempt comes later.
func (s *State) noteLost(cause error, joined uint64) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.joined != joined {
		return false
	}
	now, wasHere := time.Now(), s.here
	news = s.cause == nil
	s.here, s.cause = false, cause
	if !news {
		return false
	}
	if wasHere && now.Sub(s.since) > 2*longestPause {
		s.pause = 0
	}
	s.since, s.retryAt = now, now.Add(s.pause)
	s.pause = min(max(2*s.pause, beat), longestPause)
	return true
}

// whole is not a part: what is wrong there makes Redis away.
const whole = ""

// ask has Redis do something for a part. After an error, which it has told of,
// the caller goes by what it knows itself.
func (s *State) ask(part string, do func(ctx context.Context) error) error {
	return s.askFor(s.opts.Timeout, part, do)
}

// askFor is ask for what no client waits for.
func (s *State) askFor(patience time.Duration, part string, do func(ctx context.Context) error) error {
	here, joined := s.now()
	if !here {
		return ErrAway
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch err := do(ctx); {
	case err == nil:
		return nil
	case part != whole && isOfOneKey(err):
		s.complain(part, err)
		return err
	default:
		s.lost(err, joined)
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
}

// complain tells of what concerns one part alone, and not too often.
func (s *State) complain(part string, err error) {
	s.mu.Lock()
	now := time.Now()
	told, known := s.faults[part]
	silent := known && now.Sub(told) < faultSilence
	if !silent {
		s.faults[part] = now
	}
	s.mu.Unlock()
	if !silent {
		s.log.Warn("a part of the shared state cannot be used: this server goes by what it counts itself there", zap.String("part", part), zap.Error(err))
	}
}

// key is the name of a key.
func (s *State) key(name string) string { return s.opts.Prefix + name }
