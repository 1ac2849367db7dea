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
	// Count returns what is counted for an account, and false if that is not
	// known.
	Count(account string) (Usage, bool, error)
	// Change changes what is counted.
	Change(account string, change Change) (ChangeResult, error)
	// Set puts a count in place of all that is known of an account.
	Set(account string, usage Usage) error
}

// Change is a change of a count, by one server.
type Change struct {
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
	// Known is what the server takes for the count. If that is not known any more,
	// it begins with this.
	Known Usage
	// Last says that the server will change this count no more.
	Last bool
}

// ChangeResult is what has become of a Change.
type ChangeResult struct {
	// Refused says that nothing was added, because of the limits.
	Refused bool
	// Spare is how many bytes were added beyond what was asked for.
	Spare int64
	// Count is what is counted now.
	Count Usage
}

// spare is how many bytes a server takes ahead of what is written, so that not
// each write has to be told. If the server is killed, they count as written until
// the next Recount.
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
	a.asking.Lock()
	defer a.asking.Unlock()
	count, known, err := a.store.counter.Count(a.name)
	if err == nil && known {
		a.learn(count)
		return nil
	}
	usage, err := a.count(ctx, storage)
	if err != nil {
		return err
	}
	a.learn(usage)
	_ = a.tell(Usage{}, false) // later, if not now
	return nil
}

// learn takes over what is counted by all. The caller holds asking.
func (a *account) learn(count Usage) {
	a.mu.Lock()
	defer a.mu.Unlock()
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
	enough, known := a.ahead.covers(wanted), Usage{a.bytes, a.files}.plus(a.ahead)
	a.mu.Unlock()
	if enough {
		return nil
	}
	change := Change{By: missing, Limits: limits, Before: a.toldAll, Known: known}
	if limits.Bytes > 0 {
		change.Limits.Bytes += credit
	}
	if missing.Bytes > 0 {
		change.Spare = spare
	}
	result, err := a.store.counter.Change(a.name, change)
	if err != nil {
		return err
	}
	if !result.Refused {
		a.note(missing.plus(Usage{Bytes: result.Spare}))
	}
	a.learn(result.Count)
	if result.Refused {
		return exceeded(result.Count, limits, wanted)
	}
	return nil
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
	return a.tell(debts, false)
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
	counted := a.counted
	a.mu.Unlock()
	if !counted || change == (Usage{}) && (!last || a.toldAll == Usage{}) {
		return nil
	}
	return a.tell(change, last)
}

// tell tells the counter of a change, whatever the limits are. The caller holds
// asking.
func (a *account) tell(change Usage, last bool) error {
	a.mu.Lock()
	known := Usage{a.bytes, a.files}.plus(a.ahead)
	a.mu.Unlock()
	result, err := a.store.counter.Change(a.name, Change{By: change, Before: a.toldAll, Known: known, Last: last})
	if err != nil {
		return err
	}
	a.note(change)
	a.learn(result.Count)
	return nil
}

// refresh learns what others have changed, if the counter is there.
func (a *account) refresh() {
	if a.store.counter == nil {
		return
	}
	a.asking.Lock()
	defer a.asking.Unlock()
	if count, known, err := a.store.counter.Count(a.name); err == nil && known {
		a.learn(count)
	}
}

// recountTogether puts a new count in the place of the old one.
func (a *account) recountTogether(ctx context.Context, storage afero.Fs) (Usage, error) {
	a.asking.Lock()
	defer a.asking.Unlock()
	usage, err := a.count(ctx, storage)
	if err != nil {
		return Usage{}, err
	}
	if err := a.store.counter.Set(a.name, usage); err != nil {
		return Usage{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.toldAll, a.ahead = Usage{}, Usage{}
	a.counted, a.bytes, a.files = true, usage.Bytes, usage.Files
	return usage, nil
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
		if err := a.share(last); err != nil {
			faults = append(faults, fmt.Errorf("quota: account %q: %w", a.name, err))
			if !last {
				break // the others would fail, too
			}
		}
	}
	return errors.Join(faults...)
}
