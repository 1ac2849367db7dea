package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

func TestYAMLReadsBack(t *testing.T) {
	t.Parallel()
	full := Default()
	full.Listeners = append(full.Listeners, Listener{Address: ":2990", ImplicitTLS: true, ProxyProtocol: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	full.Passive.PublicAddress = AddressRules{{Clients: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Address: "local"}, {Address: "::1"}}
	full.Passive.Peer = portalloc.PeerPolicy{Any: true}
	full.TLS.SelfSigned, full.TLS.ClientCA, full.TLS.ClientCertificates = true, "/ca.pem", "optional"
	full.Users = []User{
		{Name: "yes", Password: mask, Account: Account{Home: "/a b", Place: DefaultPlace()}},
		{Name: "b", Password: mask, Certificate: "b", Account: Account{
			Home: "/", CreateHome: true, Place: otherPlace(), RefusedCommands: []string{"DELE"},
		}},
		{Name: "c", Password: mask, Account: Account{
			Home: "/c", Place: DefaultPlace(), Quota: Quota{Bytes: 10 << 30, Files: 1000},
			Mounts: []Mount{{Path: "/pub", Dir: "/p", Create: true, Place: otherPlace()}},
		}},
		{Name: "d", Password: mask, Groups: []string{"staff"}, Account: Account{Place: DefaultPlace(), Expires: day(2026, time.May, 1)}},
	}
	full.Users = append(full.Users, User{Name: "e", Password: mask, Account: Account{Place: inBucket("b", "%u")}})
	full.Buckets = []Bucket{{Name: "b", URL: "s3://b", AccessKey: "a", SecretKey: mask}, {Name: "c", URL: "gs://c", CredentialsFile: "/c.json", PartSize: 16 << 20}}
	full.Groups = []Group{{Name: "staff", Account: Account{Home: "/srv/%u", Place: otherPlace(), placed: true, Hours: "Sat", Disabled: true}}}
	full.QuotaFile = "/var/lib/quota"
	full.Hosts = []Host{{Name: "a.example", Certificate: "/cert.pem", Key: "/key.pem", Users: full.Users}, {Name: "b.example", Banner: "hi"}}
	full.Defence.Allow, full.Defence.DenyFile, full.Defence.Weights.WrongPeer = nil, "/deny", 7
	full.Limits.IdleTimeout = 90 * time.Minute
	for name, want := range map[string]*Config{"default": Default(), "full": full} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := want.YAML()
			if err != nil {
				t.Fatal(err)
			}
			again, err := mustLoad(t, LoadOptions{File: writeFile(t, "portico.yaml", string(text))}).YAML()
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != string(again) {
				t.Errorf("got\n%s\nwant\n%s", again, text)
			}
		})
	}
}

// otherPlace has no value of DefaultPlace.
func otherPlace() Place {
	return Place{
		Storage: "overlay", Base: "/base", Permissions: []string{"list"}, Uploads: "direct", Durable: true,
		KeepPartials: time.Hour, Symlinks: "never", Umask: "027",
	}
}

// What a user leaves to his group must not be shown as if he had said it.
func TestInheritedKeysAreNotShown(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Users = []User{
		{Name: "a", Groups: []string{"staff"}, Account: Account{Place: DefaultPlace()}},
		{Name: "b", Account: Account{Place: DefaultPlace()}},
	}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "uploads: atomic"); got != 1 {
		t.Errorf("uploads is shown %d times, want once, for the user without a group:\n%s", got, text)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Users = []User{{Name: "alice", Password: "$6$salt$digest", Account: Account{Home: "/a"}}}
	c.Hosts = []Host{{Name: "a.example", Users: c.Users}}
	c.Buckets = []Bucket{{Name: "b", URL: "s3://b", AccessKey: "a", SecretKey: "key digest"}}
	c.Auth.SQL.DSN = "postgres://portico:digest@db/ftp"
	c.Auth.LDAP.BindPassword = "bind digest"
	c.Auth.HTTP = HTTPUsers{URL: "https://h/digest", Secret: "key digest", Token: "bearer digest"}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text) + fmt.Sprintf("%v %+v %#v %s", c.Users, c.Users, c.Hosts, c.Users[0].Password) + fmt.Sprintf("%+v %#v %#v", c.Buckets, c.Buckets, c.Auth)
	if strings.Contains(shown, "digest") || strings.Count(shown, mask) != 19 {
		t.Errorf("got %s, want the secrets masked in all nineteen", shown)
	}
	if got := c.Users[0].Password.Reveal(); got != "$6$salt$digest" {
		t.Errorf("Reveal = %q", got)
	}
	if got := Secret("").String(); got != "" {
		t.Errorf("an empty secret shows as %q, want nothing", got)
	}
}

func TestFaultsDoNotQuoteSecrets(t *testing.T) {
	t.Parallel()
	for _, users := range []string{"hunter2", "[hunter2]", "[{name: a, home: /a, password: [hunter2]}]", "[{name: a, home: /a, password: {hunter2: x}}]", "[{name: a, home: /a, password: $6$x,hunter2$y}]"} {
		_, err := Load(LoadOptions{Environ: []string{"PORTICO_USERS=" + users}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("PORTICO_USERS=%s: got %v, want a fault without the value", users, err)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                       "0s",
		30 * time.Second:        "30s",
		5 * time.Minute:         "5m",
		time.Hour:               "1h",
		90 * time.Minute:        "1h30m",
		time.Hour + time.Second: "1h0m1s",
		250 * time.Millisecond:  "250ms",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration(%d) = %q, want %q", d, got, want)
		}
	}
}
