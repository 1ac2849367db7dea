package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/sqlusers"
)

// How long a connection to a database is kept: idle, so that a quiet night
// costs it nothing; in all, so that a name that leads to another machine is
// followed.
const (
	sqlIdleTime = 5 * time.Minute
	sqlLifetime = 30 * time.Minute
)

// openSQL opens the database of users. One that does not answer now may do so
// when somebody logs in, so that is a line in the log and no error.
func (s *setup) openSQL(log *zap.Logger) (driver.Source, func() error, error) {
	source, db, err := s.newSQL()
	if err != nil {
		return nil, nil, err
	}
	if columns, err := source.Check(context.Background()); err != nil {
		log.Error("the database of users does not work, and nobody can log in whom it may know", zap.String("setting", "auth.sql"), zap.Error(err))
	} else {
		log.Debug("database of users", zap.Strings("columns", columns.Known), zap.Strings("ignored", columns.Ignored))
	}
	return source, db.Close, nil
}

// checkSQL asks the database, if there is one.
func (s *setup) checkSQL(ctx context.Context, r *report) {
	if s.config.Auth.SQL.DSN == "" {
		return
	}
	source, db, err := s.newSQL()
	if err != nil {
		return // a fault of the users, which has been reported
	}
	defer db.Close()
	columns, err := source.Check(ctx)
	if err != nil {
		err = s.fault("auth.sql", "%v", err)
	}
	detail := "answers; columns: " + strings.Join(columns.Known, ", ")
	if len(columns.Ignored) > 0 {
		detail += "; ignored: " + strings.Join(columns.Ignored, ", ")
	}
	r.add("database of users", detail, err)
}

// newSQL makes the source without connecting. The caller closes the database.
func (s *setup) newSQL() (*sqlusers.Source, *sql.DB, error) {
	settings := s.config.Auth.SQL
	opts := sqlusers.Options{Groups: settings.Groups, Timeout: settings.Timeout}
	faults := []error{
		enumerated("auth.sql.driver", opts.Dialect.UnmarshalText, settings.Driver),
		s.sqlQuery("auth.sql.user_query", opts.Dialect, settings.UserQuery, &opts.UserQuery),
	}
	if settings.GroupsQuery != "" {
		faults = append(faults, s.sqlQuery("auth.sql.groups_query", opts.Dialect, settings.GroupsQuery, &opts.GroupsQuery))
	}
	db, err := s.sqlDatabase(settings)
	if err := errors.Join(append(faults, err)...); err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, nil, err
	}
	return sqlusers.New(db, opts), db, nil
}

func (s *setup) sqlQuery(key string, dialect sqlusers.Dialect, text string, into *sqlusers.Query) error {
	query, err := sqlusers.ParseQuery(dialect, text)
	if err != nil {
		return s.fault(key, "%v", err)
	}
	*into = query
	return nil
}

func (s *setup) sqlDatabase(settings config.SQL) (*sql.DB, error) {
	open := map[string]func(dsn string, timeout time.Duration) (*sql.DB, error){"postgres": openPostgres, "mysql": openMySQL, "sqlite": openSQLite}[settings.Driver]
	if open == nil {
		return nil, nil // which is reported as a fault of the driver
	}
	db, err := open(settings.DSN.Reveal(), settings.Timeout)
	if err != nil {
		return nil, s.fault("auth.sql.dsn", "%v", err)
	}
	db.SetMaxOpenConns(settings.Connections)
	if settings.Driver != "sqlite" { // whose file may be replaced by another one at any time
		db.SetMaxIdleConns(settings.Connections)
	} else {
		db.SetMaxIdleConns(-1)
	}
	db.SetConnMaxIdleTime(sqlIdleTime)
	db.SetConnMaxLifetime(sqlLifetime)
	return db, nil
}

// openPostgres, like openMySQL, keeps to itself what the driver says of a DSN
// that it cannot read: it may repeat a part of the password.
func openPostgres(dsn string, timeout time.Duration) (*sql.DB, error) {
	settings, err := pgx.ParseConfig(dsn)
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return nil, fmt.Errorf("names a file that cannot be read: %w", file)
	}
	if err != nil {
		return nil, errors.New("is not understood: write postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, with special characters of the password as %40")
	}
	if settings.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, errors.New("default_query_exec_mode=simple_protocol would write names into the text of queries: use exec, which PgBouncer takes, too")
	}
	settings.ConnectTimeout = noLonger(settings.ConnectTimeout, timeout)
	// After a restart of the database, a connection from before fails here and
	// not at somebody's login.
	ping := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return true })
	return stdlib.OpenDB(*settings, ping), nil
}

func openMySQL(dsn string, timeout time.Duration) (*sql.DB, error) {
	settings, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("is not understood: write USER:PASSWORD@tcp(HOST:3306)/DATABASE?tls=true")
	}
	if settings.InterpolateParams {
		return nil, errors.New("interpolateParams would write names into the text of queries: leave it out")
	}
	// The pool makes some connections on a goroutine of its own, which no login
	// hurries.
	for _, limit := range []*time.Duration{&settings.Timeout, &settings.ReadTimeout, &settings.WriteTimeout} {
		*limit = noLonger(*limit, timeout)
	}
	settings.Logger = &mysql.NopLogger{} // what it says comes as an error, too
	connector, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// noLonger bounds a timeout, of which 0 is none.
func noLonger(d, limit time.Duration) time.Duration {
	if d <= 0 {
		return limit
	}
	return min(d, limit)
}

// openSQLite opens a file that exists, and writes nothing to it. One that a
// program writes to has a log or a journal beside it, which readers may have to
// write to, so it is not opened read-only.
func openSQLite(dsn string, timeout time.Duration) (*sql.DB, error) {
	if !strings.HasPrefix(dsn, "file:") {
		if !filepath.IsAbs(dsn) {
			return nil, errors.New("is no absolute path: write one, or file:/PATH with parameters")
		}
		dsn = (&url.URL{Scheme: "file", Path: dsn}).String()
	}
	location, parameters, _ := strings.Cut(dsn, "?")
	query, err := url.ParseQuery(parameters)
	if err != nil {
		return nil, fmt.Errorf("has parameters that are not understood: %w", err)
	}
	if !query.Has("mode") {
		query.Set("mode", "rw")
	}
	query.Set("_query_only", "1")
	query.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", timeout.Milliseconds()))
	return sql.Open("sqlite", location+"?"+query.Encode())
}
