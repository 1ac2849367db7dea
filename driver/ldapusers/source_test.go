package ldapusers_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/driver/ldapusers"
)

const (
	people   = "ou=people,dc=example,dc=org"
	searcher = "cn=portico,dc=example,dc=org"
	generous = time.Minute // for what has to end by itself, long before
)

// staff is a directory with alice, whose password is "correct", and bob.
func staff() entries {
	return entries{
		"dc=example,dc=org": {},
		people:              {},
		searcher:            {"userPassword": {"search"}},
		"uid=alice," + people: {
			"uid": {"alice"}, "userPassword": {"correct"}, "mail": {"alice@example.org", "team@example.org"}, "home": {"/srv/100%/alice"},
			"quota": {"5"}, "files": {"100"}, "may": {"list, read", "write"}, "cert": {"CN=alice"},
			"memberOf": {"cn=Writers,ou=groups,dc=example,dc=org", "cn=ftp,ou=groups,dc=example,dc=org"},
		},
		"uid=bob," + people: {"uid": {"bob"}, "userPassword": {"secret"}, "mail": {"team@example.org"}},
		"cn=admins,ou=groups,dc=example,dc=org": {
			"cn": {"admins"}, "member": {"uid=alice," + people}, "memberUid": {"bob"},
		},
	}
}

func searching(d *directory) ldapusers.Options {
	return ldapusers.Options{Servers: []string{d.url}, BindDN: searcher, BindPassword: "search", Base: people, Timeout: generous}
}

func binding(d *directory) ldapusers.Options {
	return ldapusers.Options{Servers: []string{d.url}, UserDN: "uid=%u," + people, Timeout: generous}
}

func open(t *testing.T, opts ldapusers.Options) *ldapusers.Source {
	t.Helper()
	source, err := ldapusers.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// try logs in as driver.Users does.
func try(ctx context.Context, source *ldapusers.Source, user, password string) (*driver.User, error) {
	found, err := source.Find(ctx, driver.Attempt{User: user, Password: password})
	if err != nil {
		return nil, err
	}
	if ok, err := found.Check(ctx, password); err != nil || !ok {
		return nil, errors.Join(err, driver.WrongPassword)
	}
	return found.User, nil
}

func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	type options = func(*directory) ldapusers.Options
	byMail := func(d *directory) ldapusers.Options {
		o := searching(d)
		o.Filter = "(&(objectClass=*)(|(uid=%u)(mail=%u)))"
		return o
	}
	filtered := func(d *directory) ldapusers.Options {
		o := binding(d)
		o.Filter = "(mail=alice@example.org)"
		return o
	}
	wrongSearcher := func(d *directory) ldapusers.Options {
		o := searching(d)
		o.BindPassword = "wrong"
		return o
	}
	failure := errors.New("any error that is no denial")
	tests := []struct {
		name           string
		opts           options
		user, password string
		want           error
	}{
		{"searched", searching, "alice", "correct", nil},
		{"searched, in another spelling", searching, "ALICE", "correct", nil},
		{"searched, wrong password", searching, "alice", "secret", driver.WrongPassword},
		{"searched, unknown", searching, "eve", "correct", driver.UnknownUser},
		{"searched, no password", searching, "alice", "", driver.WrongPassword},
		{"searched, NUL for a password", searching, "alice", "\x00", driver.WrongPassword},
		{"by mail", byMail, "alice@example.org", "correct", nil},
		{"two of one mail", byMail, "team@example.org", "correct", failure},
		{"the search is refused", wrongSearcher, "alice", "correct", failure},
		{"bound", binding, "alice", "correct", nil},
		{"bound, wrong password", binding, "alice", "secret", driver.WrongPassword},
		{"bound, unknown", binding, "eve", "correct", driver.WrongPassword},
		{"bound, no password", binding, "alice", "", driver.WrongPassword},
		{"bound, NUL for a password", binding, "alice", "\x00correct", driver.WrongPassword},
		{"bound, and let in", filtered, "alice", "correct", nil},
		{"bound, and not let in", filtered, "bob", "secret", failure},
		{"no name", searching, "", "correct", driver.UnknownUser},
		{"any name", searching, "*", "correct", driver.UnknownUser},
		{"a name that begins like one", searching, "al*", "correct", driver.UnknownUser},
		{"a filter for a name", searching, "*)(uid=alice", "correct", driver.UnknownUser},
		{"a filter that is always true", searching, "x)(|(objectClass=*)", "correct", driver.UnknownUser},
		{"an escape of the filter", searching, `\61lice`, "correct", driver.UnknownUser},
		{"NUL after the name", searching, "alice\x00", "correct", driver.UnknownUser},
		{"10 KiB of name", searching, strings.Repeat("(", 10<<10), "correct", driver.UnknownUser},
		{"no text", searching, "\xff\xfe", "correct", driver.UnknownUser},
		{"another entry for a name", binding, "x,dc=example,dc=org", "correct", driver.WrongPassword},
		{"the rest of the entry for a name", binding, "alice," + people, "correct", driver.WrongPassword},
		{"a second attribute for a name", binding, "alice+cn=x", "correct", driver.WrongPassword},
		{"an escape of the entry", binding, `\61lice`, "correct", driver.WrongPassword},
		{"a name in hexadecimal", binding, "#616c696365", "correct", driver.WrongPassword},
		{"an entry that ends early", binding, "alice\x00", "correct", driver.UnknownUser},
		{"10 KiB of entry", binding, strings.Repeat(",", 10<<10), "correct", driver.UnknownUser},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDirectory(t, staff())
			user, err := try(t.Context(), open(t, tt.opts(d)), tt.user, tt.password)
			switch {
			case tt.want == failure:
				if err == nil || errors.Is(err, driver.ErrDenied) {
					t.Errorf("err = %v, want one that is no denial", err)
				}
			case !errors.Is(err, tt.want):
				t.Errorf("err = %v, want %v", err, tt.want)
			case err == nil && user.Name != "alice":
				t.Errorf("name %q, want alice", user.Name)
			}
			binds, _ := d.seen()
			for _, b := range binds {
				if b.password == "" || strings.Contains(b.password, "\x00") {
					t.Errorf("the directory was asked for %q with the password %q", b.dn, b.password)
				}
			}
		})
	}
}

// What a name says reaches the directory as a value, whatever it holds.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"alice", "*", "*)(uid=*", `\2a`, "a,dc=b", "a+b=c", "#61", " a ", `"`, "é", "=", "<>;", "%u", "%%", "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		byFilter, byDN := ldapusers.Fill("(&(a=b)(uid=%u))", "uid=%u,ou=people,dc=example", name)
		filter, err := ldap.CompileFilter(byFilter)
		if err != nil {
			t.Fatalf("%q makes the filter %q: %v", name, byFilter, err)
		}
		if len(filter.Children) != 2 || filter.Children[1].Tag != ldap.FilterEqualityMatch || filter.Children[1].Children[1].Data.String() != name {
			t.Errorf("%q makes another filter: %q", name, byFilter)
		}
		if !ldapusers.CanBeName(name) {
			return
		}
		dn, err := ldap.ParseDN(byDN)
		if err != nil {
			t.Fatalf("%q makes the entry %q: %v", name, byDN, err)
		}
		if len(dn.RDNs) != 3 || len(dn.RDNs[0].Attributes) != 1 || strings.Trim(dn.RDNs[0].Attributes[0].Value, " ") != strings.Trim(name, " ") {
			t.Errorf("%q makes another entry: %q", name, byDN)
		}
	})
}

func TestWhatAnEntrySays(t *testing.T) {
	t.Parallel()
	all := ldapusers.Attributes{
		Home: "home", Groups: "memberof", QuotaBytes: "quota", QuotaFiles: "files", Permissions: "may", Certificate: "cert",
	}
	whole := driver.User{
		Name: "alice", Home: "/srv/100%%/alice", Groups: []string{"Writers", "ftp"}, CertificateName: "CN=alice",
		Quota: driver.QuotaLimits{Bytes: 5, Files: 100}, Permissions: driver.CanList | driver.CanRead | driver.CanWrite,
	}
	with := func(change func(*driver.User)) driver.User {
		user := whole
		change(&user)
		return user
	}
	tests := []struct {
		name   string
		user   string
		adjust func(*ldapusers.Options)
		want   driver.User
	}{
		{"everything", "alice", func(o *ldapusers.Options) { o.Attributes = all }, whole},
		{"nothing that is not asked for", "alice", func(*ldapusers.Options) {}, driver.User{Name: "alice"}},
		{"nothing that is not there", "bob", func(o *ldapusers.Options) { o.Attributes = all }, driver.User{Name: "bob"}},
		{"mebibytes", "alice", func(o *ldapusers.Options) { o.Attributes, o.QuotaUnit = all, 1<<20 }, with(func(u *driver.User) { u.Quota.Bytes = 5 << 20 })},
		{"groups by name and entry", "alice", func(o *ldapusers.Options) {
			o.Attributes = all
			o.GroupNames = []ldapusers.GroupName{
				{LDAP: "FTP", Group: "clients"}, {LDAP: "CN=writers, OU=Groups, dc=example,dc=org", Group: "staff"},
				{LDAP: "cn=ftp,ou=others,dc=example,dc=org", Group: "others"},
			}
			o.Groups = []string{"everybody", "staff"}
		}, with(func(u *driver.User) { u.Groups = []string{"clients", "staff", "everybody"} })},
		{"groups that name their members", "alice", func(o *ldapusers.Options) {
			o.GroupBase = "ou=groups,dc=example,dc=org"
		}, driver.User{Name: "alice", Groups: []string{"admins"}}},
		{"groups that name them by their names", "bob", func(o *ldapusers.Options) {
			o.GroupBase, o.GroupFilter = "ou=groups,dc=example,dc=org", "(memberUid=%u)"
			o.GroupNames = []ldapusers.GroupName{{LDAP: "cn=admins,ou=groups,dc=example,dc=org", Group: "root"}}
		}, driver.User{Name: "bob", Groups: []string{"root"}}},
	}
	for _, tt := range tests {
		for mode, options := range map[string]func(*directory) ldapusers.Options{"searched": searching, "bound": binding} {
			t.Run(tt.name+", "+mode, func(t *testing.T) {
				t.Parallel()
				opts := options(newDirectory(t, staff()))
				tt.adjust(&opts)
				password := map[string]string{"alice": "correct", "bob": "secret"}[tt.user]
				user, err := try(t.Context(), open(t, opts), tt.user, password)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(*user, tt.want) {
					t.Errorf("got  %+v\nwant %+v", *user, tt.want)
				}
			})
		}
	}
}

func TestWithoutAPasswordTheSearchTellsWhoItIs(t *testing.T) {
	t.Parallel()
	found, err := open(t, searching(newDirectory(t, staff()))).Find(t.Context(), driver.Attempt{User: "alice"})
	if err != nil || found.User.Name != "alice" {
		t.Fatalf("got %+v, %v", found, err)
	}
	for _, password := range []string{"", "correct"} {
		if ok, err := found.Check(t.Context(), password); ok || err != nil {
			t.Errorf("%q: %v, %v; want false, for nobody has asked the directory", password, ok, err)
		}
	}
}

func TestValuesThatMakeNoSenseLetNobodyIn(t *testing.T) {
	t.Parallel()
	for attribute, values := range map[string][][]string{
		"uid":   {{}, {""}, {"a\nb"}, {strings.Repeat("x", 300)}},
		"home":  {{"relative"}, {"/a", "/b"}, {"/a\x00b"}},
		"quota": {{"-1"}, {"1.5"}, {"much"}, {"9223372036854775807"}},
		"files": {{"0x10"}, {"1", "2"}},
		"may":   {{"everything"}, {"none"}, {","}, {"list", "reed"}},
	} {
		for _, value := range values {
			t.Run(attribute+"="+strings.Join(value, "|"), func(t *testing.T) {
				t.Parallel()
				entries := staff()
				entries["uid=alice,"+people][attribute] = value
				d := newDirectory(t, entries)
				opts := binding(d)
				opts.Attributes = ldapusers.Attributes{Home: "home", QuotaBytes: "quota", QuotaFiles: "files", Permissions: "may"}
				opts.QuotaUnit = 1 << 10
				user, err := try(t.Context(), open(t, opts), "alice", "correct")
				if err == nil || errors.Is(err, driver.ErrDenied) || !strings.Contains(err.Error(), attribute) {
					t.Errorf("got %+v, %v; want an error that names the attribute", user, err)
				}
			})
		}
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	good := ldapusers.Options{Servers: []string{"ldap://localhost"}, Base: people}
	tests := []struct {
		name   string
		adjust func(*ldapusers.Options)
		says   string
	}{
		{"no server", func(o *ldapusers.Options) { o.Servers = nil }, "Servers: is empty"},
		{"a web server", func(o *ldapusers.Options) { o.Servers = []string{"https://host"} }, "Servers[0]"},
		{"no host", func(o *ldapusers.Options) { o.Servers = []string{"ldap://ok", "ldap:///"} }, "Servers[1]"},
		{"a path", func(o *ldapusers.Options) { o.Servers = []string{"ldap://host/dc=x"} }, "Servers[0]"},
		{"neither", func(o *ldapusers.Options) { o.Base = "" }, "either this or Base"},
		{"both", func(o *ldapusers.Options) { o.UserDN = "uid=%u" }, "either this or Base"},
		{"the same entry for all", func(o *ldapusers.Options) { o.Base, o.UserDN = "", "uid=alice" }, "lacks %u"},
		{"no entry", func(o *ldapusers.Options) { o.Base, o.UserDN = "", "%u" }, "UserDN"},
		{"a searcher without a search", func(o *ldapusers.Options) {
			o.Base, o.UserDN, o.BindDN, o.BindPassword = "", "uid=%u", "cn=a", "b"
		}, "BindDN: is for searching"},
		{"a searcher without a password", func(o *ldapusers.Options) { o.BindDN = "cn=a" }, "goes together"},
		{"the same user for all", func(o *ldapusers.Options) { o.Filter = "(uid=alice)" }, "lacks %u"},
		{"no filter", func(o *ldapusers.Options) { o.Filter = "(uid=%u" }, "Filter"},
		{"no group filter", func(o *ldapusers.Options) { o.GroupBase, o.GroupFilter = people, "member=%d)(" }, "GroupFilter"},
		{"no groups to filter", func(o *ldapusers.Options) { o.GroupFilter = "(member=%d)" }, "needs GroupBase"},
		{"no group base", func(o *ldapusers.Options) { o.GroupBase = "groups" }, "GroupBase"},
	}
	if _, err := ldapusers.New(good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			opts := good
			tt.adjust(&opts)
			if _, err := ldapusers.New(opts); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("err = %v, want one that says %q", err, tt.says)
			}
		})
	}
}

func TestServersInClear(t *testing.T) {
	t.Parallel()
	opts := ldapusers.Options{Base: people, Servers: []string{
		"ldap://localhost", "ldap://127.0.0.2:3890", "ldap://[::1]", "ldaps://far.example.org", "ldap://far.example.org", "ldap://192.0.2.1:3890",
	}}
	if got := strings.Join(open(t, opts).InClear(), " "); got != "ldap://far.example.org ldap://192.0.2.1:3890" {
		t.Errorf("got %s, want those that are far away and not ldaps", got)
	}
	opts.StartTLS = true
	if got := open(t, opts).InClear(); len(got) != 0 {
		t.Errorf("with StartTLS: %v", got)
	}
}
