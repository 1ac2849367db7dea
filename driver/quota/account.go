package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"

	ftpserver "github.com/fclairamb/ftpserverlib"
	"github.com/spf13/afero"
)

// ErrExceeded says that a limit is reached. It wraps
// ftpserver.ErrStorageExceeded, which the client learns as 552.
var ErrExceeded = fmt.Errorf("quota exceeded: %w", ftpserver.ErrStorageExceeded)

// account is what is counted under one name, by all sessions together.
type account struct {
	store *Store
	name  string

	// changes is held to be read by whoever changes the storage, and to be
	// written by who counts it. It is held during I/O on purpose: a count must
	// not move while it is taken.
	changes sync.RWMutex
	// names orders changes of names, whose effect is only known by looking
	// before and after. It is held during I/O for the same reason.
	names sync.Mutex

	loading sync.Mutex // so that one session counts, and not all

	// asking is held while the counter is asked, so that its answers come in their
	// order.
	asking  sync.Mutex
	toldAll Usage  // the sum of what the counter was told; guarded by asking
	since   string // the count that it was told of; guarded by asking

	mu      sync.Mutex // guards the rest
	counted bool       // the numbers are known
	marked  bool       // the file says that they may change
	changed bool       // since the file was written
	told    bool       // changes are told to Store.tell
	active  int        // files open for writing, and changes under way
	bytes   int64
	files   int64
	// ahead is what the counter was told beyond what is there, such as bytes that
	// are yet to be written. It is negative while there are some that it was not
	// told of.
	ahead      Usage
	generation uint64   // of the counter when it knew the account
	storage    afero.Fs // to count the account in
}

// load makes sure that the account's usage is known.
func (a *account) load(ctx context.Context, storage afero.Fs) error {
	a.loading.Lock()
	defer a.loading.Unlock()
	if _, counted := a.usage(); counted {
		return nil
	}
	if a.store.counter != nil {
		return a.loadTogether(ctx, storage)
	}
	found, ok, err := a.store.read(a.name)
	if err != nil {
		return err
	}
	if !ok || found.Changing {
		_, err := a.recount(ctx, storage)
		return err
	}
	a.adopt(found)
	return nil
}

// adopt takes over what a file says.
func (a *account) adopt(found record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.counted { // by another session, meanwhile
		a.counted, a.bytes, a.files = true, found.Bytes, found.Files
	}
}

func (a *account) usage() (Usage, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Usage{Bytes: a.bytes, Files: a.files}, a.counted
}

func (a *account) recount(ctx context.Context, storage afero.Fs) (Usage, error) {
	a.changes.Lock()
	defer a.changes.Unlock()
	if a.store.counter != nil {
		return a.recountTogether(ctx, storage)
	}
	usage, err := a.count(ctx, storage)
	if err != nil {
		return Usage{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counted, a.changed, a.bytes, a.files = true, true, usage.Bytes, usage.Files
	return usage, nil
}

// count walks through the storage.
func (a *account) count(ctx context.Context, storage afero.Fs) (Usage, error) {
	usage, err := measure(ctx, storage, "/")
	usage.Files-- // the root
	return usage, err
}

// begin announces a change, and has it marked in the file. The caller calls end
// when the change is done and counted.
func (a *account) begin() error {
	a.verify()
	for {
		a.mu.Lock()
		if a.marked {
			a.active++
			a.mu.Unlock()
			return nil
		}
		a.mu.Unlock()
		if err := a.store.mark(a); err != nil {
			return err
		}
	}
}

func (a *account) end() {
	a.mu.Lock()
	a.active--
	untold := a.active == 0 && a.ahead != Usage{}
	a.mu.Unlock()
	if untold {
		_ = a.share(false) // what fails is told later
	}
}

// markWith marks the account once write has put it into the file.
func (a *account) markWith(write func(record) error) error {
	a.mu.Lock()
	marked, current := a.marked, record{Bytes: a.bytes, Files: a.files, Changing: true}
	a.mu.Unlock()
	if marked {
		return nil
	}
	if err := write(current); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.marked, a.changed = true, true
	return nil
}

// settle returns what has to be written to the file. While changes are under
// way the mark stays.
func (a *account) settle() (record, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.counted || !a.changed {
		return record{}, false
	}
	a.marked = a.active > 0
	a.changed = a.marked
	return record{Bytes: a.bytes, Files: a.files, Changing: a.marked}, true
}

// take counts what is about to be added. An error means that nothing was
// counted. Credit is how many bytes the limit may be passed by.
func (a *account) take(bytes, files int64, limits Limits, credit int64) error {
	wanted := Usage{bytes, files}
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.store.counter != nil && !a.ahead.covers(wanted) {
		a.mu.Unlock()
		err := a.reserve(wanted, limits, credit)
		a.mu.Lock()
		if errors.Is(err, ErrExceeded) {
			return err
		}
		if err != nil {
			break // it is away: what is known here counts
		}
	}
	switch {
	case bytes > 0 && limits.Bytes > 0 && a.bytes+bytes > limits.Bytes+credit:
		return fmt.Errorf("%w: %d of %d bytes are used", ErrExceeded, a.bytes, limits.Bytes)
	case files > 0 && limits.Files > 0 && a.files+files > limits.Files:
		return fmt.Errorf("%w: %d of %d files are used", ErrExceeded, a.files, limits.Files)
	}
	a.setLocked(a.bytes+bytes, a.files+files)
	return nil
}

// give counts what has been freed, or was not added after all. What others have
// removed past this layer must not make a credit.
func (a *account) give(bytes, files int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setLocked(max(a.bytes-bytes, 0), max(a.files-files, 0))
}

func (a *account) setLocked(bytes, files int64) {
	if a.told {
		a.store.told(a.name, Usage{Bytes: bytes - a.bytes, Files: files - a.files})
	}
	if a.store.counter != nil {
		a.ahead = a.ahead.minus(Usage{Bytes: bytes - a.bytes, Files: files - a.files})
	}
	a.bytes, a.files = bytes, files
}

// change runs a change of names.
func (a *account) change(do func() error) error {
	if err := a.begin(); err != nil {
		return err
	}
	defer a.end()
	a.changes.RLock()
	defer a.changes.RUnlock()
	a.names.Lock()
	defer a.names.Unlock()
	return do()
}

// measure counts a file or a directory with all that is in it. It follows no
// symbolic links. What disappears meanwhile is not there.
func measure(ctx context.Context, storage afero.Fs, name string) (Usage, error) {
	var usage Usage
	err := walk(ctx, storage, name, &usage)
	return usage, errors.Join(err, ctx.Err())
}
