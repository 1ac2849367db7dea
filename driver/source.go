package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Source knows users: a list, a database, a directory. Implementations must be
// safe for concurrent use. What a Source holds open is closed by whoever made
// it, after the last Find.
type Source interface {
	// Find returns the user whom an attempt names, whether or not the password
	// is right. UnknownUser, wrapped or not, means that this source has no such
	// user; the next one is asked then. Any other error means that the question
	// could not be answered: the attempt fails, and no other source is asked,
	// because the user may be one whom this source would refuse. A source that
	// sees the password checked before it knows more may return another Denial.
	Find(ctx context.Context, attempt Attempt) (*Found, error)
}

// Found is a user whom a Source knows.
type Found struct {
	// User is who it is, and must not be changed any more. Name is the name by
	// which the server knows the user, whatever spelling the attempt had.
	User *User
	// Check says whether a password is the user's, for sources that do not give
	// away the hash. An error means that the question could not be answered.
	// Nil: User.PasswordHash decides.
	Check func(ctx context.Context, password string) (bool, error)
}

// lister is a Source that can name all its users.
type lister interface {
	Users() []User
}

// List is a Source with a fixed list of users. It is safe for concurrent use.
type List struct {
	users     []User
	byName    map[string]int
	anonymous int // index of the anonymous user; -1: none
}

var (
	_ Source = (*List)(nil)
	_ lister = (*List)(nil)
)

// NewList checks the names and passwords of a list and copies it. The error
// joins all faults; each names its user. The list is returned with it, so that
// NewUsers can find more, and is not to be used otherwise.
func NewList(users []User) (*List, error) {
	l := &List{users: slices.Clone(users), byName: make(map[string]int, len(users)), anonymous: -1}
	var faults []error
	for i, user := range l.users {
		for _, err := range []error{l.checkName(user.Name), l.checkLogin(user)} {
			if err != nil {
				faults = append(faults, fmt.Errorf("driver: user %s: %w", label(i, user), err))
			}
		}
		if user.Anonymous {
			l.anonymous = i
		}
		l.byName[user.Name] = i
	}
	return l, errors.Join(faults...)
}

func label(index int, entry User) string {
	if entry.Name == "" {
		return fmt.Sprintf("number %d", index+1)
	}
	return fmt.Sprintf("%q", entry.Name)
}

func (l *List) checkName(name string) error {
	_, taken := l.byName[name]
	switch {
	case name == "":
		return errors.New("the name is empty: give it one")
	case taken:
		return errors.New("the name is taken by an earlier user: use each name once")
	case breaksLines(name):
		return errors.New("the name holds CR, LF or NUL, which no client can send: leave them out")
	}
	return nil
}

func (l *List) checkLogin(user User) error {
	switch {
	case !user.Anonymous:
		_, err := parseUserHash(user.PasswordHash)
		return err
	case l.anonymous >= 0:
		return fmt.Errorf("%q is anonymous already: keep one of the two", l.users[l.anonymous].Name)
	case user.PasswordHash != "":
		return errors.New("an anonymous user takes any password: remove the password hash, or make the user not anonymous")
	}
	return nil
}

// Users returns all users, which the caller must not change.
func (l *List) Users() []User { return l.users }

// Find implements Source. The anonymous user answers to "anonymous" and "ftp"
// in any case, too, unless another user has that name.
func (l *List) Find(_ context.Context, attempt Attempt) (*Found, error) {
	if i, ok := l.byName[attempt.User]; ok {
		return &Found{User: &l.users[i]}, nil
	}
	if l.anonymous >= 0 && slices.Contains([]string{"anonymous", "ftp"}, strings.ToLower(attempt.User)) {
		return &Found{User: &l.users[l.anonymous]}, nil
	}
	return nil, UnknownUser
}
