package ldapusers

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/semaphore"

	"github.com/portico-ftp/portico/driver"
)

// Source finds users in a directory. It is safe for concurrent use, holds
// nothing open between attempts, and needs no closing.
type Source struct {
	opts    Options
	servers *servers
	slots   *semaphore.Weighted
}

var _ driver.Source = (*Source)(nil)

// New checks the options. It does not ask the directory, which may come later;
// Check does. The error joins all that is wrong.
func New(opts Options) (*Source, error) {
	opts = opts.withDefaults()
	opts.Logger = opts.Logger.Named("ldapusers")
	list, err := opts.parseServers()
	if err := errors.Join(err, opts.validate()); err != nil {
		return nil, err
	}
	return &Source{opts: opts, servers: newServers(list), slots: semaphore.NewWeighted(int64(opts.Connections))}, nil
}

// Find implements driver.Source. The password of the attempt is checked here
// and now, on the connection that finds the user; a wrong one is
// driver.WrongPassword. An attempt without a password is told who the user is
// where the entry is searched for.
func (s *Source) Find(ctx context.Context, attempt driver.Attempt) (*driver.Found, error) {
	if !canBeName(attempt.User) {
		return nil, driver.UnknownUser
	}
	question := s.searchThenBind
	if s.opts.UserDN != "" {
		if !canBePassword(attempt.Password) {
			return nil, driver.WrongPassword
		}
		question = s.bindThenRead
	}
	var user *driver.User
	var right bool
	err := s.ask(ctx, func(conn *ldap.Conn) (err error) {
		user, right, err = question(conn, attempt)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &driver.Found{User: user, Check: func(_ context.Context, password string) (bool, error) {
		return right && subtle.ConstantTimeCompare([]byte(password), []byte(attempt.Password)) == 1, nil
	}}, nil
}

// searchThenBind finds the entry, and who knows the password of it. Groups are
// read before, because the connection is the user's afterwards.
func (s *Source) searchThenBind(conn *ldap.Conn, attempt driver.Attempt) (user *driver.User, right bool, err error) {
	if err := s.bindAsSearcher(conn); err != nil {
		return nil, false, err
	}
	entry, err := s.searchUser(conn, ldap.ScopeWholeSubtree, s.opts.Base, s.opts.filter(attempt.User))
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("search for the user: %w", err)
	case entry == nil:
		return nil, false, driver.UnknownUser
	}
	groups, err := s.groupsOf(conn, entry)
	if err != nil {
		return nil, false, err
	}
	if canBePassword(attempt.Password) {
		if err := bindAsUser(conn, entry.DN, attempt.Password); err != nil {
			return nil, false, err
		}
		right = true
	}
	user, err = s.userOf(entry, groups)
	return user, right, err
}

// bindThenRead lets the directory check the password first and then reads what
// the user himself may see.
func (s *Source) bindThenRead(conn *ldap.Conn, attempt driver.Attempt) (user *driver.User, right bool, err error) {
	dn := s.opts.userDN(attempt.User)
	if err := bindAsUser(conn, dn, attempt.Password); err != nil {
		return nil, false, err
	}
	entry, err := s.searchUser(conn, ldap.ScopeBaseObject, dn, s.opts.filter(attempt.User))
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("read the entry of the user: %w", err)
	case entry == nil:
		// Not unknown: the next source must not take whom this one refuses.
		return nil, false, fmt.Errorf("the entry %q is not one that the filter lets in, or its user may not read it", dn)
	}
	groups, err := s.groupsOf(conn, entry)
	if err != nil {
		return nil, false, err
	}
	user, err = s.userOf(entry, groups)
	return user, true, err
}

func (s *Source) bindAsSearcher(conn *ldap.Conn) error {
	if s.opts.BindDN == "" {
		return nil
	}
	if err := judge(conn.Bind(s.opts.BindDN, s.opts.BindPassword)); err != nil {
		return fmt.Errorf("bind as %q: %w", s.opts.BindDN, err)
	}
	return nil
}

// bindAsUser returns a Denial where the directory says that the password is
// wrong. Any other refusal, such as one because of a locked account, is an
// error, for its reason is the directory's.
func bindAsUser(conn *ldap.Conn, dn, password string) error {
	err := judge(conn.Bind(dn, password))
	switch {
	case err == nil:
		return nil
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication):
		return driver.WrongPassword
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject):
		return driver.UnknownUser
	default:
		return fmt.Errorf("bind as %q: %w", dn, err)
	}
}

// searchUser returns the one entry that fits, nil if none does.
func (s *Source) searchUser(conn *ldap.Conn, scope int, base, filter string) (*ldap.Entry, error) {
	result, err := s.search(conn, scope, base, filter, 2, s.opts.Attributes.list())
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) && scope == ldap.ScopeBaseObject:
		return nil, nil
	case errors.Is(err, errTooMany) || err == nil && len(result.Entries) > 1:
		return nil, errors.New("more than one entry fits: make the filter narrower")
	case err != nil:
		return nil, err
	case len(result.Entries) == 0:
		return nil, nil
	}
	return result.Entries[0], nil
}

// errTooMany is a search with more answers than were asked for.
var errTooMany = errors.New("too many entries fit")

// search asks for at most limit entries, on this server alone.
func (s *Source) search(conn *ldap.Conn, scope int, base, filter string, limit int, attributes []string) (*ldap.SearchResult, error) {
	request := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, limit, wholeSeconds(s.opts.Timeout), false, filter, attributes, nil)
	request.EnforceSizeLimit = true
	result, err := conn.Search(request)
	if errors.Is(err, ldap.ErrSizeLimitExceeded) || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		return nil, errTooMany
	}
	return result, judge(err)
}
