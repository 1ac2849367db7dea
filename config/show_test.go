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
		{Name: "yes", Password: mask, Home: "/a b", Place: DefaultPlace()},
		{Name: "b", Password: mask, Home: "/", CreateHome: true, Place: otherPlace(), RefusedCommands: []string{"DELE"}, Certificate: "b"},
		{
			Name: "c", Password: mask, Home: "/c", Place: DefaultPlace(), Quota: Quota{Bytes: 10 << 30, Files: 1000},
			Mounts: []Mount{{Path: "/pub", Dir: "/p", Create: true, Place: otherPlace()}},
		},
	}
	full.Hooks = []Hook{
		{Events: []string{"upload"}, Command: []string{"/bin/a", "b, c"}, Timeout: time.Minute, Concurrency: 2, Queue: 3},
		{Events: []string{"login"}, URL: "https://host/" + mask, Secret: mask, Spool: "/s", Timeout: time.Second, Concurrency: 4, Queue: 1, GiveUpAfter: time.Hour},
		{Events: []string{"mkdir"}, URL: "https://host", SecretFile: "/secret", Spool: "/t", Timeout: time.Second, Concurrency: 4, Queue: 1},
	}
	full.QuotaFile = "/var/lib/quota"
	full.Hosts = []Host{{Name: "a.example", Certificate: "/cert.pem", Key: "/key.pem", Users: full.Users}, {Name: "b.example", Banner: "hi"}}
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

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Users = []User{{Name: "alice", Password: "$6$salt$digest", Home: "/a"}}
	c.Hosts = []Host{{Name: "a.example", Users: c.Users}}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text) + fmt.Sprintf("%v %+v %#v %s", c.Users, c.Users, c.Hosts, c.Users[0].Password)
	if strings.Contains(shown, "digest") || strings.Count(shown, mask) != 6 {
		t.Errorf("got %s, want the password masked in all six", shown)
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

func TestHooksShowNoSecrets(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Hooks = []Hook{{Events: []string{"upload"}, URL: "https://user:hidden1@host:8443/hidden2?a=hidden3#hidden4", Secret: "hidden5"}}
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text) + fmt.Sprintf("%v %+v %#v", c.Hooks, c.Hooks, c.Hooks)
	if strings.Contains(shown, "hidden") || strings.Count(shown, "https://host:8443/"+mask) != 4 {
		t.Errorf("got %s, want host and port of the address alone, four times", shown)
	}
	for u, want := range map[URL]string{"": "", "http://host": "http://host", "https://host/": "https://host/", "hidden": mask, "http://%hidden": mask, "https://:hidden@host": "https://host/" + mask} {
		if got := u.String(); got != want {
			t.Errorf("%s shows as %q, want %q", u.Reveal(), got, want)
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
