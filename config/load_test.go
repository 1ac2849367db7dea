package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

// day is a Date.
func day(year int, month time.Month, d int) Date {
	return Date{time.Date(year, month, d, 0, 0, 0, 0, time.UTC)}
}

func TestLoadReadsEveryFormat(t *testing.T) {
	t.Parallel()
	home, err := filepath.Abs("testdata/good")
	if err != nil {
		t.Fatal(err)
	}
	prefix := netip.MustParsePrefix
	tests := map[string]func(*Config){
		"empty.yaml":               func(*Config) {},
		"keys_without_values.yaml": func(*Config) {},
		"contract.yaml": func(c *Config) {
			c.Listeners = []Listener{
				{Address: ":2121"},
				{Address: ":2990", ImplicitTLS: true, ProxyProtocol: []netip.Prefix{prefix("10.0.0.0/8")}},
			}
			c.Passive.PublicAddress = AddressRules{
				{Clients: []netip.Prefix{prefix("10.0.0.0/8")}, Address: "local"},
				{Address: "ftp.example.org"},
			}
			c.TLS.Certificate = Path(filepath.Join(home, "cert.pem"))
			c.TLS.Key = Path(filepath.Join(home, "key.pem"))
			c.Users = []User{{
				Name:     "alice",
				Password: "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
				Account:  Account{Home: "/srv/ftp/alice", Place: permitted("list", "read", "write", "delete", "rename", "mkdir")},
			}}
		},
		"plain_types.yaml": func(c *Config) {
			c.Listeners = []Listener{{
				Address:       "localhost:2121",
				ProxyProtocol: []netip.Prefix{prefix("10.0.0.0/8"), prefix("2001:db8::/32")},
			}}
			c.Passive.Ports = portalloc.PortList{{First: 21160, Last: 21160}}
			c.Passive.Slice, c.Passive.SlicePorts = "0", 1
			c.Passive.AdvertisedPorts = portalloc.PortList{{First: 31160, Last: 31160}}
			c.Passive.PublicAddress = AddressRules{{Address: "ftp.example.org"}}
			c.Passive.Peer = portalloc.PeerPolicy{Networks: []netip.Prefix{prefix("100.64.0.0/10"), prefix("192.0.2.0/24")}}
			c.Active.SourcePort = "20"
			c.TLS.MinVersion = "1.3"
			c.Limits.Sessions = 7
			c.Limits.IdleTimeout = 0
			c.Users = []User{{Name: "123", Password: "x", Account: Account{Home: Path(filepath.Join(home, "files")), Place: DefaultPlace()}}}
		},
		"admin.yaml": func(c *Config) {
			c.Admin = Admin{
				Address: "0.0.0.0:9443", Pprof: true,
				Tokens: []AdminToken{
					{Name: "prometheus", TokenFile: Path(filepath.Join(home, "secrets", "prometheus")), Role: "read"},
					{Name: "ops", Token: "0123456789abcdef", Role: "admin"},
				},
				TLS: AdminTLS{Certificate: Path(filepath.Join(home, "cert.pem")), Key: Path(filepath.Join(home, "key.pem")), ClientCA: Path(filepath.Join(home, "ca.pem"))},
			}
		},
		"limits.yaml": func(c *Config) {
			c.Limits = Limits{
				Sessions: 500, SessionsPerIP: 10, SessionsPerUser: 4,
				LoginsPerMinute: 600, LoginsPerMinutePerIP: 20,
				TransfersPerSession: 1000, TransfersPerUser: 3, PassiveLeasesPerIP: 20, CommandsPerSecond: 30,
				UploadRate: 100 << 20, DownloadRate: 1 << 30, UploadRatePerUser: 20 << 20, DownloadRatePerUser: 50 << 20,
				UploadRatePerSession: 10 << 20, DownloadRatePerSession: 1_000_000,
				LoginTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, StallTimeout: 2 * time.Minute,
			}
		},
		"hosts.yaml": func(c *Config) {
			c.TLS.Certificate = Path(filepath.Join(home, "cert.pem"))
			c.TLS.Key = Path(filepath.Join(home, "key.pem"))
			c.TLS.ClientCA = Path(filepath.Join(home, "ca.pem"))
			c.TLS.ClientCertificates = "optional"
			c.TLS.AllowCCC = true
			c.Passive.ReclaimAfter = time.Second
			c.Log.Commands = Path(filepath.Join(home, "logs", "commands.log"))
			c.Users = []User{{Name: "alice", Password: "x", Certificate: "alice@example.org", Account: Account{Home: "/srv/alice", Place: DefaultPlace(), RefusedCommands: []string{"DELE", "RMD"}}}}
			c.Hosts = []Host{
				{
					Name: "one.example", Certificate: Path(filepath.Join(home, "one.pem")), Key: Path(filepath.Join(home, "one.key")), Banner: "One",
					Users: []User{{Name: "alice", Password: "y", Account: Account{Home: Path(filepath.Join(home, "one")), Place: permitted("list"), RefusedCommands: []string{"SITE"}}}},
				},
				{Name: "Two.Example", ClientCA: Path(filepath.Join(home, "two.pem"))},
			}
		},
		"all.toml": func(c *Config) {
			c.Banner = "hello"
			c.Drain.Timeout = time.Minute
			c.Listeners = []Listener{{Address: "[::1]:2121"}}
			c.Passive.Ports = portalloc.PortList{{First: 21100, Last: 21109}, {First: 21120, Last: 21120}}
			c.Passive.Wait = 0
			c.Passive.PublicAddress = AddressRules{{Address: "192.0.2.7"}}
			c.Limits.Sessions = 20
			c.Users = []User{{Name: "bob", Password: "x", Account: Account{Home: "/srv/bob", Place: permitted("list", "read")}}}
		},
		"storage.yaml": func(c *Config) {
			c.QuotaFile = Path(filepath.Join(home, "state", "quota.db"))
			c.Users = []User{
				{
					Name: "alice", Password: "x", Account: Account{
						Home: "/srv/%u", CreateHome: true, Place: otherPlace(), placed: true,
						Mounts: []Mount{
							{Path: "/pub", Dir: Path(filepath.Join(home, "pub")), Place: permitted("list", "read")},
							{Path: "/in", Dir: "/srv/in", Create: true, Place: otherPlace()},
						},
					},
				},
				{Name: "bob", Password: "x", Account: Account{Home: "/srv/bob", Place: DefaultPlace(), Quota: Quota{Bytes: 10 << 30, Files: 1000}}},
				{Name: "dave", Password: "x", Account: Account{Place: inBucket("archive", "%u/"), placed: true, Mounts: []Mount{{Path: "/pub", Place: inBucket("other", "", "list", "read")}}}},
				{Name: "carol", Password: "x", Account: Account{Place: DefaultPlace(), placed: true}},
			}
			c.Users[3].Storage, c.Users[3].KeepPartials = "memory", 0
			c.Buckets = []Bucket{
				{Name: "archive", URL: "s3://my-bucket?region=eu-central-1", AccessKey: "AKIA", SecretKey: "not to be shown", PartSize: 16 << 20},
				{Name: "other", URL: "gs://other-bucket", CredentialsFile: Path(filepath.Join(home, "google.json"))},
			}
		},
		"events.yaml": func(c *Config) {
			c.Hooks = []Hook{
				{Events: []string{"upload", "upload_interrupted"}, Command: []string{"/usr/local/bin/arrived", "--verbose", "a, b", ""}, Timeout: 5 * time.Minute, Concurrency: 1, Queue: 10},
				DefaultHook(),
				DefaultHook(),
			}
			c.Hooks[1].Events, c.Hooks[1].Command = []string{"delete", "rename"}, []string{"logger"}
			c.Hooks[2].Events, c.Hooks[2].URL = []string{"login"}, "https://user:pass@hooks.example.org/a/b?token=c"
			c.Hooks[2].SecretFile, c.Hooks[2].Spool = Path(filepath.Join(home, "secrets", "hook")), Path(filepath.Join(home, "spool", "logins"))
			c.Hooks[2].GiveUpAfter = 72 * time.Hour
		},
		"defence.yaml": func(c *Config) {
			c.Defence.Threshold, c.Defence.Weights.WrongPeer = 40, 0
			c.Defence.Allow = []netip.Prefix{}
			c.Defence.Deny = []netip.Prefix{prefix("203.0.113.0/24"), prefix("2001:db8::/32")}
			c.Defence.DenyFile = Path(filepath.Join(home, "deny"))
			c.Defence.BanFile = "/var/lib/portico/bans.json"
			c.Log.Audit = Path(filepath.Join(home, "audit.log"))
		},
		"logs.yaml": func(c *Config) {
			c.Log = Log{
				Level: "warn", Format: "json", File: Path(filepath.Join(home, "portico.log")), Sampling: "off", Commands: "/var/log/portico/commands.log",
				Audit: "/dev/stdout", Xferlog: Path(filepath.Join(home, "xferlog")), W3C: "/dev/stdout",
			}
		},
		"accounts.yaml": func(c *Config) {
			c.Groups = []Group{
				{Name: "staff", Account: Account{
					Home: "/srv/ftp/%u", CreateHome: true, Place: DefaultPlace(), placed: true,
					Networks: []netip.Prefix{prefix("10.0.0.0/8")}, Hours: "Mon-Fri 08:00-18:00, Sat", RequireTLS: true,
				}},
				{Name: "slow", Account: Account{
					Place:  DefaultPlace(),
					Limits: AccountLimits{Sessions: 2, Transfers: 1, UploadRate: 1 << 20, DownloadRate: 512 << 10},
				}},
			}
			c.Users = []User{
				{Name: "alice", Password: "x", Groups: []string{"staff", "slow"}, Account: Account{Place: DefaultPlace(), Expires: day(2026, time.December, 31)}},
				{Name: "guest", Anonymous: true, Account: Account{Home: "/srv/ftp/pub", Place: DefaultPlace(), Disabled: true}},
			}
			c.Auth.Order = []string{"users"}
		},
		"sql.yaml": func(c *Config) {
			c.Groups = []Group{{Name: "ftp", Account: Account{Home: "/srv/ftp/%u", Place: DefaultPlace()}}}
			c.Auth.Order = []string{"sql"}
			c.Auth.SQL = SQL{
				Driver: "mysql", DSN: "portico:secret@tcp(db.example:3306)/ftp?tls=true",
				UserQuery:   `SELECT User, Password FROM ftpd WHERE User = '\L'`,
				GroupsQuery: "SELECT g FROM members WHERE u = ?",
				Groups:      []string{"ftp"}, Timeout: 2 * time.Second, Connections: 3,
			}
		},
		"http.yaml": func(c *Config) {
			c.Groups = []Group{{Name: "ftp", Account: Account{Home: "/srv/ftp/%u", Place: DefaultPlace()}}}
			c.Auth.Order = []string{"http"}
			c.Auth.HTTP = HTTPUsers{
				URL: "https://accounts.example.org/ftp?site=1", Secret: "not to be shown", Token: "nor this", CA: Path(filepath.Join(home, "http.pem")),
				Groups: []string{"ftp"}, Timeout: 2 * time.Second, Connections: 3, Cache: time.Minute,
			}
		},
		"ldap.yaml": func(c *Config) {
			c.Groups = []Group{{Name: "ftp", Account: Account{Home: "/srv/ftp/%u", Place: DefaultPlace()}}}
			c.Auth.LDAP = LDAP{
				Servers: []string{"ldap://a.example", "ldaps://[2001:db8::1]:6360"}, StartTLS: true, CA: Path(filepath.Join(home, "ldap.pem")),
				BindDN: "cn=portico,dc=example,dc=org", BindPassword: "not, to: be shown", Base: "ou=people,dc=example,dc=org",
				Filter:     "(&(objectClass=person)(uid=%u))",
				Attributes: LDAPAttributes{Name: "cn", Home: "homeDirectory", Groups: "memberOf", QuotaBytes: "FTPQuotaMBytes"},
				QuotaUnit:  1 << 20, GroupBase: "ou=groups,dc=example,dc=org", GroupFilter: "(memberUid=%u)",
				GroupNames: []LDAPGroup{{LDAP: "cn=ftp,ou=groups,dc=example,dc=org", Group: "ftp"}},
				Groups:     []string{"ftp"}, Timeout: 2 * time.Second, Connections: 3,
			}
		},
		"all.json": func(c *Config) {
			c.Passive.Ports = portalloc.PortList{{First: 21100, Last: 21100}}
			c.Passive.Wait = 250 * time.Millisecond
			c.Passive.Sharing = portalloc.SharingExclusive
			c.Limits.Sessions = 20
			c.Active = Active{SourcePort: "2020"}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := Default()
			change(want)
			wantConfig(t, mustLoad(t, LoadOptions{File: filepath.Join("testdata/good", name)}), want)
		})
	}
	if files := listFiles(t, "testdata/good/*"); len(files) != len(tests) {
		t.Errorf("testdata/good has %d files (%v) for %d tests", len(files), files, len(tests))
	}
}

func TestLoadReportsEveryFault(t *testing.T) {
	t.Parallel()
	wants := listFiles(t, "testdata/bad/*.want")
	for _, wantFile := range wants {
		name := strings.TrimSuffix(wantFile, ".want")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			file := otherThan(t, wantFile, listFiles(t, name+".*"))
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Load(LoadOptions{File: file})
			if err == nil {
				t.Fatal("Load found nothing wrong")
			}
			got := strings.ReplaceAll(err.Error(), file, "FILE")
			if got != strings.TrimSpace(string(want)) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestLoadNamesAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, want string }{
		"missing":     {"testdata/nowhere.yaml", "testdata/nowhere.yaml: there is no such file: `portico config init`"},
		"a directory": {directoryNamed(t, "conf.yaml"), "conf.yaml: cannot be read: is a directory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(LoadOptions{File: test.file})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want it to say %q", err, test.want)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", "banner: file\nsandbox: \"off\"\nlog: {level: debug, format: json}\n")
	options := LoadOptions{
		File:      file,
		Environ:   []string{"PORTICO_BANNER=variable", "PORTICO_LOG_LEVEL=warn", "PATH=/bin"},
		Overrides: map[string]any{"banner": "flag"},
	}
	c := mustLoad(t, options)
	type values struct{ banner, level, format, sandbox string }
	got := values{c.Banner, c.Log.Level, c.Log.Format, c.Sandbox}
	if want := (values{"flag", "warn", "json", "off"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for key, want := range map[string]string{
		"banner":        "command line",
		"log.level":     "environment variable PORTICO_LOG_LEVEL",
		"log.format":    file,
		"passive.ports": "",
	} {
		if got := c.Source(key); got != want {
			t.Errorf("Source(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, LoadOptions{Overrides: map[string]any{
		"listeners":              []any{map[string]any{"address": ":2200"}},
		"passive.ports":          "21300",
		"passive.public_address": "192.0.2.1",
		"tls.self_signed":        true,
	}})
	want := Default()
	want.Listeners = []Listener{{Address: ":2200"}}
	want.Passive.Ports = portalloc.PortList{{First: 21300, Last: 21300}}
	want.Passive.PublicAddress = AddressRules{{Address: "192.0.2.1"}}
	want.TLS.SelfSigned = true
	wantConfig(t, c, want)

	_, err := Load(LoadOptions{Overrides: map[string]any{"passive.ports": "9-1", "passive.port": ""}})
	wantError(t, err, "command line: passive.ports: ports \"9-1\" run backwards", "command line: passive.port: unknown key")
}

func TestLoadReturnsWhatItCouldReadBesideTheFaults(t *testing.T) {
	t.Parallel()
	c, err := Load(LoadOptions{File: writeFile(t, "portico.yaml", "banner: hello\nnonsense: 1\n")})
	wantError(t, err, "nonsense: unknown key")
	if c == nil || c.Banner != "hello" {
		t.Errorf("got %+v, want the banner", c)
	}
}

// mustLoad fails the test when the configuration has faults.
func mustLoad(t *testing.T, options LoadOptions) *Config {
	t.Helper()
	c, err := Load(options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantConfig compares the values, not where they came from.
func wantConfig(t *testing.T, got, want *Config) {
	t.Helper()
	values := *got
	values.sources = want.sources
	if !reflect.DeepEqual(&values, want) {
		t.Errorf("got  %#v\nwant %#v", &values, want)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one that says %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want it to say %q", err, part)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func directoryNamed(t *testing.T, name string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	return directory
}

func listFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	return files
}

func otherThan(t *testing.T, file string, files []string) string {
	t.Helper()
	for _, other := range files {
		if other != file {
			return other
		}
	}
	t.Fatalf("%s has no configuration beside it", file)
	return ""
}

// permitted is a place with these permissions alone.
func permitted(permissions ...string) Place {
	p := DefaultPlace()
	p.Permissions = permissions
	return p
}

// inBucket is a place in a bucket.
func inBucket(name, prefix string, permissions ...string) Place {
	p := permitted(permissions...)
	p.Storage, p.Bucket, p.Prefix = "object", name, prefix
	return p
}
