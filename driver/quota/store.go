package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/afero"
	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/portico-ftp/portico/driver"
)

// Options configures a Store. The zero value is right for most.
type Options struct {
	// Wait is how long Open waits for another process to let go of the file, as
	// one that is being replaced does. Zero: 5 s. Negative: not at all.
	Wait time.Duration
}

const defaultWait = 5 * time.Second

// Store keeps the usage of accounts in a file, or together with other servers. It
// is safe for concurrent use.
type Store struct {
	path    string  // empty with a counter
	counter Counter // nil: the file counts

	// ledger orders what is written to the file and what is marked in it. It is
	// held during I/O on purpose: a change has to wait for its mark.
	ledger sync.Mutex
	closed bool // guarded by ledger

	tell atomic.Pointer[func(name string, by Usage)] // while the file is lent

	mu       sync.Mutex // guards what follows
	db       *bbolt.DB
	accounts map[string]*account
	lent     map[string]record // what the file held when it was lent; nil: it is not
}

// record is what the file holds of an account.
type record struct {
	Bytes int64 `json:"bytes"`
	Files int64 `json:"files"`
	// Changing says that the numbers may be wrong.
	Changing bool `json:"changing,omitempty"`
}

const bucket = "usage"

// Open opens the file and makes it, with mode 0600, if it is missing. Its
// directory must exist. The caller has to call Close.
func Open(path string, opts Options) (*Store, error) {
	wait := opts.Wait
	if wait == 0 {
		wait = defaultWait
	}
	db, err := open(path, wait)
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return nil, fmt.Errorf("quota: file %q is in use by another process: stop it, or use another file", path)
	}
	if err != nil {
		return nil, fmt.Errorf("quota: open file %q: %w: it has to be this program's own, in a directory that it may write to", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte(bucket))
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("quota: write file %q: %w", path, err), db.Close())
	}
	return &Store{path: path, db: db, accounts: make(map[string]*account)}, nil
}

// Limits is how much an account may keep.
type Limits struct {
	// Bytes and Files are the most that may be there. Zero: any number.
	Bytes, Files int64
}

// Usage is how much an account keeps.
type Usage struct {
	// Bytes and Files are what is there. Directories count as files.
	Bytes, Files int64
}

// Layer returns storage under the account's limits. An account that is not
// known yet, or that was changing when a process died, is counted first, which
// takes a walk through its storage and ends when ctx does. Without limits,
// storage itself is returned and nothing is counted. A storage that takes
// uploads in its own way, as object storage does, cannot be limited.
func (s *Store) Layer(ctx context.Context, name string, limits Limits, storage afero.Fs) (afero.Fs, error) {
	if limits.Bytes < 0 || limits.Files < 0 {
		return nil, fmt.Errorf("quota: limits of %q are negative: use 0 for any number", name)
	}
	if limits == (Limits{}) {
		return storage, nil
	}
	if _, itself := storage.(driver.Uploader); itself {
		return nil, fmt.Errorf("quota: account %q: %s takes no quota: remove the limits, or use another storage", name, storage.Name())
	}
	account := s.account(name)
	if err := account.load(ctx, storage); err != nil {
		return nil, fmt.Errorf("quota: account %q: %w", name, err)
	}
	return &FS{fs: storage, account: account, limits: limits}, nil
}

func (s *Store) account(name string) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.accounts[name]
	if !ok {
		known = &account{store: s, name: name, told: s.lent != nil}
		s.accounts[name] = known
	}
	return known
}

// Usage returns what an account keeps as far as it is known. The boolean is
// false if it has never been counted.
func (s *Store) Usage(name string) (Usage, bool, error) {
	s.mu.Lock()
	account, ok := s.accounts[name]
	s.mu.Unlock()
	if ok {
		if usage, counted := account.usage(); counted {
			return usage, true, nil
		}
	}
	if s.counter != nil {
		count, err := s.counter.Count(name)
		return count.Usage, count.Since != "", err
	}
	found, ok, err := s.read(name)
	return Usage{Bytes: found.Bytes, Files: found.Files}, ok, err
}

// Recount counts an account anew and returns the result. Sessions of the
// account wait with their changes meanwhile.
func (s *Store) Recount(ctx context.Context, name string, storage afero.Fs) (Usage, error) {
	usage, err := s.account(name).recount(ctx, storage)
	if err != nil {
		return Usage{}, fmt.Errorf("quota: count account %q: %w", name, err)
	}
	return usage, s.Flush()
}

// Flush writes all counts to the file, or tells them to the Counter. Call it now
// and then, so that fewer accounts have to be counted anew after a crash.
func (s *Store) Flush() error {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	switch {
	case s.closed || s.isLent():
		return nil
	case s.counter != nil:
		_ = s.shareAll(false) // the counter has told of what is wrong
		return nil
	default:
		return s.flushLocked()
	}
}

func (s *Store) isLent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lent != nil
}

// Close writes all counts to the file and lets go of it. Layers must not be
// used any more: their changes fail. A second Close does nothing.
func (s *Store) Close() error {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	switch {
	case s.counter != nil:
		return s.shareAll(true)
	case s.isLent():
		return nil
	}
	return errors.Join(s.flushLocked(), s.db.Close())
}

func (s *Store) flushLocked() error {
	s.mu.Lock()
	records := make(map[string]record)
	for name, account := range s.accounts {
		if record, changed := account.settle(); changed {
			records[name] = record
		}
	}
	s.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	return s.write(records)
}

var errClosed = errors.New("quota: the store is closed")

// mark notes in the file that an account is about to change.
func (s *Store) mark(a *account) error {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	if s.closed {
		return errClosed
	}
	if s.counter != nil || s.isLent() {
		return a.markWith(func(record) error { return nil })
	}
	return a.markWith(func(r record) error { return s.write(map[string]record{a.name: r}) })
}

func (s *Store) write(records map[string]record) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for name, record := range records {
			text, err := json.Marshal(record)
			if err == nil {
				err = tx.Bucket([]byte(bucket)).Put([]byte(name), text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("quota: write file %q: %w", s.path, err)
	}
	return nil
}

func (s *Store) read(name string) (found record, ok bool, err error) {
	s.mu.Lock()
	db, lent := s.db, s.lent
	s.mu.Unlock()
	if lent != nil {
		found, ok = lent[name] // which nobody changes
		return found, ok, nil
	}
	err = db.View(func(tx *bbolt.Tx) error {
		text := tx.Bucket([]byte(bucket)).Get([]byte(name))
		if text == nil {
			return nil
		}
		ok = true
		return json.Unmarshal(text, &found)
	})
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) && s.isLent() { // at this moment
		return s.read(name)
	}
	if err != nil {
		err = fmt.Errorf("quota: read file %q: %w", s.path, err)
	}
	return found, ok, err
}
