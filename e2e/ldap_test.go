//go:build unix

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ldapSite has, beside the user of every site, those of a directory.
func ldapSite(t *testing.T) (*site, *slapd) {
	t.Helper()
	s := newSite(t)
	d := newSlapd(t, s.dir)
	for _, user := range []string{"erin", "carol"} {
		if err := os.Mkdir(filepath.Join(s.dir, user), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := suite.identity.own(s.dir); err != nil {
		t.Fatal(err)
	}
	s.set("quota_file", filepath.Join(s.dir, "quota.db"))
	s.set("groups", []any{
		map[string]any{"name": "staff", "permissions": []any{"list", "read", "write"}},
		map[string]any{"name": "readers", "permissions": []any{"list", "read"}},
	})
	s.set("sandbox_allow.write", []any{s.dir})
	s.set("auth.ldap", map[string]any{
		"servers": []any{d.ldap()}, "start_tls": true, "ca": suite.tls.ca,
		"bind_dn": ldapSearcher, "bind_password": ldapSearchPassword, "base": ldapBase,
		"filter":      "(&(objectClass=inetOrgPerson)(|(uid=%u)(mail=%u)))",
		"attributes":  map[string]any{"home": "homeDirectory", "groups": "memberOf", "quota_bytes": "FTPQuotaMBytes"},
		"quota_unit":  "1MiB",
		"group_names": []any{map[string]any{"ldap": "cn=writers,ou=groups," + ldapBase, "group": "staff"}},
		"groups":      []any{"readers"},
	})
	d.start()
	return s, d
}

// byName has the entries of users named instead of searched for.
func (s *site) byName(d *slapd) {
	for _, key := range []string{"bind_dn", "bind_password", "base", "filter"} {
		delete(s.settings["auth"].(map[string]any)["ldap"].(map[string]any), key)
	}
	s.set("auth.ldap.servers", []any{d.ldaps()})
	s.set("auth.ldap.start_tls", false)
	s.set("auth.ldap.user_dn", "uid=%u,ou=people,"+ldapBase)
}

// logsIn says whether a name and password open an account.
func (s *site) logsIn(name, password string) bool {
	s.t.Helper()
	r := dialRaw(s.t, s.controlAddress())
	defer r.Close()
	r.send("USER %s", name)
	r.expect(331)
	r.send("PASS %s", password)
	code, text, err := r.reply()
	if err != nil || code != 230 && code != 530 {
		s.t.Errorf("login as %q: %d %s, %v", name, code, text, err)
	}
	return code == 230
}

// wantLogins tries those who get in whatever happens, those who never do, and
// erin, whom another server knows.
func (s *site) wantLogins(erin bool) {
	s.t.Helper()
	if !s.logsIn(userName, suite.password) {
		s.t.Error("the user of the configuration does not get in")
	}
	if s.logsIn("erin", suite.password) != erin {
		s.t.Errorf("erin gets in: %v", !erin)
	}
	if s.logsIn("erin", wrongPassword) || s.logsIn("eve", suite.password) {
		s.t.Error("somebody gets in who should not")
	}
}

func TestLDAPAccounts(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	for _, mode := range []string{"searched for, StartTLS", "named, LDAPS"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, d := ldapSite(t)
			if mode == "named, LDAPS" {
				s.byName(d)
			}
			p := s.start()
			as := func(user string) *curl {
				to := s.endpoint(route{epsv, explicit, "127.0.0.1"}, t.TempDir())
				to.user = user
				return &curl{t: t, endpoint: to}
			}
			erin, carol := as("erin"), as("carol")
			small, large := newSample(t, 100_000), newSample(t, 1<<20)
			if err := erin.put(small.path, "/file"); err != nil {
				t.Errorf("erin is in the group that may write: %v\n%s", err, erin.trace())
			}
			small.check(t, "erin's file", filepath.Join(s.dir, "erin", "file"))
			if err := erin.put(large.path, "/large"); err == nil || !strings.Contains(erin.trace(), "552 ") {
				t.Errorf("erin's quota is 1 MiB: %v\n%s", err, erin.trace())
			}
			if err := erin.remove("/file"); err == nil {
				t.Error("erin's group may not delete")
			}
			if err := os.WriteFile(filepath.Join(s.dir, "carol", "hers"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			if names, err := carol.names(""); err != nil || len(names) != 1 || names[0] != "hers" {
				t.Errorf("carol sees %v, %v", names, err)
			}
			if err := carol.put(small.path, "/file"); err == nil {
				t.Error("carol may only read")
			}
			if log := p.log.String(); strings.Contains(log, ldapSearchPassword) {
				t.Error("the server's log contains the password of the search")
			}
		})
	}
}

// Whatever a name says, it is a name, and no password is no way in.
func TestLDAPInjection(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"searched for", "named"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, d := ldapSite(t)
			if mode == "named" {
				s.byName(d)
			}
			s.start()
			for _, name := range []string{
				"*", "er*", "a*)(uid=*", "*)(|(objectClass=*)", ")(uid=erin", `\65rin`, `erin\00`, "erin)(objectClass=*", "both@example.org",
				"erin,ou=people", "erin,ou=people,dc=example,dc=org", "erin+cn=Erin", "#6572696e", `"erin"`, "erin;", "<erin>", "uid=erin",
				"portico", strings.Repeat("(", 3000), strings.Repeat("ä", 100), "\xc3\x28", "%u", "%s%n",
			} {
				if s.logsIn(name, suite.password) {
					t.Errorf("%q gets in", name)
				}
			}
			if s.logsIn("erin", "") {
				t.Error("erin gets in without a password")
			}
			if s.logsIn("erin", wrongPassword) {
				t.Error("erin gets in with a wrong password")
			}
			if !s.logsIn("ERIN", suite.password) {
				t.Error("erin does not get in")
			}
		})
	}
}

func TestDirectoryThatGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	s, d := ldapSite(t)
	s.set("auth.ldap.timeout", "10s")
	s.start()
	s.wantLogins(true)
	d.stop()
	s.wantLogins(false)
	d.start()
	s.wantLogins(true)
}

// A server that accepts and says nothing costs its time-out, and once in a
// while only, if another one stands in.
func TestDirectoryThatHangs(t *testing.T) {
	t.Parallel()
	s, d := ldapSite(t)
	hangs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangs.Close() })
	s.set("auth.ldap.timeout", "3s")
	s.set("auth.ldap.servers", []any{"ldap://" + hangs.Addr().String(), d.ldap()})
	s.start()
	if !s.logsIn("erin", suite.password) || s.logsIn("erin", wrongPassword) || !s.logsIn(userName, suite.password) {
		t.Error("the second server does not stand in for the first")
	}
	d.stop()
	if s.logsIn("erin", suite.password) || !s.logsIn(userName, suite.password) {
		t.Error("with no server that answers, erin gets in, or the user of the configuration does not")
	}
}

func TestCheckAsksTheDirectory(t *testing.T) {
	t.Parallel()
	s, d := ldapSite(t)
	check := func() (int, string) {
		code, said, _ := runPortico(t, suite.identity, "check", "--config", s.configFile())
		if strings.Contains(said, ldapSearchPassword) {
			t.Errorf("a password is shown:\n%s", said)
		}
		return code, said
	}
	if code, said := check(); code != 0 || !strings.Contains(said, "ok    LDAP: "+d.ldap()) {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	s.set("auth.ldap.base", "dc=example,dc=net")
	if code, said := check(); code != 1 || !strings.Contains(said, "dc=example,dc=net") {
		t.Errorf("with a wrong base: exit code %d:\n%s", code, said)
	}
	s.set("auth.ldap.bind_password", wrongPassword)
	if code, said := check(); code != 1 || !strings.Contains(said, "Invalid Credentials") {
		t.Errorf("with a wrong password: exit code %d:\n%s", code, said)
	}
	s.set("auth.ldap.filter", "(uid=%u")
	if code, said := check(); code != 1 || !strings.Contains(said, "auth.ldap.filter: ") {
		t.Errorf("with half a filter: exit code %d:\n%s", code, said)
	}
	s.byName(d)
	if code, said := check(); code != 0 {
		t.Errorf("by name: exit code %d:\n%s", code, said)
	}
	d.stop()
	if code, said := check(); code != 1 || !strings.Contains(said, "auth.ldap.servers: "+d.ldaps()) {
		t.Errorf("with no directory: exit code %d:\n%s", code, said)
	}
}
