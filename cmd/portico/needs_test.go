package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/portalloc"
)

// TestNeedsCoverEveryPathOfTheConfiguration sets every key that holds a path,
// and looks for it among the needs.
func TestNeedsCoverEveryPathOfTheConfiguration(t *testing.T) {
	t.Parallel()
	filled := &config.Config{}
	f := &filler{root: t.TempDir()}
	f.fill(t, reflect.ValueOf(filled).Elem(), "")
	if len(f.paths) < 15 {
		t.Errorf("only %d paths are set: %v", len(f.paths), f.paths)
	}
	s := &setup{config: throughAFile(t, filled)}
	// What is wrong besides the paths does not matter.
	_ = s.addUsers(&serveFlags{})
	needs := s.needs()
	for _, from := range s.sources() { // set or not
		if from.needs != nil {
			needs.Add(from.needs())
		}
	}
	covered := slices.Concat(needs.Read, needs.Write, needs.Execute)
	for key, path := range f.paths {
		if !slices.ContainsFunc(covered, func(above string) bool { return isWithin(above, path) }) {
			t.Errorf("%s names a path that a confined server could not open: say in needs.go, or in the needs of its source, what it takes", key)
		}
	}
}

// throughAFile has the configuration know which keys are set.
func throughAFile(t *testing.T, filled *config.Config) *config.Config {
	t.Helper()
	text, err := filled.YAML()
	if err != nil {
		t.Fatal(err)
	}
	// A group's storage is only shown if the file has set it.
	before, groups, _ := strings.Cut(string(text), "\ngroups:\n")
	groups = strings.Replace(groups, "    home:", "    storage: overlay\n    base: "+string(filled.Groups[0].Base)+"\n    home:", 1)
	loaded, err := config.Load(config.LoadOptions{File: writeFile(t, "portico.yaml", before+"\ngroups:\n"+groups)})
	if loaded == nil {
		t.Fatal(err)
	}
	return loaded
}

// filler gives every path of a configuration a directory of its own.
type filler struct {
	root  string
	paths map[string]string
}

func (f *filler) fill(t *testing.T, v reflect.Value, key string) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[config.Path]():
		dir := filepath.Join(f.root, fmt.Sprint(len(f.paths)))
		path := filepath.Join(dir, "it")
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if f.paths == nil {
			f.paths = map[string]string{}
		}
		f.paths[key] = path
		v.SetString(path)
	case v.Type() == reflect.TypeFor[config.URL]():
		v.SetString("https://hook.example/")
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, tagged := field.Tag.Lookup("mapstructure")
			switch words := strings.Fields(field.Tag.Get("oneof")); {
			case !tagged:
			case name == "storage":
				v.Field(i).SetString("overlay")
			case len(words) > 0 && field.Type.Kind() == reflect.String:
				v.Field(i).SetString(words[0])
			case name == ",squash":
				f.fill(t, v.Field(i), key)
			default:
				f.fill(t, v.Field(i), strings.TrimPrefix(key+"."+name, "."))
			}
		}
	case v.Kind() == reflect.Slice && holdsKeys(v.Type().Elem()):
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(t, v.Index(0), key+"[0]")
	}
}

// holdsKeys says whether the items of a list are paths, or have keys.
func holdsKeys(item reflect.Type) bool {
	return item == reflect.TypeFor[config.Path]() || item.Kind() == reflect.Struct && item != reflect.TypeFor[netip.Prefix]() &&
		item != reflect.TypeFor[portalloc.PortRange]() && item != reflect.TypeFor[config.AddressRule]()
}

// TestNeedsKnowEveryAddress has every key that looks like the address of a
// server: either the needs have its port, or nobody connects to it.
func TestNeedsKnowEveryAddress(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"listeners.address":              "it is bound, see portNeeds",
		"passive.public_address":         "a rule",
		"passive.public_address.address": "a name to look up, see nameNeeds",
		"active.foreign_address":         "true or false",
		"hooks.url":                      "see hookNeeds",
		"auth.sql.dsn":                   "see sqlNeeds",
		"auth.ldap.servers":              "see ldapNeeds",
		"auth.http.url":                  "see httpUsersNeeds",
		"buckets.url":                    "see bucketNeeds",
		"admin.address":                  "it is bound before the process is confined",
		"tracing.endpoint":               "see tracingNeeds",
		"shared.redis":                   "see sharedNeeds",
	}
	var found []string
	visitKeys(reflect.TypeFor[config.Config](), "", func(key string) {
		last := key[strings.LastIndex(key, ".")+1:]
		for _, word := range []string{"redis", "url", "address", "servers", "endpoint", "server", "dsn", "proxy_url"} {
			if last == word || strings.HasSuffix(last, "_"+word) {
				found = append(found, key)
			}
		}
	})
	for _, key := range found {
		if known[key] == "" {
			t.Errorf("%s looks like the address of a server that is connected to: add its port to the needs, and the key to this test", key)
		}
	}
}

func visitKeys(typ reflect.Type, prefix string, visit func(string)) {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for field := range typ.Fields() {
		name, tagged := field.Tag.Lookup("mapstructure")
		switch {
		case !tagged:
		case name == ",squash":
			visitKeys(field.Type, prefix, visit)
		default:
			key := strings.TrimPrefix(prefix+"."+name, ".")
			visit(key)
			visitKeys(field.Type, key, visit)
		}
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	all := portalloc.PortList{{First: 2121, Last: 2121}}
	tests := map[string]struct {
		change  func(*setup)
		read    []string
		write   []string
		notHave []string // neither read nor write
		connect []uint16
		any     bool
	}{
		"a home is written":           {change: withUser(driver.User{Name: "a", Home: "/srv/a"}), write: []string{"/srv/a"}},
		"one to list and read is not": {change: withUser(driver.User{Name: "a", Home: "/srv/a", Permissions: driver.ReadOnly}), read: []string{"/srv/a"}, notHave: []string{"/srv"}},
		"a home to be made":           {change: withUser(driver.User{Name: "a", Storage: driver.Storage{Dir: "/srv/ftp/%u", Create: true}}), write: []string{"/srv/ftp"}},
		"a name in a home":            {change: withUser(driver.User{Name: "a", Home: "/srv/%u/files"}), write: []string{"/srv/a/files"}, notHave: []string{"/srv"}},
		"the home of a group":         {change: withGroup(driver.User{Home: "/srv/ftp/x%u/files"}), write: []string{"/srv/ftp"}},
		"a percent sign":              {change: withUser(driver.User{Name: "a", Home: "/srv/50%%"}), write: []string{"/srv/50%"}},
		"an overlay":                  {change: withUser(driver.User{Name: "a", Storage: driver.Storage{Dir: "/srv/top", Base: "/srv/base"}}), read: []string{"/srv/base"}, write: []string{"/srv/top"}},
		"a mount":                     {change: withUser(driver.User{Name: "a", Mounts: []driver.UserMount{{Storage: driver.Storage{Dir: "/pub"}, Permissions: driver.CanList}}}), read: []string{"/pub"}},
		"everything is read-only":     {change: func(s *setup) { withUser(driver.User{Name: "a", Home: "/srv/a"})(s); s.allow = driver.ReadOnly }, read: []string{"/srv/a"}},
		"active mode":                 {any: true},
		"no active mode":              {change: passiveOnly},
		"a name to tell clients": {change: func(s *setup) {
			passiveOnly(s)
			s.config.Passive.PublicAddress = config.AddressRules{{Address: "ftp.example.org"}}
		}, connect: []uint16{53}, read: []string{"/etc/hosts"}},
		"an address to tell clients": {change: func(s *setup) {
			passiveOnly(s)
			s.config.Passive.PublicAddress = config.AddressRules{{Address: "192.0.2.1"}, {Address: "local"}}
		}, notHave: []string{"/etc/hosts"}},
		"a webhook":                       {change: withHook(config.Hook{URL: "https://192.0.2.1/x", Spool: "/var/spool/x"}), connect: []uint16{443}, write: []string{"/var/spool/x"}, read: []string{"/etc/ssl"}},
		"a webhook at a port":             {change: withHook(config.Hook{URL: "http://hook.example:8080/x"}), connect: []uint16{53, 8080}},
		"a bucket":                        {change: withBucket(config.Bucket{URL: "s3://b", AccessKey: "a"}), connect: []uint16{53, 443}, read: []string{"/etc/ssl", "/etc/hosts"}},
		"a bucket elsewhere":              {change: withBucket(config.Bucket{URL: "s3://b?endpoint=http://192.0.2.1:9000&region=x", CredentialsFile: "/etc/portico/keys"}), connect: []uint16{53, 443, 9000}, read: []string{"/etc/portico"}},
		"a bucket with the machine's key": {change: withBucket(config.Bucket{URL: "gs://b"}), connect: []uint16{53, 80, 443}},
		"a PostgreSQL server":             {change: withSQL("postgres", "postgres://u:p@192.0.2.1,db.example:5433/x?sslmode=disable"), connect: []uint16{53, 5432, 5433}, read: []string{"/etc/hosts"}},
		"one behind a Unix socket":        {change: withSQL("postgres", "postgres:///x?host=/run/postgresql&sslmode=disable")},
		"a MySQL server":                  {change: withSQL("mysql", "u:p@tcp(192.0.2.1:3306)/x?tls=true"), connect: []uint16{3306}, read: []string{"/etc/ssl"}},
		"an SQLite file":                  {change: withSQL("sqlite", "/var/lib/portico/users.db"), write: []string{"/var/lib/portico"}},
		"an SQLite file with parameters":  {change: withSQL("sqlite", "file:/var/lib/portico/users.db?mode=ro"), write: []string{"/var/lib/portico"}},
		"a directory server": {change: func(s *setup) {
			passiveOnly(s)
			s.config.Auth.LDAP.Servers = []string{"ldaps://192.0.2.1", "ldap://ldap.example:1389"}
		}, connect: []uint16{53, 636, 1389}, read: []string{"/etc/ssl"}},
		"a web server with users": {change: func(s *setup) {
			passiveOnly(s)
			s.config.Auth.HTTP = config.HTTPUsers{URL: "https://192.0.2.1:8443/login", CA: "/etc/portico/ca.pem"}
		}, connect: []uint16{8443}, read: []string{"/etc/portico"}},
		"a command": {change: withHook(config.Hook{Command: []string{"true"}}), read: []string{"/etc"}},
		"what is allowed by hand": {change: func(s *setup) {
			passiveOnly(s)
			s.config.SandboxAllow = config.SandboxAllow{Read: []config.Path{"/r"}, Write: []config.Path{"/w"}, Connect: all}
		}, read: []string{"/r"}, write: []string{"/w"}, connect: []uint16{2121}},
		"quotas and the log of commands":  {change: func(s *setup) { s.config.QuotaFile, s.config.Log.Commands = "/var/q.db", "/var/log/c.log" }, write: []string{"/var/q.db", "/var/log"}, any: true},
		"logs that cannot be moved away":  {change: func(s *setup) { s.config.Log.W3C, s.config.Log.Audit = "/w3c.log", "/dev/stdout" }, write: []string{"/dev/stdout", "/w3c.log"}, any: true},
		"bans are replaced":               {change: func(s *setup) { s.config.Defence.BanFile = "/var/lib/portico/bans.json" }, write: []string{"/var/lib/portico"}},
		"a configuration and its renewal": {change: func(s *setup) { s.file = "/etc/portico/portico.yaml" }, read: []string{"/etc/portico"}, any: true},
		"one right below the root":        {change: func(s *setup) { s.file = "/etc/portico.yaml" }, read: []string{"/etc/portico.yaml"}, notHave: []string{"/etc"}, any: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &setup{config: config.Default(), allow: driver.AllPermissions}
			if test.change != nil {
				test.change(s)
			}
			needs := s.needs()
			for _, path := range test.read {
				if !slices.Contains(needs.Read, path) {
					t.Errorf("%s is not read: %q", path, needs.Read)
				}
			}
			for _, path := range test.write {
				if !slices.Contains(needs.Write, path) {
					t.Errorf("%s is not written: %q", path, needs.Write)
				}
			}
			for _, path := range append(test.notHave, test.read...) {
				if slices.Contains(needs.Write, path) {
					t.Errorf("%s is written", path)
				}
			}
			for _, path := range test.notHave {
				if slices.Contains(needs.Read, path) {
					t.Errorf("%s is read", path)
				}
			}
			var connect []uint16
			for port := range needs.Connect.All() {
				connect = append(connect, port)
			}
			if slices.Sort(connect); len(test.connect)+len(connect) > 0 && !slices.Equal(connect, test.connect) {
				t.Errorf("connects to %v, want %v", connect, test.connect)
			}
			if (needs.AnyConnect != "") != (test.any || s.config.Active.Enabled) {
				t.Errorf("any port: %q", needs.AnyConnect)
			}
			for _, port := range []uint16{2121, 21100, 21199} {
				if !needs.Bind.Contains(port) {
					t.Errorf("port %d is not bound", port)
				}
			}
		})
	}
}

func withUser(u driver.User) func(*setup) { return func(s *setup) { s.users = []driver.User{u} } }

func withGroup(g driver.User) func(*setup) {
	return func(s *setup) { s.groups = map[string]driver.User{"g": g} }
}

func withHook(h config.Hook) func(*setup) {
	return func(s *setup) { passiveOnly(s); s.config.Hooks = []config.Hook{h} }
}

func withBucket(b config.Bucket) func(*setup) {
	return func(s *setup) { passiveOnly(s); s.config.Buckets = []config.Bucket{b} }
}

func withSQL(kind, dsn string) func(*setup) {
	return func(s *setup) {
		passiveOnly(s)
		s.config.Auth.SQL.Driver, s.config.Auth.SQL.DSN = kind, config.Secret(dsn)
	}
}

func passiveOnly(s *setup) { s.config.Active.Enabled = false }

func TestSourcePortsAreBound(t *testing.T) {
	t.Parallel()
	for port, want := range map[config.SourcePort]uint16{"auto": 20, "20": 20, "4020": 4020, "ephemeral": 0} {
		s := &setup{config: config.Default()}
		s.config.Active.SourcePort = port
		if got := s.activeNeeds().Bind; want != 0 && !got.Contains(want) || want == 0 && len(got) > 0 {
			t.Errorf("%s binds %v", port, got)
		}
	}
}

func TestCheckTellsHowFarTheServerIsConfined(t *testing.T) {
	t.Parallel()
	line := []string{"--allow-root", "--passive-ports", freePorts(t, 1)[0], "--listen", "127.0.0.1:" + freePorts(t, 1)[0], t.TempDir()}
	supported, err := confine.Probe(confine.Auto, confine.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	execute(t, "", nil, append([]string{"check"}, line...)...).want(t, 0, "sandbox: ")
	execute(t, "", nil, append([]string{"check", "--json"}, line...)...).want(t, 0, `"sandbox": {`, `"level": "`+string(supported.Level())+`"`, `"mode": "auto"`)
	execute(t, "", []string{"PORTICO_SANDBOX=off"}, append([]string{"check"}, line...)...).want(t, 0, "ok    sandbox: off")
}
