package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
	"github.com/portico-ftp/portico/server/shared"
)

// accounts are the users of a server and of its hosts, with what they share.
type accounts struct {
	lists  map[string]*driver.Users // by host, "" being the server
	before map[string]*driver.Users // whose place they take
	open   []func() error           // closes what the sources of users hold
	quotas *quota.Store             // nil: nobody has one
	ctx    context.Context          //nolint:containedctx // it lives until close and ends counting
	cancel context.CancelFunc

	administration *administration // measures storage; nil: nobody does
	traces         *traces         // hears of storage; nil: nobody does
}

// openAccounts opens what quotas are counted in, the state that servers share or a
// file, or goes on with that of the parts before. The caller closes the accounts.
func (s *setup) openAccounts(before *parts, state *shared.State) (*accounts, error) {
	if before != nil {
		old := before.accounts
		return &accounts{before: old.lists, quotas: old.quotas, ctx: old.ctx, cancel: old.cancel, administration: s.administration, traces: s.traces}, nil
	}
	a := &accounts{administration: s.administration, traces: s.traces}
	switch {
	case state != nil:
		a.quotas = quota.OpenShared(state.Counts())
	case s.config.QuotaFile != "":
		var err error
		if a.quotas, err = s.openQuotas(); err != nil {
			return nil, err
		}
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

func (s *setup) openQuotas() (*quota.Store, error) {
	store, err := quota.Open(string(s.config.QuotaFile), quota.Options{})
	if err != nil {
		return nil, s.fault("quota_file", "%v", err)
	}
	return store, nil
}

// checkQuotaFile looks for the directory of the file, and makes nothing.
func (s *setup) checkQuotaFile() error {
	if err := checkDirectory(filepath.Dir(string(s.config.QuotaFile))); err != nil {
		return s.fault("quota_file", "%v", err)
	}
	return nil
}

// usersOptions are those of every list of users.
func (s *setup) usersOptions() driver.UsersOptions {
	return driver.UsersOptions{Groups: s.groups, Defaults: accountDefaults(), Allow: s.allow}
}

// add makes the users of a list and of the sources in the options. Host is the
// name of the host that they belong to, "" for the server.
func (a *accounts) add(host string, opts driver.UsersOptions, list []driver.User) (*driver.Users, error) {
	opts.Layer, opts.Previous = a.layer(host), a.before[host]
	users, err := driver.NewUsers(list, opts)
	if err != nil {
		return nil, err
	}
	if a.lists == nil {
		a.lists = make(map[string]*driver.Users)
	}
	a.lists[host] = users
	return users, nil
}

// layer puts quotas over homes that have one.
func (a *accounts) layer(host string) driver.LayerFunc {
	return func(at driver.Place, storage afero.Fs) (afero.Fs, error) {
		storage = a.traces.layer(at, a.administration.measure(at.Kind, storage))
		switch {
		case at.Quota == driver.QuotaLimits{}:
			return storage, nil
		case a.quotas == nil:
			return nil, errors.New("the user has a quota, and quota_file is not set: name a file in which use is counted")
		default:
			return a.quotas.Layer(a.ctx, quotaAccount(host, at.User), quota.Limits(at.Quota), storage)
		}
	}
}

// quotaAccount is the name under which the use of a quota is counted.
func quotaAccount(host, user string) string {
	if host == "" {
		return user
	}
	return user + "@" + host
}

// close writes the quotas and closes the sources. No session may be left.
func (a *accounts) close() error {
	a.cancel()
	err := a.closeSources()
	if a.quotas != nil {
		err = errors.Join(err, a.quotas.Close())
	}
	return err
}

// closeSources closes what others do not go on with. No login may be under way.
func (a *accounts) closeSources() error {
	var faults []error
	for _, closeSource := range a.open {
		faults = append(faults, closeSource())
	}
	a.open = nil
	return errors.Join(faults...)
}
