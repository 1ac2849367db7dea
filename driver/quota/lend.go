package quota

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// A file can be used by one process at a time. When one takes the place of
// another, which still has sessions, the older one lends it the file: it goes on
// counting by itself, and tells what changes.

// Lend writes all counts to the file and lets go of it. From then on each change
// of an account is told, under a lock, so tell must return at once and not call
// the store; the process that has the file passes it to Adjust. Limits count as
// before, but do not see what the other process changes.
func (s *Store) Lend(tell func(account string, change Usage)) error {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	if s.closed || s.lent != nil {
		return errClosed
	}
	if s.counter != nil {
		return nil // there is no file, and both processes tell the counter
	}
	known, err := s.readAll()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tell.Store(&tell)
	current := make(map[string]record)
	for name, account := range s.accounts {
		if usage, counted := account.tellFromNow(true); counted {
			known[name] = record{Bytes: usage.Bytes, Files: usage.Files}
			current[name] = known[name]
		}
	}
	s.lent = known
	s.mu.Unlock()
	// No mark stays: what is under way is told.
	err = errors.Join(s.write(current), s.db.Close())
	if err != nil {
		return errors.Join(err, s.resumeLocked())
	}
	return nil
}

// Resume takes the file back that was lent. The other process must have ended, or
// let go of it.
func (s *Store) Resume() error {
	s.ledger.Lock()
	defer s.ledger.Unlock()
	if s.closed || s.lent == nil {
		return nil
	}
	return s.resumeLocked()
}

func (s *Store) resumeLocked() error {
	db, err := open(s.path, defaultWait)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.db, s.lent = db, nil
	for _, account := range s.accounts {
		account.tellFromNow(false)
	}
	s.mu.Unlock()
	return s.flushLocked()
}

// Adjust counts what another process, to which the file was lent before, has
// changed. An account that has never been counted is left alone.
func (s *Store) Adjust(name string, change Usage) error {
	a := s.account(name)
	a.changes.RLock()
	defer a.changes.RUnlock()
	if err := a.loadKnown(); err != nil || !a.isCounted() {
		return err
	}
	if err := a.begin(); err != nil {
		return err
	}
	defer a.end()
	a.give(-change.Bytes, -change.Files)
	return nil
}

// loadKnown takes over what the file says of the account, if that is right.
func (a *account) loadKnown() error {
	a.loading.Lock()
	defer a.loading.Unlock()
	if a.isCounted() {
		return nil
	}
	found, ok, err := a.store.read(a.name)
	if err == nil && ok && !found.Changing {
		a.adopt(found)
	}
	return err
}

func (a *account) isCounted() bool {
	_, counted := a.usage()
	return counted
}

// tellFromNow returns the usage from which on changes are told, or no longer are.
func (a *account) tellFromNow(told bool) (Usage, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = told
	a.changed = true
	return Usage{Bytes: a.bytes, Files: a.files}, a.counted
}

// told passes a change on.
func (s *Store) told(name string, change Usage) {
	if tell := s.tell.Load(); tell != nil && change != (Usage{}) {
		(*tell)(name, change)
	}
}

func (s *Store) readAll() (map[string]record, error) {
	all := make(map[string]record)
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(name, text []byte) error {
			var found record
			err := json.Unmarshal(text, &found)
			all[string(name)] = found
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("quota: read file %q: %w", s.path, err)
	}
	return all, nil
}

func open(path string, wait time.Duration) (*bbolt.DB, error) {
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: max(wait, time.Nanosecond)})
}
