package driver

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
)

// maxAccounts bounds the accounts that are remembered of sources that cannot
// name their users.
const maxAccounts = 10_000

// user is a User that was found valid, with what his groups have added.
type user struct {
	name            string
	access          Access
	limits          Limits
	refusedCommands []string
	operator        bool
	places          []*place // the home first
}

// accounts makes users of what sources know, and remembers them: the sessions
// of a user share what is behind his directories.
type accounts struct {
	groups   map[string]User
	defaults User
	allow    Permissions
	previous *accounts // nil: none

	mu     sync.Mutex
	listed map[accountKey]account // of sources that can name their users; guarded by mu
	met    map[accountKey]account // of others, maxAccounts at the most; guarded by mu
}

// accountKey is a user of a source. Two sources may know the same name.
type accountKey struct {
	source int
	name   string
}

// account is a user made of a record, and is good for as long as the source
// says the same.
type account struct {
	record *User
	whole  User // with what groups and defaults settle
	user   *user
}

// is says whether the account is the one that a record describes.
func (a account) is(record *User) bool {
	return a.record == record || reflect.DeepEqual(a.record, record)
}

func newAccounts(opts UsersOptions) *accounts {
	a := &accounts{
		groups: maps.Clone(opts.Groups), defaults: opts.Defaults, allow: orElse(opts.Allow, AllPermissions),
		listed: make(map[accountKey]account), met: make(map[accountKey]account),
	}
	if opts.Previous != nil {
		a.previous = opts.Previous.accounts
	}
	return a
}

// list makes a user of a source that can name its users. The error joins all
// that is wrong.
func (a *accounts) list(source int, record *User) error {
	key := accountKey{source, record.Name}
	made, faults := a.make(key, record)
	for _, name := range record.Groups {
		if _, ok := a.groups[name]; !ok {
			faults = append(faults, fmt.Errorf("there is no group %q: define it, or take the user out of it", name))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed[key] = made
	return faultsOf(record.Name, faults)
}

// get returns the user whom a record describes. The error joins all that is
// wrong.
func (a *accounts) get(source int, record *User) (*user, error) {
	key := accountKey{source, record.Name}
	if user, ok := a.look(key, record); ok {
		return user, nil
	}
	made, faults := a.make(key, record)
	if len(faults) > 0 {
		return nil, faultsOf(record.Name, faults)
	}
	return a.remember(key, made), nil
}

func (a *accounts) look(key accountKey, record *User) (*user, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lookLocked(key, record)
}

func (a *accounts) lookLocked(key accountKey, record *User) (*user, bool) {
	for _, known := range []map[accountKey]account{a.listed, a.met} {
		if account, ok := known[key]; ok && account.is(record) {
			return account.user, true
		}
	}
	return nil, false
}

// remember returns the user of another session that was faster, if one was.
func (a *accounts) remember(key accountKey, made account) *user {
	a.mu.Lock()
	defer a.mu.Unlock()
	if user, ok := a.lookLocked(key, made.record); ok {
		return user
	}
	if _, ok := a.listed[key]; ok { // the list has changed
		a.listed[key] = made
		return made.user
	}
	for other := range a.met {
		if len(a.met) < maxAccounts {
			break
		}
		delete(a.met, other) // any one
	}
	a.met[key] = made
	return made.user
}

// users are those known now.
func (a *accounts) users() []*user {
	a.mu.Lock()
	defer a.mu.Unlock()
	var users []*user
	for _, known := range []map[accountKey]account{a.listed, a.met} {
		for _, account := range known {
			users = append(users, account.user)
		}
	}
	return users
}

// make returns an account with what groups and defaults settle, and all that is
// wrong with it.
func (a *accounts) make(key accountKey, record *User) (account, []error) {
	made := account{record: record, whole: a.complete(*record).within(a.allow)}
	if made.user = a.previous.sameAs(key, made.whole); made.user != nil {
		return made, nil
	}
	whole := made.whole
	made.user = &user{
		name: whole.Name, access: whole.Access, limits: whole.Limits,
		refusedCommands: slices.Clone(whole.RefusedCommands), operator: whole.Operator,
	}
	return made, made.user.addPlaces(whole)
}

// sameAs returns the user of an account that has been the same, nil if there is
// none.
func (a *accounts) sameAs(key accountKey, whole User) *user {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, known := range []map[accountKey]account{a.listed, a.met} {
		if account, ok := known[key]; ok && reflect.DeepEqual(account.whole, whole) {
			return account.user
		}
	}
	return nil
}

// complete adds what groups and defaults settle.
func (a *accounts) complete(record User) User {
	for _, name := range record.Groups {
		if group, ok := a.groups[name]; ok {
			record = record.with(group)
		}
	}
	return record.with(a.defaults)
}

func faultsOf(name string, faults []error) error {
	named := make([]error, len(faults))
	for i, fault := range faults {
		named[i] = fmt.Errorf("driver: user %q: %w", name, fault)
	}
	return errors.Join(named...)
}
