package main

import (
	"context"
	"database/sql"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// writeUsersDatabase makes a file of SQLite's with the user alice, whose password
// is "secret".
func writeUsersDatabase(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users #1?.db") // a path is no URL
	db, err := openSQLite("file:"+strings.NewReplacer("#", "%23", "?", "%3f", " ", "%20").Replace(file)+"?mode=rwc", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA query_only = 0; CREATE TABLE users (userid TEXT, passwd TEXT, homedir TEXT); INSERT INTO users VALUES ('alice', ?, ?)", hashOf(t, "secret"), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestServeAsksTheDatabase(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", `
auth: {sql: {driver: sqlite, user_query: "SELECT * FROM users WHERE userid = '%U'"}}
`)
	database := writeUsersDatabase(t)
	environ := []string{"PORTICO_AUTH_SQL_DSN=" + database}
	checked := execute(t, "", environ, "check", "--allow-root", "--config", file) // the ports may be taken
	if !strings.Contains(checked.stdout, "ok    database of users: answers; columns: userid, passwd, homedir\n") {
		t.Errorf("check says\n%s", checked.stdout)
	}
	r := start(t, environ, t.TempDir(), "--user", "bob:secret", "--config", file)
	c := r.dial(t)
	c.wantReply(t, "USER alice", 331)
	c.wantReply(t, "PASS wrong", 530)
	c.wantReply(t, "USER alice", 331)
	c.wantReply(t, "PASS secret", 230)
	c.wantReply(t, "MKD /sub", 257)

	if err := os.Rename(writeUsersDatabase(t), database); err != nil { // another one, with another home
		t.Fatal(err)
	}
	c = r.dial(t)
	c.wantReply(t, "USER alice", 331)
	c.wantReply(t, "PASS secret", 230)
	c.wantReply(t, "MLST /sub", 550)
}

// Whoever is known before the database is asked gets in while it is away.
func TestServeStartsWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", `
auth: {sql: {driver: sqlite, dsn: /nowhere/users.db, user_query: "SELECT * FROM users WHERE userid = ?"}}
`)
	execute(t, "", nil, "check", "--allow-root", "--config", file).want(t, 1, "FAIL  database of users: auth.sql: sqlusers: user query: ")
	r := start(t, nil, t.TempDir(), "--user", "bob:secret", "--config", file)
	if log := r.stderr.String(); !strings.Contains(log, "the database of users does not work") {
		t.Errorf("the log does not say so:\n%s", log)
	}
	c := r.dial(t)
	c.wantReply(t, "USER alice", 331)
	c.wantReply(t, "PASS secret", 530)
	c.wantReply(t, "USER bob", 331)
	c.wantReply(t, "PASS secret", 230)
}

func TestSQLiteFilesAreOnlyRead(t *testing.T) {
	t.Parallel()
	db, err := openSQLite(writeUsersDatabase(t), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DELETE FROM users"); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("deleting: %v, want it refused", err)
	}
	missing, err := openSQLite(filepath.Join(t.TempDir(), "missing.db"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer missing.Close()
	if err := missing.Ping(); err == nil {
		t.Error("a file that is missing was made")
	}
}

func TestDatabaseSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	const query = "SELECT * FROM users WHERE userid = ?"
	tests := []struct{ driver, dsn, query, groups, want string }{
		{"postgres", "postgres://portico:hunter2@db:port/ftp", query, "", "auth.sql.dsn: is not understood: write postgres://"},
		{"postgres", "postgres//portico:hunter2@db/ftp", query, "", "auth.sql.dsn: is not understood"},
		{"postgres", "host=db password='hunter2", query, "", "auth.sql.dsn: is not understood"},
		{"postgres", "postgres://db/ftp?password=hunter2&sslmode=maybe", query, "", "auth.sql.dsn: is not understood"},
		{"postgres", "postgres://portico:hunter2@db/ftp?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", query, "", "auth.sql.dsn: names a file that cannot be read: open /nowhere/ca.pem"},
		{"postgres", "postgres://portico:hunter2@db/ftp?default_query_exec_mode=simple_protocol", query, "", "use exec"},
		{"mysql", "portico:hunter2@db/ftp", query, "", "auth.sql.dsn: is not understood: write USER:PASSWORD@tcp("},
		{"mysql", "portico:hunter2", query, "", "auth.sql.dsn: is not understood"},
		{"mysql", "portico:hunter2@tcp(db)/ftp?tls=hunter2", query, "", "auth.sql.dsn: is not understood"},
		{"mysql", "portico:hunter2@tcp(db)/ftp?interpolateParams=true", query, "", "interpolateParams"},
		{"sqlite", "users.db", query, "", "auth.sql.dsn: is no absolute path"},
		{"sqlite", "file:/users.db?mode=%zz", query, "", "auth.sql.dsn: has parameters"},
		{"sqlite", "/users.db", "SELECT 1", "SELECT 2", "auth.sql.user_query: has no place for the user's name"},
		{"sqlite", "/users.db", query, "SELECT 2", "auth.sql.groups_query: has no place for the user's name"},
		{"oracle", "x", query, "", "auth.sql.driver"},
	}
	for _, tt := range tests {
		s := &setup{config: config.Default()}
		s.config.Auth.SQL = config.SQL{Driver: tt.driver, DSN: config.Secret(tt.dsn), UserQuery: tt.query, GroupsQuery: tt.groups, Timeout: time.Second, Connections: 1}
		_, _, err := s.openSQL(zap.NewNop())
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q and no password", tt.dsn, err, tt.want)
		}
	}
}

// A database that takes a connection and says nothing costs a login the timeout.
func TestDatabasesThatHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // nobody accepts
	for name, dsn := range map[string]string{
		"postgres": "postgres://portico:hunter2@" + l.Addr().String() + "/ftp?connect_timeout=3600",
		"mysql":    "portico:hunter2@tcp(" + l.Addr().String() + ")/ftp?timeout=1h",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &setup{config: config.Default()}
			s.config.Auth.SQL = config.SQL{Driver: name, DSN: config.Secret(dsn), UserQuery: "SELECT * FROM users WHERE userid = ?", Timeout: 100 * time.Millisecond, Connections: 1}
			source, db, err := s.newSQL()
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 3)
			for range cap(ended) { // of which two wait for the only connection
				go func() {
					_, err := source.Find(context.Background(), driver.Attempt{User: "alice"})
					ended <- err
				}()
			}
			for range cap(ended) {
				select {
				case err := <-ended:
					if err == nil || strings.Contains(err.Error(), "denied") || strings.Contains(err.Error(), "hunter2") {
						t.Errorf("err = %v, want one that is no denial and names no password", err)
					}
				case <-time.After(startTimeout):
					t.Fatal("it still waits")
				}
			}
			wantNoConnections(t, db)
		})
	}
}

func wantNoConnections(t *testing.T, db *sql.DB) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(startTimeout); db.Stats().OpenConnections > 0; <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", db.Stats().OpenConnections)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
