package config

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// TestEveryKeyHasAVariable sets each key of Config by its variable, with a
// value other than the default.
func TestEveryKeyHasAVariable(t *testing.T) {
	t.Parallel()
	type setting struct {
		text string
		want any
	}
	network := netip.MustParsePrefix("10.0.0.0/8")
	tests := map[string]setting{
		"listeners": {
			`[{"address": ":2990", "proxy_protocol": ["10.0.0.0/8"]}]`,
			[]Listener{{Address: ":2990", ProxyProtocol: []netip.Prefix{network}}},
		},
		"passive.ports":            {"21300-21302", portalloc.PortList{{First: 21300, Last: 21302}}},
		"passive.advertised_ports": {"31100-31199", portalloc.PortList{{First: 31100, Last: 31199}}},
		"passive.slice":            {"2", Slice("2")},
		"passive.slice_ports":      {"10", 10},
		"passive.public_address":   {"- {clients: [10.0.0.0/8], address: local}", AddressRules{{Clients: []netip.Prefix{network}, Address: "local"}}},
		"passive.sharing":          {"exclusive", portalloc.SharingExclusive},
		"passive.peer":             {"[10.0.0.0/8]", portalloc.PeerPolicy{Networks: []netip.Prefix{network}}},
		"passive.wait":             {"1s", time.Second},
		"passive.accept_timeout":   {"1m", time.Minute},
		"passive.reclaim_after":    {"1s", time.Second},
		"active.enabled":           {"false", false},
		"active.source_port":       {"2020", SourcePort("2020")},
		"active.foreign_address":   {"true", true},
		"tls.certificate":          {"cert.pem", Path("cert.pem")},
		"tls.key":                  {"key.pem", Path("key.pem")},
		"tls.self_signed":          {"true", true},
		"tls.min_version":          {"1.3", "1.3"},
		"tls.require":              {"data", "data"},
		"tls.session_reuse":        {"off", "off"},
		"sandbox_allow.read":       {"/r", []Path{"/r"}},
		"sandbox_allow.write":      {"/w,/v", []Path{"/w", "/v"}},
		"sandbox_allow.execute":    {"[/x]", []Path{"/x"}},
		"sandbox_allow.bind":       {"2122", portalloc.PortList{{First: 2122, Last: 2122}}},
		"sandbox_allow.connect":    {"443,8000-8010", portalloc.PortList{{First: 443, Last: 443}, {First: 8000, Last: 8010}}},
		"tls.client_ca":            {"ca.pem", Path("ca.pem")},
		"tls.client_certificates":  {"optional", "optional"},
		"tls.allow_ccc":            {"true", true},
		"users": {
			"[{name: alice, password: $6$x, home: /a, permissions: [list], refused_commands: [DELE, RMD], certificate: alice.example.org}]",
			[]User{{
				Name: "alice", Password: "$6$x", Certificate: "alice.example.org",
				Account: Account{Home: "/a", Place: permitted("list"), RefusedCommands: []string{"DELE", "RMD"}},
			}},
		},
		"groups": {
			"[{name: staff, home: /srv/%u, create_home: true, limits: {sessions: 2, upload_rate: 1MiB}, expires: 2026-12-31}]",
			[]Group{{Name: "staff", Account: Account{
				Home: "/srv/%u", CreateHome: true, Place: DefaultPlace(), placed: true,
				Limits: AccountLimits{Sessions: 2, UploadRate: 1 << 20}, Expires: day(2026, time.December, 31),
			}}},
		},
		"auth.file.path":       {"u.yaml", Path("u.yaml")},
		"auth.htpasswd.path":   {"h", Path("h")},
		"auth.htpasswd.groups": {"a,b", []string{"a", "b"}},
		"auth.order":           {"sql,users", []string{"sql", "users"}},

		"auth.sql.driver":       {"mysql", "mysql"},
		"auth.sql.dsn":          {"a:b@/ftp", Secret("a:b@/ftp")},
		"auth.sql.user_query":   {"SELECT 1, 'a' WHERE ?", "SELECT 1, 'a' WHERE ?"},
		"auth.sql.groups_query": {"[no] list", "[no] list"},
		"auth.sql.groups":       {"staff, slow", []string{"staff", "slow"}},
		"auth.sql.timeout":      {"1s", time.Second},
		"auth.sql.connections":  {"2", 2},

		"auth.http.url":         {"https://h/x?y=z", URL("https://h/x?y=z")},
		"auth.http.secret":      {"[secret]", Secret("[secret]")},
		"auth.http.token":       {"t", Secret("t")},
		"auth.http.ca":          {"h.pem", Path("h.pem")},
		"auth.http.groups":      {"a,b", []string{"a", "b"}},
		"auth.http.timeout":     {"2s", 2 * time.Second},
		"auth.http.connections": {"3", 3},
		"auth.http.cache":       {"1m", time.Minute},

		"auth.ldap.servers":                {"ldaps://a, ldap://b:3890", []string{"ldaps://a", "ldap://b:3890"}},
		"auth.ldap.start_tls":              {"true", true},
		"auth.ldap.ca":                     {"ldap.pem", Path("ldap.pem")},
		"auth.ldap.user_dn":                {"uid=%u,dc=x", "uid=%u,dc=x"},
		"auth.ldap.bind_dn":                {"cn=a,dc=x", "cn=a,dc=x"},
		"auth.ldap.bind_password":          {"[secret]", Secret("[secret]")},
		"auth.ldap.base":                   {"dc=x", "dc=x"},
		"auth.ldap.filter":                 {"(cn=%u)", "(cn=%u)"},
		"auth.ldap.attributes.name":        {"cn", "cn"},
		"auth.ldap.attributes.home":        {"homeDirectory", "homeDirectory"},
		"auth.ldap.attributes.groups":      {"memberOf", "memberOf"},
		"auth.ldap.attributes.quota_bytes": {"FTPQuotaMBytes", "FTPQuotaMBytes"},
		"auth.ldap.attributes.quota_files": {"FTPQuotaFiles", "FTPQuotaFiles"},
		"auth.ldap.attributes.permissions": {"may", "may"},
		"auth.ldap.attributes.certificate": {"subject", "subject"},
		"auth.ldap.quota_unit":             {"1MiB", Size(1 << 20)},
		"auth.ldap.group_base":             {"ou=g", "ou=g"},
		"auth.ldap.group_filter":           {"(memberUid=%u)", "(memberUid=%u)"},
		"auth.ldap.group_names":            {"[{ldap: 'cn=a,dc=x', group: b}]", []LDAPGroup{{LDAP: "cn=a,dc=x", Group: "b"}}},
		"auth.ldap.groups":                 {"a,b", []string{"a", "b"}},
		"auth.ldap.timeout":                {"2s", 2 * time.Second},
		"auth.ldap.connections":            {"3", 3},
		"hosts": {
			"[{name: b.example, certificate: c.pem, key: k.pem, client_ca: ca.pem, banner: hi, users: [{name: bob, password: x, home: /b}]}]",
			[]Host{{
				Name: "b.example", Certificate: "c.pem", Key: "k.pem", ClientCA: "ca.pem", Banner: "hi",
				Users: []User{{Name: "bob", Password: "x", Account: Account{Home: "/b", Place: DefaultPlace()}}},
			}},
		},
		"buckets": {
			`[{name: b, url: "s3://b?region=us-east-1", access_key: a, secret_key: s, credentials_file: f, part_size: 5MiB}]`,
			[]Bucket{{Name: "b", URL: "s3://b?region=us-east-1", AccessKey: "a", SecretKey: "s", CredentialsFile: "f", PartSize: 5 << 20}},
		},
		"shared.redis":         {"redis://a:b@h:1/2", URL("redis://a:b@h:1/2")},
		"shared.password_file": {"p", Path("p")},
		"shared.ca":            {"ca.pem", Path("ca.pem")},
		"shared.prefix":        {"ftp:", "ftp:"},
		"shared.lease":         {"10s", 10 * time.Second},
		"shared.timeout":       {"1s", time.Second},
		"shared.secret_file":   {"s", Path("s")},

		"hooks": {
			"[{events: [upload], url: 'https://h/', secret: s, spool: /s}, {events: [login], command: [/run, 'a,b'], timeout: 1s, concurrency: 2, queue: 3}]",
			[]Hook{
				{Events: []string{"upload"}, URL: "https://h/", Secret: "s", Spool: "/s", Timeout: 30 * time.Second, Concurrency: 4, Queue: 10_000},
				{Events: []string{"login"}, Command: []string{"/run", "a,b"}, Timeout: time.Second, Concurrency: 2, Queue: 3},
			},
		},
		"quota_file":               {"q.db", Path("q.db")},
		"limits.sessions":          {"1", 1},
		"limits.sessions_per_ip":   {"2", 2},
		"limits.sessions_per_user": {"3", 3},
		"limits.login_timeout":     {"1s", time.Second},
		"limits.idle_timeout":      {"2s", 2 * time.Second},
		"limits.stall_timeout":     {"3s", 3 * time.Second},
		"sandbox":                  {"off", "off"},
		"admin.address":            {"127.0.0.1:9090", "127.0.0.1:9090"},
		"admin.tokens":             {"[{name: ops, token: 0123456789abcdef, role: admin}]", []AdminToken{{Name: "ops", Token: "0123456789abcdef", Role: "admin"}}},
		"admin.tls.certificate":    {"c.pem", Path("c.pem")},
		"admin.tls.key":            {"k.pem", Path("k.pem")},
		"admin.tls.client_ca":      {"ca.pem", Path("ca.pem")},
		"admin.pprof":              {"true", true},
		"admin.metrics":            {"false", false},
		"log.level":                {"debug", "debug"},
		"log.format":               {"json", "json"},
		"log.file":                 {"portico.log", Path("portico.log")},
		"log.sampling":             {"off", "off"},
		"log.commands":             {"commands.log", Path("commands.log")},
		"log.xferlog":              {"xferlog", Path("xferlog")},
		"log.w3c":                  {"w3c.log", Path("w3c.log")},
		"banner":                   {"[not] a list, here", "[not] a list, here"},
		"pid_file":                 {"p.pid", Path("p.pid")},
		"tracing.endpoint":         {"http://127.0.0.1:4318", "http://127.0.0.1:4318"},
		"tracing.percent":          {"5", 5},
		"reload_on_change":         {"true", true},
		"drain.delay":              {"5s", 5 * time.Second},
		"drain.timeout":            {"1m", time.Minute},

		"limits.logins_per_minute":         {"4", 4},
		"limits.logins_per_minute_per_ip":  {"5", 5},
		"limits.transfers_per_session":     {"6", 6},
		"limits.transfers_per_user":        {"7", 7},
		"limits.passive_leases_per_ip":     {"8", 8},
		"limits.commands_per_second":       {"9", 9},
		"limits.upload_rate":               {"1KiB", Size(1 << 10)},
		"limits.download_rate":             {"2000", Size(2000)},
		"limits.upload_rate_per_user":      {"3MiB", Size(3 << 20)},
		"limits.download_rate_per_user":    {"4MiB", Size(4 << 20)},
		"limits.upload_rate_per_session":   {"5MiB", Size(5 << 20)},
		"limits.download_rate_per_session": {"6GiB", Size(6 << 30)},

		"defence.enabled":                {"false", false},
		"defence.threshold":              {"5", 5},
		"defence.weights.wrong_password": {"1", 1},
		"defence.weights.unknown_user":   {"2", 2},
		"defence.weights.protocol_abuse": {"3", 3},
		"defence.weights.wrong_peer":     {"4", 4},
		"defence.half_life":              {"1m", time.Minute},
		"defence.ban":                    {"2m", 2 * time.Minute},
		"defence.max_ban":                {"48h", 48 * time.Hour},
		"defence.ban_file":               {"bans.json", Path("bans.json")},
		"defence.allow":                  {"10.0.0.0/8,2001:db8::/32", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}},
		"defence.deny":                   {"[10.0.0.0/8]", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		"defence.only":                   {"10.0.0.0/8", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		"defence.allow_file":             {"allow", Path("allow")},
		"defence.deny_file":              {"deny", Path("deny")},
		"defence.only_file":              {"only", Path("only")},
		"log.audit":                      {"audit.log", Path("audit.log")},
	}
	variables := map[string]string{}
	for _, k := range settings() {
		if other, taken := variables[EnvName(k.path)]; taken {
			t.Errorf("%s and %s have the same variable", k.path, other)
		}
		variables[EnvName(k.path)] = k.path
		if _, tested := tests[k.path]; !tested {
			t.Errorf("%s has no test", k.path)
		}
	}
	for path, test := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			// What one key alone makes invalid is tested elsewhere.
			c, _ := Load(LoadOptions{Environ: []string{EnvName(path) + "=" + test.text}})
			got := valueAt(reflect.ValueOf(c).Elem(), path).Interface()
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
			if byDefault := valueAt(reflect.ValueOf(Default()).Elem(), path).Interface(); reflect.DeepEqual(got, byDefault) {
				t.Error("the test's value is the default, so it shows nothing")
			}
			if got, want := c.Source(path), "environment variable "+EnvName(path); got != want {
				t.Errorf("Source is %q, want %q", got, want)
			}
		})
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variable string
		want     string // "": no fault
	}{
		"an empty one is not set":       {"PORTICO_PASSIVE_PORTS=", ""},
		"another program's":             {"PORTICOX=1", ""},
		"the doctor's password":         {"PORTICO_PASSWORD=secret", ""},
		"the token of commands":         {"PORTICO_ADMIN_TOKEN=secret", ""},
		"a Kubernetes service host":     {"PORTICO_SERVICE_HOST=10.0.0.1", ""},
		"a Kubernetes service port":     {"PORTICO_SERVICE_PORT_FTP=2121", ""},
		"a Kubernetes link":             {"PORTICO_PORT=tcp://10.0.0.1:2121", ""},
		"a Kubernetes link with a port": {"PORTICO_PASSIVE_PORT_21100_TCP_PORT=21100", ""},
		"a Kubernetes link like a slip": {"PORTICO_PASSIVE_PORT=tcp://10.0.0.1:21100", ""},
		"a misspelt one":                {"PORTICO_PASSIVE_PORT=21100", "environment variable PORTICO_PASSIVE_PORT: unknown variable, did you mean PORTICO_PASSIVE_PORTS?"},
		"a wrong value":                 {"PORTICO_PASSIVE_WAIT=soon", `environment variable PORTICO_PASSIVE_WAIT: passive.wait: "soon" is not a duration`},
		"a broken list":                 {"PORTICO_LISTENERS=[{", "environment variable PORTICO_LISTENERS: listeners: is neither YAML nor JSON"},
		"a text for a list":             {"PORTICO_USERS=alice", "environment variable PORTICO_USERS: users: wants a list, not a text"},
		"an unknown key in a list":      {"PORTICO_USERS=[{nmae: alice}]", "environment variable PORTICO_USERS: users[0].nmae: unknown key, did you mean name?"},
		"an item that is empty":         {"PORTICO_USERS=[null]", "users[0]: wants keys with values, not nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(LoadOptions{Environ: []string{test.variable}})
			if test.want != "" {
				wantError(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
