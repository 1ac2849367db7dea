package sqlusers_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/sqlusers"
)

// hash is of the password "correct".
const hash = "$2a$04$0W2hZqTHtQ3VTdbT8p6uPOnLZ4.o6FJx8w5nCpKBRuLxGAk6gRgdO"

const byName = "SELECT * FROM users WHERE userid = ?"

// open makes a database of SQLite's.
func open(t *testing.T, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "users.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return db
}

func parse(t *testing.T, text string) sqlusers.Query {
	t.Helper()
	query, err := sqlusers.ParseQuery(sqlusers.SQLite, text)
	if err != nil {
		t.Fatal(err)
	}
	return query
}

func source(t *testing.T, db *sql.DB, query string) *sqlusers.Source {
	t.Helper()
	return sqlusers.New(db, sqlusers.Options{Dialect: sqlusers.SQLite, UserQuery: parse(t, query)})
}

func find(t *testing.T, s *sqlusers.Source, name string) (*driver.User, error) {
	t.Helper()
	found, err := s.Find(t.Context(), driver.Attempt{User: name})
	if err != nil {
		return nil, err
	}
	return found.User, nil
}

// row is a query that returns one row made of an expression for a column.
func row(columns string) string {
	return "SELECT 'alice' AS name, '" + hash + "' AS password, " + columns + " WHERE 'alice' = ?"
}

func TestColumns(t *testing.T) {
	t.Parallel()
	base := func(change func(*driver.User)) *driver.User {
		user := &driver.User{Name: "alice", PasswordHash: hash}
		change(user)
		return user
	}
	last := time.Date(2027, time.January, 1, 0, 0, 0, 0, time.Local)
	tests := []struct {
		columns string
		want    *driver.User
	}{
		{"1 AS id, 'x' AS shell, 65534 AS uid", base(func(*driver.User) {})},
		{"NULL AS home, NULL AS permissions, NULL AS groups, NULL AS quota_bytes, NULL AS disabled, NULL AS expires, NULL AS networks, NULL AS hours, NULL AS require_tls, NULL AS certificate, NULL AS max_sessions", base(func(*driver.User) {})},
		{"'' AS dir, '' AS groups, '' AS networks, '' AS hours", base(func(*driver.User) {})},
		{"'/srv/50%u  ' AS HomeDir", base(func(u *driver.User) { u.Home = "/srv/50%%u" })},
		{"'/srv' AS Dir", base(func(u *driver.User) { u.Home = "/srv" })},
		{"'list, read' AS permissions", base(func(u *driver.User) { u.Permissions = driver.ReadOnly })},
		{"'{list,read}' AS permissions", base(func(u *driver.User) { u.Permissions = driver.ReadOnly })},
		{"'staff , web' AS groups", base(func(u *driver.User) { u.Groups = []string{"staff", "web"} })},
		{`'{staff,"web"}' AS groups`, base(func(u *driver.User) { u.Groups = []string{"staff", "web"} })},
		{"1000 AS quota_bytes, '20' AS quota_files", base(func(u *driver.User) { u.Quota = driver.QuotaLimits{Bytes: 1000, Files: 20} })},
		{"2 AS QuotaSize, 3.0 AS QuotaFiles", base(func(u *driver.User) { u.Quota = driver.QuotaLimits{Bytes: 2 << 20, Files: 3} })},
		{"0 AS quotasize, 0 AS ulbandwidth", base(func(*driver.User) {})},
		{"5 AS upload_rate, 6 AS download_rate, 7 AS max_sessions, 8 AS max_transfers", base(func(u *driver.User) {
			u.Limits = driver.Limits{UploadRate: 5, DownloadRate: 6, Sessions: 7, Transfers: 8}
		})},
		{"5 AS ULBandwidth, 6 AS DLBandwidth", base(func(u *driver.User) { u.Limits = driver.Limits{UploadRate: 5 << 10, DownloadRate: 6 << 10} })},
		{"1 AS disabled", base(func(u *driver.User) { u.Access.Disabled = true })},
		{"'no' AS disabled", base(func(*driver.User) {})},
		{"'1' AS Status", base(func(*driver.User) {})},
		{"'0' AS status", base(func(u *driver.User) { u.Access.Disabled = true })},
		{"x'00' AS active", base(func(u *driver.User) { u.Access.Disabled = true })},
		{"x'01' AS active", base(func(*driver.User) {})},
		{"NULL AS enabled", base(func(u *driver.User) { u.Access.Disabled = true })},
		{"'' AS enabled", base(func(u *driver.User) { u.Access.Disabled = true })},
		{"'2026-12-31' AS expires", base(func(u *driver.User) { u.Access.Expires = last })},
		{"'2027-01-01 00:00:00' AS expires", base(func(u *driver.User) { u.Access.Expires = last })},
		{"'2027-01-01T00:00:00' AS expires", base(func(u *driver.User) { u.Access.Expires = last })},
		{"'" + last.Format(time.RFC3339) + "' AS expires", base(func(u *driver.User) { u.Access.Expires = last })},
		{"'infinity' AS expires", base(func(*driver.User) {})},
		{"'10.1.2.3/8, 2001:db8::1' AS networks", base(func(u *driver.User) {
			u.Access.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
		})},
		{"'192.0.2.7' AS ipaccess", base(func(u *driver.User) { u.Access.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")} })},
		{"'*' AS ipaccess", base(func(*driver.User) {})},
		{"'Sun' AS hours", base(func(u *driver.User) { u.Access.Hours = driver.Hours{{End: 24 * time.Hour}} })},
		{"'true' AS require_tls", base(func(u *driver.User) { u.Access.RequireTLS = true })},
		{"'CN=alice' AS certificate", base(func(u *driver.User) { u.CertificateName = "CN=alice" })},
	}
	db := open(t)
	for _, tt := range tests {
		t.Run(tt.columns, func(t *testing.T) {
			t.Parallel()
			got, err := find(t, source(t, db, row(tt.columns)), "alice")
			if err != nil {
				t.Fatal(err)
			}
			if !got.Access.Expires.Equal(tt.want.Access.Expires) {
				t.Errorf("expires %v, want %v", got.Access.Expires, tt.want.Access.Expires)
			}
			got.Access.Expires = tt.want.Access.Expires // their locations may differ
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Whatever is not understood refuses the login, and no other source is asked.
func TestColumnsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	tests := []struct{ columns, want string }{
		{"'srv/alice' AS home", `column home: "srv/alice" is not an absolute path`},
		{"1.5 AS home", "column home: 1.5"},
		{"'everything' AS permissions", `column permissions: "everything" is not a permission`},
		{"'' AS permissions", "column permissions: there are none"},
		{"'none' AS permissions", "column permissions: there are none"},
		{"'{}' AS permissions", "column permissions: "},
		{"'a,,b' AS groups", "column groups: "},
		{"'many' AS quota_bytes", `column quota_bytes: "many" is not a whole number`},
		{"-1 AS quota_bytes", "column quota_bytes: -1 () is not 0 or more"},
		{"1.5 AS quota_files", "column quota_files: 1.5 () is not a whole number"},
		{"9223372036854775807 AS quotasize", "small enough"},
		{"'99999999999999999999' AS upload_rate", "column upload_rate: "},
		{"'2' AS disabled", "column disabled: "},
		{"'suspended' AS status", `column status: "suspended" is not true or false`},
		{"'tomorrow' AS expires", `column expires: "tomorrow" is not a day`},
		{"'0000-00-00' AS expires", "column expires: "},
		{"1767225600 AS expires", "column expires: "},
		{"1.5 AS expires", "column expires: "},
		{"'10.0.0.0/33' AS networks", "column networks: "},
		{"'%' AS ipaccess", "column ipaccess: "},
		{"'10.0.0.0/8,*' AS networks", "column networks: "},
		{"',' AS hours", "column hours: "},
		{"'always' AS hours", "column hours: "},
		{"'maybe' AS require_tls", "column require_tls: "},
		{"'b' AS userid", "the columns name and userid are both about name"},
		{"1 AS quotasize, 1 AS quota_bytes", "the columns quotasize and quota_bytes are both about quota_bytes"},
		{"0 AS disabled, 1 AS enabled", "the columns disabled and enabled are both about disabled"},
	}
	db := open(t)
	for _, tt := range tests {
		t.Run(tt.columns, func(t *testing.T) {
			t.Parallel()
			_, err := find(t, source(t, db, row(tt.columns)), "alice")
			if err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPasswordsHaveToBeHashes(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, password := range []string{"'secret'", "''", "NULL", "'!'", "'$1$salt$qJH7.N4xYta3aEG/dfqo/0'", "5", "'" + hash[:40] + "'"} {
		s := source(t, db, "SELECT 'alice' AS userid, "+password+" AS passwd WHERE 'alice' = ?")
		_, err := find(t, s, "alice")
		if err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), "column password: ") || !strings.Contains(err.Error(), "portico passwd makes") {
			t.Errorf("%s: %v", password, err)
		}
		if text := strings.Trim(password, "'"); len(text) > 1 && err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats %s: %v", password, err)
		}
	}
	byCertificate := source(t, db, "SELECT 'alice' AS userid, NULL AS passwd, 'CN=alice' AS certificate WHERE 'alice' = ?")
	if _, err := byCertificate.Find(t.Context(), driver.Attempt{User: "alice", ByCertificate: true}); err != nil {
		t.Errorf("with a certificate, nobody needs a password: %v", err)
	}
}

// names are those that clients may try.
func hostileNames() []string {
	return []string{
		"' OR '1'='1", "'; DROP TABLE users; --", `" OR 1=1 --`, `alice'--`, "alice' /*", `\' OR 1=1 #`, `alice\`, "%", "_____", "*", "?", "$1", ":name", "%U", `\L`,
		"alice\x00", "\x00", "al\xffice", "alice\xc0\xa7 OR 1=1", "alice ", " alice", "ALICE", "аlice", "alice\u200b", "＇ OR 1=1", "🙂",
		strings.Repeat("a", 10<<10), strings.Repeat("'", 512), "1 UNION SELECT 'alice'", "",
	}
}

func TestNamesAreNeverSQL(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE users (userid TEXT, passwd TEXT)", "INSERT INTO users VALUES ('alice', '"+hash+"'), ('O''Brien; --', '"+hash+"'), ('🙃', '"+hash+"')")
	for _, query := range []string{byName, "SELECT * FROM users WHERE userid = '%U'", `SELECT * FROM users WHERE userid='\L'`} {
		s := source(t, db, query)
		for _, name := range hostileNames() {
			if user, err := find(t, s, name); !errors.Is(err, driver.UnknownUser) {
				t.Errorf("%s: %.40q: %+v, %v, want an unknown user", query, name, user, err)
			}
		}
		for _, name := range []string{"alice", "O'Brien; --", "🙃"} {
			if user, err := find(t, s, name); err != nil || user.Name != name {
				t.Errorf("%s: %q: %+v, %v", query, name, user, err)
			}
		}
	}
}

func TestOneRowIsOneUser(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE users (userid TEXT COLLATE NOCASE, passwd TEXT)", "INSERT INTO users VALUES ('alice', '"+hash+"'), ('ALICE', '"+hash+"'), ('Bob', '"+hash+"'), (NULL, NULL)")
	s := source(t, db, byName)
	if _, err := find(t, s, "alice"); err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), "several rows") {
		t.Errorf("two rows: %v", err)
	}
	if user, err := find(t, s, "BOB"); err != nil || user.Name != "Bob" {
		t.Errorf("a name that the database takes for another: %+v, %v, want Bob", user, err)
	}
	if _, err := find(t, source(t, db, "SELECT userid, passwd FROM users WHERE userid IS NULL AND ? <> ''"), "x"); err == nil || !strings.Contains(err.Error(), "without the user's name") {
		t.Errorf("no name: %v", err)
	}
	if _, err := find(t, source(t, db, "SELECT 'a'||char(10) AS name, passwd FROM users WHERE userid = ?"), "Bob"); err == nil || !strings.Contains(err.Error(), "holds CR") {
		t.Errorf("a name of two lines: %v", err)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	db := open(t,
		"CREATE TABLE users (userid TEXT COLLATE NOCASE, passwd TEXT, groups TEXT)", "CREATE TABLE members (name TEXT, user TEXT)",
		"INSERT INTO users VALUES ('alice', '"+hash+"', 'own'), ('bob', '"+hash+"', NULL)",
		"INSERT INTO members VALUES ('staff  ', 'alice'), (NULL, 'alice'), ('', 'alice'), ('web', 'alice'), ('other', 'eve')")
	s := sqlusers.New(db, sqlusers.Options{
		Dialect: sqlusers.SQLite, UserQuery: parse(t, byName), Groups: []string{"everybody"},
		GroupsQuery: parse(t, "SELECT name FROM members WHERE user = ? ORDER BY rowid"),
	})
	for name, want := range map[string][]string{"ALICE": {"own", "staff", "web", "everybody"}, "bob": {"everybody"}} {
		if user, err := find(t, s, name); err != nil || !reflect.DeepEqual(user.Groups, want) {
			t.Errorf("%s: %+v, %v, want groups %q", name, user, err, want)
		}
	}
	if _, err := find(t, s, "eve"); !errors.Is(err, driver.UnknownUser) {
		t.Errorf("a member who is no user: %v", err)
	}
	endless := sqlusers.New(db, sqlusers.Options{
		Dialect: sqlusers.SQLite, UserQuery: parse(t, byName),
		GroupsQuery: parse(t, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT 'g'||i FROM n WHERE ? <> ''"),
	})
	if _, err := find(t, endless, "bob"); err == nil || !strings.Contains(err.Error(), "more than 1000 groups") {
		t.Errorf("endless groups: %v", err)
	}
}

// A question takes no longer than the timeout, and the next one is answered.
func TestQueriesThatTakeTooLong(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE users (userid TEXT, passwd TEXT)", "INSERT INTO users VALUES ('alice', '"+hash+"')")
	db.SetMaxOpenConns(1)
	endless := sqlusers.New(db, sqlusers.Options{
		Dialect: sqlusers.SQLite, Timeout: 50 * time.Millisecond,
		UserQuery: parse(t, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT 'a' AS name, 'b' AS password FROM n WHERE i < 0 AND ? <> ''"),
	})
	if _, err := find(t, endless, "alice"); err == nil || errors.Is(err, driver.ErrDenied) {
		t.Errorf("an endless query: %v", err)
	}
	if _, err := find(t, source(t, db, byName), "alice"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := find(t, endless, "alice"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no connection is free: %v, want the timeout", err)
	}
	_ = held.Close()
	if _, err := find(t, source(t, db, byName), "alice"); err != nil {
		t.Errorf("a connection is free again: %v", err)
	}
}

func TestADatabaseThatIsGoneIsNoUnknownUser(t *testing.T) {
	t.Parallel()
	db := open(t)
	if _, err := find(t, source(t, db, byName), "alice"); err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), "sqlusers: user query: ") {
		t.Errorf("no table: %v", err)
	}
	if _, err := db.Exec("CREATE TABLE users (userid TEXT, passwd TEXT)"); err != nil {
		t.Fatal(err)
	}
	s := sqlusers.New(db, sqlusers.Options{Dialect: sqlusers.SQLite, UserQuery: parse(t, byName), GroupsQuery: parse(t, "SELECT g FROM missing WHERE u = ?")})
	if _, err := find(t, s, "alice"); err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), "sqlusers: groups query: ") {
		t.Errorf("no table of groups: %v", err)
	}
	_ = db.Close()
	if _, err := find(t, source(t, db, byName), "alice"); err == nil || errors.Is(err, driver.ErrDenied) {
		t.Errorf("closed: %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE users (id INTEGER, UserID TEXT, Passwd TEXT, homedir TEXT, email TEXT, name TEXT)")
	tests := []struct {
		user, groups string
		want         string // fault
	}{
		{"SELECT id, userid, passwd, homedir, email FROM users WHERE userid = ?", "SELECT 'g' WHERE ? = 'x'", ""},
		{byName, "", "the columns UserID and name are both about name"},
		{"SELECT passwd FROM users WHERE userid = ?", "", "no column is the user's name"},
		{"SELECT userid FROM users WHERE userid = ?", "", "no column is the password"},
		{"SELECT userid, passwd FROM usres WHERE userid = ?", "", "no such table: usres"},
		{"SELEKT ?", "", "syntax error"},
		{"SELECT userid, passwd FROM users WHERE userid = ? AND id = :id", "", "sqlusers: user query: "},
		{"SELECT userid, passwd FROM users WHERE userid = ?", "SELECT 'g', 1 WHERE ? = 'x'", "sqlusers: groups query: has the columns 'g', 1: one is wanted"},
		{"SELECT userid, passwd FROM users WHERE userid = ?", "SELECT g FROM missing WHERE u = ?", "sqlusers: groups query: "},
	}
	for _, tt := range tests {
		opts := sqlusers.Options{Dialect: sqlusers.SQLite, UserQuery: parse(t, tt.user)}
		if tt.groups != "" {
			opts.GroupsQuery = parse(t, tt.groups)
		}
		got, err := sqlusers.New(db, opts).Check(t.Context())
		want := sqlusers.Columns{Known: []string{"UserID", "Passwd", "homedir"}, Ignored: []string{"id", "email"}}
		switch {
		case tt.want == "" && (err != nil || !strings.EqualFold(fmt.Sprint(got), fmt.Sprint(want))):
			t.Errorf("%s: %+v, %v, want %+v", tt.user, got, err, want)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s, %s: %v, want %q", tt.user, tt.groups, err, tt.want)
		}
	}
}

func TestUsersLogIn(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	good, err := driver.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, "CREATE TABLE users (userid TEXT, passwd TEXT, homedir TEXT, enabled INTEGER)")
	for name, enabled := range map[string]any{"alice": 1, "bob": nil} {
		if _, err := db.Exec("INSERT INTO users VALUES (?, ?, ?, ?)", name, good, home, enabled); err != nil {
			t.Fatal(err)
		}
	}
	users, err := driver.NewUsers(nil, driver.UsersOptions{
		Sources:  []driver.Source{source(t, db, byName)},
		Defaults: driver.User{Permissions: driver.ReadOnly},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, password string
		want           error
	}{
		{"alice", "secret", nil}, {"alice", "wrong", driver.WrongPassword}, {"alice", good, driver.WrongPassword},
		{"bob", "secret", driver.AccountDisabled}, {"eve", "secret", driver.UnknownUser},
	} {
		if _, err := users.Authenticate(t.Context(), driver.Attempt{User: tt.name, Password: tt.password}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
