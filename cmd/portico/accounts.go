package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/quota"
)

// accounts are the users of a server and of its hosts, with what they share.
type accounts struct {
	lists  []*driver.Users
	quotas *quota.Store    // nil: nobody has one
	ctx    context.Context //nolint:containedctx // it lives until close and ends counting
	cancel context.CancelFunc
}

// openAccounts opens the file of the quotas. The caller closes the accounts.
func (s *setup) openAccounts() (*accounts, error) {
	a := &accounts{}
	if s.config.QuotaFile != "" {
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

// add makes the users of a list. Host is the name of the host that they belong
// to, "" for the server; configured holds their quotas.
func (a *accounts) add(host string, users []driver.User, configured []config.User) (*driver.Users, error) {
	list, err := driver.NewUsers(users, driver.UsersOptions{Layer: a.layer(host, configured)})
	if err != nil {
		return nil, err
	}
	a.lists = append(a.lists, list)
	return list, nil
}

// layer puts quotas over homes. It is nil where nobody has one.
func (a *accounts) layer(host string, configured []config.User) driver.LayerFunc {
	limits := map[string]quota.Limits{}
	for _, u := range configured {
		if u.Quota != (config.Quota{}) {
			limits[u.Name] = quota.Limits{Bytes: int64(u.Quota.Bytes), Files: int64(u.Quota.Files)}
		}
	}
	if a.quotas == nil || len(limits) == 0 {
		return nil
	}
	return func(at driver.Place, storage afero.Fs) (afero.Fs, error) {
		if at.Path != "/" {
			return storage, nil
		}
		return a.quotas.Layer(a.ctx, quotaAccount(host, at.User), limits[at.User], storage)
	}
}

// quotaAccount is the name under which the use of a quota is counted.
func quotaAccount(host, user string) string {
	if host == "" {
		return user
	}
	return user + "@" + host
}

// close writes the quotas. No session may be left.
func (a *accounts) close() error {
	a.cancel()
	if a.quotas == nil {
		return nil
	}
	return a.quotas.Close()
}
