//go:build unix

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// accountsBlock returns the code block in some language that comes after a line of
// docs/accounts.md.
func accountsBlock(t *testing.T, line, language string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "accounts.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(page), "\n"+line+"\n")
	_, block, hasBlock := strings.Cut(after, "\n```"+language+"\n")
	block, _, hasEnd := strings.Cut(block, "\n```\n")
	if !found || !hasBlock || !hasEnd {
		t.Fatalf("the page has no block of %s after %q", language, line)
	}
	return block + "\n"
}

// sqlSite is a site whose users are in a database as well, by the settings that
// the documentation has under a heading.
func sqlSite(t *testing.T, d *database, heading string) *site {
	t.Helper()
	var settings struct{ Auth struct{ SQL map[string]any } }
	if err := yaml.Unmarshal([]byte(accountsBlock(t, heading, "yaml")), &settings); err != nil {
		t.Fatal(err)
	}
	settings.Auth.SQL["dsn"] = d.dsn
	s := newSite(t)
	s.set("auth.sql", settings.Auth.SQL)
	return s
}

// wantLogin says whether a client should get in.
func wantLogin(t *testing.T, s *site, want bool, user, password string) {
	t.Helper()
	code := 530
	if want {
		code = 230
	}
	r := dialRaw(t, s.controlAddress())
	defer r.Close()
	r.send("USER %s", user)
	r.expect(331)
	r.send("PASS %s", password)
	if got, text, err := r.reply(); err != nil || got != code {
		t.Errorf("PASS of %q: %d %s, %v, want %d", user, got, text, err, code)
	}
}

// wantNoHostileLogins tries names that no table has, whatever they do to a query:
// all at one time, for each has to wait after having been wrong.
func wantNoHostileLogins(t *testing.T, s *site) {
	t.Helper()
	tries := map[string]*raw{}
	for _, name := range []string{
		"' OR '1'='1", "carol' --", "carol'/*", `carol\`, `\' OR 1=1 -- `, "' UNION SELECT 'carol', '", `" OR ""="`, "'; DROP TABLE users; --", "%", "c_rol",
		"$1", "?", "%U", `\L`, "cаrol", "🙂", strings.Repeat("a", 3000),
	} {
		tries[name] = dialRaw(t, s.controlAddress())
		tries[name].send("USER %s\r\nPASS %s", name, suite.password)
	}
	for name, r := range tries {
		r.expect(331)
		if code, text, err := r.reply(); err != nil || code != 530 {
			t.Errorf("%.50q: %d %s, %v, want 530", name, code, text, err)
		}
		_ = r.Close()
	}
}

func TestUsersOfProFTPDInPostgreSQL(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	d := newPostgres(t)
	s := sqlSite(t, d, "### ProFTPD's tables")
	s.set("groups", []any{map[string]any{"name": "readers", "permissions": []any{"list", "read"}}})
	d.exec(`
CREATE TABLE users (userid varchar(30) NOT NULL UNIQUE, passwd varchar(128) NOT NULL, uid integer, gid integer, homedir varchar(255), shell varchar(255));
CREATE TABLE groups (groupname varchar(30) NOT NULL, gid integer NOT NULL, members varchar(255));
INSERT INTO groups VALUES ('ftp', 1, 'carol'), ('readers', 2, 'dave,erin'), ('empty', 3, NULL);
`)
	for user, password := range map[string]string{"carol": suite.hash, "dave": suite.hash, "erin": suite.password} {
		if _, err := d.sql.Exec("INSERT INTO users VALUES ($1, $2, 5500, 5500, $3, '/sbin/nologin')", user, password, s.home); err != nil {
			t.Fatal(err)
		}
	}
	p := s.start()
	carol := &curl{t: t, endpoint: s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())}
	carol.user = "carol"
	file := newSample(t, 1000)
	if err := carol.put(file.path, "/file"); err != nil {
		t.Errorf("carol uploads: %v\n%s", err, carol.trace())
	}
	dave := &curl{t: t, endpoint: carol.endpoint}
	dave.user = "dave"
	if err := dave.put(file.path, "/other"); err == nil || !strings.Contains(dave.trace(), "550 ") {
		t.Errorf("dave, who is in the group readers, uploads: %v\n%s", err, dave.trace())
	}
	wantLogin(t, s, false, "carol", wrongPassword)
	wantLogin(t, s, false, "carol", suite.hash)
	wantNoHostileLogins(t, s)
	wantLogin(t, s, true, "carol", suite.password)

	// What the documentation has for passwords in clear.
	wantLogin(t, s, false, "erin", suite.password)
	if !strings.Contains(p.log.String(), "column password: not a password hash") {
		t.Error("the log does not say that a password is in clear")
	}
	d.exec(accountsBlock(t, "### Passwords in clear", "sql"))
	wantLogin(t, s, true, "erin", suite.password)

	d.stop()
	wantLogin(t, s, false, "carol", suite.password)
	wantLogin(t, s, true, userName, suite.password)
	if !strings.Contains(p.log.String(), "sqlusers: user query: ") {
		t.Error("the log does not say that the database is away")
	}
	d.start()
	wantLogin(t, s, true, "carol", suite.password)
}

// TestTypesOfPostgreSQL has columns of the types that people use for them.
func TestTypesOfPostgreSQL(t *testing.T) {
	t.Parallel()
	d := newPostgres(t)
	s := newSite(t)
	s.set("auth.sql", map[string]any{"dsn": d.dsn, "user_query": "SELECT * FROM users WHERE username = $1"})
	d.exec(`
CREATE DOMAIN login AS text;
CREATE TYPE state AS ENUM ('yes', 'no');
CREATE TABLE users (username login, password char(200), home text, permissions text[], groups varchar(10)[], quota_bytes numeric, quota_files bigint,
	upload_rate integer, max_sessions smallint, enabled state, disabled_by uuid, expires timestamptz, networks cidr[], require_tls boolean, extra jsonb, bits bit(3));
`)
	insert := func(name, expires, networks string) {
		t.Helper()
		_, err := d.sql.Exec(`INSERT INTO users VALUES ($1, $2, $3, '{list,read}', '{a,b}', 0, 0, 1048576, 2, 'yes', NULL, $4, $5, false, '{}', B'101')`, name, suite.hash, s.home, expires, networks)
		if err != nil {
			t.Fatal(err)
		}
	}
	insert("carol", "2999-01-01 00:00:00+02", "{127.0.0.0/8,::1/128}")
	insert("dave", "infinity", "{127.0.0.1/32}")
	insert("expired", "2020-01-01 00:00:00+02", "{127.0.0.0/8}")
	insert("elsewhere", "infinity", "{192.0.2.0/24}")
	p := s.start()
	for user, want := range map[string]bool{"carol": true, "dave": true, "expired": false, "elsewhere": false} {
		wantLogin(t, s, want, user, suite.password)
	}
	for _, reason := range []string{"account_expired", "wrong_network"} {
		if !strings.Contains(p.log.String(), reason) {
			t.Errorf("the log does not say %s", reason)
		}
	}
	cmd := exec.Command(suite.binary, "check", "--config", s.configFile())
	suite.identity.apply(cmd)
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "networks, require_tls; ignored: disabled_by, extra, bits\n") { // its ports are taken
		t.Errorf("check says\n%s", out)
	}
}

func TestUsersOfPureFTPdInMariaDB(t *testing.T) {
	t.Parallel()
	d := newMariaDB(t)
	s := sqlSite(t, d, "### Pure-FTPd's tables")
	s.set("groups", []any{map[string]any{"name": "customers", "permissions": []any{"list", "read"}}})
	s.set("quota_file", filepath.Join(s.dir, "quota.db"))
	d.exec(`
CREATE TABLE ftpd (User varchar(16) NOT NULL DEFAULT '', status enum('0','1') NOT NULL DEFAULT '0', Password varchar(128) NOT NULL DEFAULT '',
	Uid varchar(11) NOT NULL DEFAULT '-1', Gid varchar(11) NOT NULL DEFAULT '-1', Dir varchar(128) NOT NULL DEFAULT '',
	ULBandwidth smallint(5) NOT NULL DEFAULT '0', DLBandwidth smallint(5) NOT NULL DEFAULT '0', comment tinytext NOT NULL,
	ipaccess varchar(15) NOT NULL DEFAULT '*', QuotaSize smallint(5) NOT NULL DEFAULT '0', QuotaFiles int(11) NOT NULL DEFAULT 0, PRIMARY KEY (User));
RENAME TABLE ftpd TO users;
`)
	for _, row := range []struct{ user, status, password, ipaccess string }{
		{"carol", "1", suite.hash, "*"}, {"off", "0", suite.hash, "*"}, {"elsewhere", "1", suite.hash, "192.0.2.1"}, {"clear", "1", suite.password, "127.0.0.1"},
	} {
		_, err := d.sql.Exec("INSERT INTO users (User, status, Password, Dir, comment, ipaccess, ULBandwidth, QuotaSize) VALUES (?, ?, ?, ?, '', ?, 100, 10)", row.user, row.status, row.password, s.home, row.ipaccess)
		if err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	wantLogin(t, s, true, "carol", suite.password)
	wantLogin(t, s, false, "carol", wrongPassword)
	wantLogin(t, s, false, "off", suite.password)
	wantLogin(t, s, false, "elsewhere", suite.password)
	wantNoHostileLogins(t, s)
	r := dialRaw(t, s.controlAddress())
	r.send("USER Carol ")
	r.expect(331)
	r.send("PASS %s", suite.password)
	r.expect(230)
	r.send("SITE QUOTA")
	if text := r.expect(211); !strings.Contains(text, "10485760") {
		t.Errorf("SITE QUOTA says %q, want 10 MiB", text)
	}
	r.send("MKD /sub")
	r.expect(550) // of the group

	wantLogin(t, s, false, "clear", suite.password)
	d.exec(accountsBlock(t, "and in MariaDB", "sql"))
	wantLogin(t, s, true, "clear", suite.password)

	d.stop()
	wantLogin(t, s, false, "carol", suite.password)
	wantLogin(t, s, true, userName, suite.password)
	d.start()
	wantLogin(t, s, true, "carol", suite.password)
}
