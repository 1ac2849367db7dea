package sqlusers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-ftp/portico/driver"
)

const (
	defaultTimeout = 5 * time.Second

	maxName   = 512  // bytes; no user's name is longer
	maxGroups = 1000 // of one user
)

// Options says how users are found.
type Options struct {
	// Dialect is whose SQL the queries are written in, as for ParseQuery.
	Dialect Dialect
	// UserQuery returns a row for each user of a name, see the package
	// comment. Required. More than one row is an error.
	UserQuery Query
	// GroupsQuery returns the names of a user's groups, one in each row. It is
	// asked about the name that the user query has returned. Zero: only the
	// column groups has some.
	GroupsQuery Query
	// Groups are those that every user is in, after his own.
	Groups []string
	// Timeout is how long one question may take, with the waiting for a
	// connection. Zero or less: 5 s.
	Timeout time.Duration
}

// Source finds users in a database. It is safe for concurrent use.
type Source struct {
	db   *sql.DB
	opts Options
}

var _ driver.Source = (*Source)(nil)

// New returns a source that asks db, which stays the caller's to close. It
// panics if there is no user query.
func New(db *sql.DB, opts Options) *Source {
	if opts.UserQuery.isZero() {
		panic("sqlusers: there is no user query")
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	return &Source{db, opts}
}

// Find implements driver.Source. An error means that the database did not
// answer, or that its answer is not understood; the column is named then.
func (s *Source) Find(ctx context.Context, attempt driver.Attempt) (*driver.Found, error) {
	if !canBeName(attempt.User) {
		return nil, driver.UnknownUser
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	user, err := s.user(ctx, attempt.User)
	if err != nil {
		return nil, fmt.Errorf("sqlusers: user query: %w", err)
	}
	name := attempt.User
	if user != nil {
		name = user.Name
	}
	// About a user whom there is not, too, so that the time does not tell.
	groups, err := s.groups(ctx, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sqlusers: groups query: %w", err)
	case user == nil:
		return nil, driver.UnknownUser
	}
	if err := checkHash(user, attempt); err != nil {
		return nil, fmt.Errorf("sqlusers: user query: %w", err)
	}
	user.Groups = slices.Concat(user.Groups, groups, s.opts.Groups)
	return &driver.Found{User: user}, nil
}

// canBeName says whether a database can be asked about a name at all: texts
// with NUL, or that are no UTF-8, are errors to some and cut off by others.
func canBeName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsRune(name, 0)
}

// checkHash refuses what is no hash here, where the column can be named.
func checkHash(user *driver.User, attempt driver.Attempt) error {
	if attempt.ByCertificate {
		return nil
	}
	if user.PasswordHash == "" {
		return errors.New("column password: is empty: portico passwd makes a hash")
	}
	if err := driver.CheckHash(user.PasswordHash); err != nil {
		return fmt.Errorf("column password: %w; portico passwd makes one", err)
	}
	return nil
}

// user returns the user whom the user query knows, nil if there is none.
func (s *Source) user(ctx context.Context, name string) (*driver.User, error) {
	rows, err := s.ask(ctx, s.opts.UserQuery, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	user, err := readUser(rows)
	if err != nil {
		return nil, err
	}
	if rows.Next() {
		return nil, errors.New("returns several rows for one name: it has to tell them apart")
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return user, nil
}

// groups returns what the groups query knows.
func (s *Source) groups(ctx context.Context, name string) ([]string, error) {
	if s.opts.GroupsQuery.isZero() {
		return nil, nil
	}
	rows, err := s.ask(ctx, s.opts.GroupsQuery, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var groups []string
	for rows.Next() {
		var group sql.NullString
		if err := rows.Scan(&group); err != nil {
			return nil, err
		}
		if len(groups) == maxGroups {
			return nil, fmt.Errorf("returns more than %d groups of one user", maxGroups)
		}
		if group.String != "" {
			groups = append(groups, strings.TrimRight(group.String, " ")) // of CHAR
		}
	}
	return groups, rows.Err()
}

func (s *Source) ask(ctx context.Context, query Query, name string) (*sql.Rows, error) {
	return s.db.QueryContext(ctx, query.text, query.args(s.opts.Dialect, name)...)
}

// Columns are those of the user query.
type Columns struct {
	// Known are understood.
	Known []string
	// Ignored count for nothing.
	Ignored []string
}

// Check asks the queries about a user whom there is not, and returns the columns
// of the user query. The error says that the database did not answer, that a
// query is wrong, or that columns are missing or there twice.
func (s *Source) Check(ctx context.Context) (Columns, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	nobody := "nobody-" + rand.Text()
	columns, err := s.columns(ctx, s.opts.UserQuery, nobody)
	if err != nil {
		return Columns{}, fmt.Errorf("sqlusers: user query: %w", err)
	}
	found, err := findColumns(columns)
	if err != nil {
		return Columns{}, fmt.Errorf("sqlusers: user query: %w", err)
	}
	if s.opts.GroupsQuery.isZero() {
		return found.describe(columns), nil
	}
	groups, err := s.columns(ctx, s.opts.GroupsQuery, nobody)
	if err == nil && len(groups) != 1 {
		err = fmt.Errorf("has the columns %s: one is wanted, the name of a group", strings.Join(groups, ", "))
	}
	if err != nil {
		return Columns{}, fmt.Errorf("sqlusers: groups query: %w", err)
	}
	return found.describe(columns), nil
}

func (s *Source) columns(ctx context.Context, query Query, name string) ([]string, error) {
	rows, err := s.ask(ctx, query, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	rows.Next() // some drivers know an error only then
	return columns, rows.Err()
}
