package quota

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/afero"
)

// Counter counts for several servers what accounts keep. Its errors mean that it
// is away for now; whoever implements it tells of that, and answers soon. It must
// be safe for concurrent use.
type Counter interface {
	// Generation changes whenever the counter may have lost what it knew.
	Generation() uint64
	// Count returns what is counted for an account.
	Count(account string) (Count, error)
	// Change changes what is counted. Where nothing is, it changes nothing.
	Change(account string, change Change) (ChangeResult, error)
	// Set begins a count with what a walk has found, or only if there is none if
	// it is told so. It returns what is counted then.
	Set(account string, usage Usage, ifUnknown bool) (Count, error)
}

// Count is what is counted for an account by several servers.
type Count struct {
	Usage
	// Since names the walk that the count has begun with. Empty: nothing is
	// counted.
	Since string
}

// Change is a change of a count, by one server.
type Change struct {
	// Since is the count that is meant. Another one is not changed.
	Since string
	// By is what to add. Negative numbers take away.
	By Usage
	// Spare is how many bytes to add beyond that, at the most, if there is plenty
	// of room.
	Spare int64
	// Limits are what an addition must not pass; what is taken away may.
	Limits Limits
	// Before is the sum of this server's changes so far. If one of them failed,
	// so that nobody knows whether it was made, the sum is put right.
	Before Usage
	// Last says that the server will change this count no more.
	Last bool
}

// ChangeResult is what has become of a Change.
type ChangeResult struct {
	// Count is what is counted now. If it is not the one that was meant, nothing
	// was changed.
	Count Count
	// Refused says that nothing was added, because of the limits.
	Refused bool
	// Spare is how many bytes were added beyond what was asked for.
	Spare int64
}

// spare is how many bytes a server takes ahead of what is written, so that not
// each write has to be told. They are given back when nothing is written. If the
// server is killed, they count as written until the next Recount.
const spare = 4 << 20

// OpenShared returns a store that counts together with other servers, without a
// file. While the counter is away it goes by what it knows, or by a walk through
// the storage if it knows nothing, and tells the rest later: call Flush each
// second. The caller has to call Close.
func OpenShared(counter Counter) *Store {
	return &Store{counter: counter, accounts: make(map[string]*account)}
}

func (u Usage) plus(v Usage) Usage  { return Usage{u.Bytes + v.Bytes, u.Files + v.Files} }
func (u Usage) minus(v Usage) Usage { return Usage{u.Bytes - v.Bytes, u.Files - v.Files} }

// covers says whether what is wanted is there already.
func (u Usage) covers(wanted Usage) bool {
	return (wanted.Bytes <= 0 || u.Bytes >= wanted.Bytes) && (wanted.Files <= 0 || u.Files >= wanted.Files)
}

// loadTogether learns the count, or makes it.
func (a *account) loadTogether(ctx context.Context, storage afero.Fs) error {
	a.mu.Lock()
	a.storage = storage
	a.mu.Unlock()
	generation := a.store.counter.Generation()
	if count, err := a.ask(); err == nil && count.Since != "" {
		a.verified(generation)
		return nil
	}
	usage, err := a.count(ctx, storage)
	if err != nil {
		return err
	}
	if err := a.beginCount(usage, true); err == nil {
		a.verified(generation)
		return nil
	}
	a.mu.Lock() // for now it is away
	defer a.mu.Unlock()
	a.counted, a.bytes, a.files = true, usage.Bytes, usage.Files
	return nil
}

// verify makes sure that the counter still knows the account when it has been
// away. No lock may be held: if it does not, a walk counts anew.
func (a *account) verify() {
	counter := a.store.counter
	if counter == nil || a.isVerified(counter.Generation()) {
		return
	}
	a.loading.Lock()
	defer a.loading.Unlock()
	generation := counter.Generation()
	if a.isVerified(generation) { // by another session, meanwhile
		return
	}
	count, err := a.ask()
	if err != nil {
		return
	}
	if count.Since == "" {
		a.changes.Lock()
		defer a.changes.Unlock()
		usage, err := a.count(context.Background(), a.storage)
		if err != nil || a.beginCount(usage, true) != nil {
			return // the next change tries again
		}
	}
	a.verified(generation)
}

func (a *account) isVerified(generation uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.generation == generation
}

func (a *account) verified(generation uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generation = generation
}

// ask asks the counter for the count. Nothing is learnt of a count that is none.
func (a *account) ask() (Count, error) {
	a.asking.Lock()
	defer a.asking.Unlock()
	count, err := a.store.counter.Count(a.name)
	if err == nil && count.Since != "" {
		a.learn(count)
	}
	return count, err
}

// beginCount begins a count with what a walk has found. What this server had told
// of the count before, or was about to tell, is in there.
func (a *account) beginCount(usage Usage, ifUnknown bool) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	count, err := a.store.counter.Set(a.name, usage, ifUnknown)
	if err != nil {
		return err
	}
	a.toldAll, a.since = Usage{}, count.Since
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead = Usage{}
	a.counted, a.bytes, a.files = true, count.Bytes, count.Files
	return nil
}

// learn takes over what is counted by all. What this server was about to tell of
// another count is in this one, unless it had none: it was counted by a walk then.
// The caller holds asking.
func (a *account) learn(count Count) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since != count.Since {
		if a.since != "" {
			a.ahead = Usage{}
		}
		a.toldAll, a.since = Usage{}, count.Since
	}
	here := count.minus(a.ahead)
	a.counted, a.bytes, a.files = true, max(here.Bytes, 0), max(here.Files, 0)
}

// reserve has room counted before it is used.
func (a *account) reserve(wanted Usage, limits Limits, credit int64) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	if err := a.settleDebts(); err != nil {
		return err
	}
	a.mu.Lock()
	missing := wanted.minus(a.ahead)
	missing = Usage{max(missing.Bytes, 0), max(missing.Files, 0)}
	enough := a.ahead.covers(wanted)
	a.mu.Unlock()
	if enough {
		return nil
	}
	change := Change{By: missing, Spare: spare, Limits: limits}
	if limits.Bytes > 0 {
		change.Limits.Bytes += credit
	}
	result, err := a.tell(change)
	if err == nil && result.Refused {
		return exceeded(result.Count.Usage, limits, wanted)
	}
	return err
}

// exceeded is the error of what does not fit any more.
func exceeded(used Usage, limits Limits, wanted Usage) error {
	if wanted.Files > 0 && limits.Files > 0 && used.Files+wanted.Files > limits.Files {
		return fmt.Errorf("%w: %d of %d files are used", ErrExceeded, used.Files, limits.Files)
	}
	return fmt.Errorf("%w: %d of %d bytes are used", ErrExceeded, used.Bytes, limits.Bytes)
}

// note takes down that the counter was told of a change. The caller holds asking.
func (a *account) note(change Usage) {
	a.toldAll = a.toldAll.plus(change)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ahead = a.ahead.plus(change)
}

// settleDebts tells of what was written while the counter was away.
func (a *account) settleDebts() error {
	a.mu.Lock()
	debts := Usage{max(-a.ahead.Bytes, 0), max(-a.ahead.Files, 0)}
	a.mu.Unlock()
	if debts == (Usage{}) {
		return nil
	}
	_, err := a.tell(Change{By: debts})
	return err
}

// share tells the counter what it does not know, and gives back what is not
// needed. The spare of files that are being written stays.
func (a *account) share(last bool) error {
	a.asking.Lock()
	defer a.asking.Unlock()
	a.mu.Lock()
	change := Usage{}.minus(a.ahead)
	if a.active > 0 && !last && change.Bytes < 0 {
		change.Bytes = min(change.Bytes+spare, 0)
	}
	a.mu.Unlock()
	if change == (Usage{}) && (!last || a.toldAll == Usage{}) {
		return nil
	}
	_, err := a.tell(Change{By: change, Last: last})
	if errors.Is(err, errNoCount) { // a walk will find what is there
		return nil
	}
	return err
}

// errNoCount says that the counter has lost the account.
var errNoCount = errors.New("quota: the account has to be counted anew")

// tell tells the counter of a change. If it has another count by now, which was
// learnt then, or none, that is an error. The caller holds asking.
func (a *account) tell(change Change) (ChangeResult, error) {
	change.Since, change.Before = a.since, a.toldAll
	result, err := a.store.counter.Change(a.name, change)
	if err != nil {
		return result, err
	}
	if result.Count.Since == "" {
		a.verified(0)
		return result, errNoCount
	}
	if result.Count.Since == change.Since && !result.Refused {
		a.note(change.By.plus(Usage{Bytes: result.Spare}))
	}
	a.learn(result.Count)
	if result.Count.Since != change.Since && change.Limits == (Limits{}) {
		return result, errNoCount // what is left is told of the new count
	}
	return result, nil
}

// refresh learns what others have changed, if the counter is there.
func (a *account) refresh() {
	if a.store.counter != nil {
		_, _ = a.ask()
	}
}

// recountTogether puts a new count in the place of the old one.
func (a *account) recountTogether(ctx context.Context, storage afero.Fs) (Usage, error) {
	usage, err := a.count(ctx, storage)
	if err != nil {
		return Usage{}, err
	}
	return usage, a.beginCount(usage, false)
}

// shareAll is Flush with a counter. What cannot be told now is told later.
func (s *Store) shareAll(last bool) error {
	s.mu.Lock()
	var all []*account
	for _, a := range s.accounts {
		all = append(all, a)
	}
	s.mu.Unlock()
	var faults []error
	for _, a := range all {
		if a.isBusy() {
			a.verify()
		}
		if err := a.share(last); err != nil {
			faults = append(faults, fmt.Errorf("quota: account %q: %w", a.name, err))
		}
	}
	return errors.Join(faults...)
}

// isBusy says whether the account changes, or has something to tell.
func (a *account) isBusy() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.active > 0 || a.ahead != Usage{}
}
