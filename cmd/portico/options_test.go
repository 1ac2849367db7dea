package main

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
	"github.com/portico-ftp/portico/server"
)

func TestServerOptions(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	byDefault := server.Options{
		Listeners: []server.Listener{{Address: ":2121"}},
		Limits:    server.Limits{LoginTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, StallTimeout: 2 * time.Minute},
	}
	tests := map[string]struct {
		change func(*config.Config)
		want   func(*server.Options)
	}{
		"the defaults": {func(*config.Config) {}, func(*server.Options) {}},
		"listeners": {
			func(c *config.Config) {
				c.Listeners = []config.Listener{{Address: ":21"}, {Address: ":990", ImplicitTLS: true, ProxyProtocol: proxies}}
			},
			func(o *server.Options) {
				o.Listeners = []server.Listener{{Address: ":21"}, {Address: ":990", ImplicitTLS: true, ProxyProtocol: proxies}}
			},
		},
		"active mode off": {
			func(c *config.Config) { c.Active.Enabled = false },
			func(o *server.Options) { o.Active.Disabled = true },
		},
		"foreign addresses from port 20": {
			func(c *config.Config) {
				c.Active = config.Active{Enabled: true, SourcePort: "20", ForeignAddress: true}
			},
			func(o *server.Options) { o.Active = server.Active{SourcePort: 20, ForeignAddress: true} },
		},
		"an ephemeral source port": {
			func(c *config.Config) { c.Active.SourcePort = config.SourcePortEphemeral },
			func(o *server.Options) { o.Active.SourcePort = server.SourcePortEphemeral },
		},
		"TLS for login": {
			func(c *config.Config) { c.TLS.Require, c.TLS.SessionReuse = "login", "required" },
			func(o *server.Options) {
				o.RequireTLS, o.SessionReuse = server.TLSForLogin, server.SessionReuseRequired
			},
		},
		"TLS for data": {
			func(c *config.Config) { c.TLS.Require, c.TLS.SessionReuse = "data", "off" },
			func(o *server.Options) { o.RequireTLS, o.SessionReuse = server.TLSForData, server.SessionReuseOff },
		},
		"no time limits": {
			func(c *config.Config) { c.Limits = config.Limits{Sessions: 1, SessionsPerIP: 2, SessionsPerUser: 3} },
			func(o *server.Options) {
				o.Limits = server.Limits{Sessions: 1, SessionsPerIP: 2, SessionsPerUser: 3, LoginTimeout: -1, IdleTimeout: -1, StallTimeout: -1}
			},
		},
		"limits of all kinds": {
			func(c *config.Config) {
				c.Limits = config.Limits{
					LoginsPerMinute: 1, LoginsPerMinutePerIP: 2, TransfersPerSession: 3, TransfersPerUser: 4, CommandsPerSecond: 5,
					UploadRate: 6, DownloadRate: 7, UploadRatePerUser: 8, DownloadRatePerUser: 9,
					UploadRatePerSession: 10, DownloadRatePerSession: 11, LoginTimeout: 12, IdleTimeout: 13, StallTimeout: 14,
				}
			},
			func(o *server.Options) {
				o.Limits = server.Limits{
					LoginsPerMinute: 1, LoginsPerMinutePerIP: 2, TransfersPerSession: 3, TransfersPerUser: 4, CommandsPerSecond: 5,
					Bandwidth: server.Bandwidth{
						Upload: 6, Download: 7, UploadPerUser: 8, DownloadPerUser: 9, UploadPerSession: 10, DownloadPerSession: 11,
					},
					LoginTimeout: 12, IdleTimeout: 13, StallTimeout: 14,
				}
			},
		},
		"CCC": {
			func(c *config.Config) { c.TLS.AllowCCC = true },
			func(o *server.Options) { o.AllowCCC = true },
		},
		"a banner": {
			func(c *config.Config) { c.Banner = "hello" },
			func(o *server.Options) { o.Banner = "hello" },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, want := config.Default(), byDefault
			test.change(cfg)
			test.want(&want)
			got, err := serverOptions(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestServerOptionsRefuseUnknownWords(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Active.SourcePort, cfg.TLS.Require, cfg.TLS.SessionReuse = "x", "y", "z"
	_, err := serverOptions(cfg)
	if got := len(config.Faults(err)); got != 3 {
		t.Errorf("got %v, want three faults", err)
	}
}

func TestAllocatorOptions(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Passive.AdvertisedPorts = portalloc.PortList{{First: 31100, Last: 31199}}
	cfg.Passive.Sharing = portalloc.SharingExclusive
	cfg.Passive.Peer = portalloc.PeerPolicy{Any: true}
	cfg.Passive.ReclaimAfter = 3 * time.Second
	cfg.Limits.PassiveLeasesPerIP = 4
	inside, outside := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")
	cfg.Listeners = []config.Listener{{ProxyProtocol: []netip.Prefix{inside}}, {}, {ProxyProtocol: []netip.Prefix{outside, inside}}}
	want := portalloc.Options{
		Ports:           portalloc.PortList{{First: 21100, Last: 21199}},
		AdvertisedPorts: portalloc.PortList{{First: 31100, Last: 31199}},
		Sharing:         portalloc.SharingExclusive,
		Peer:            portalloc.PeerPolicy{Any: true},
		Wait:            5 * time.Second,
		AcceptTimeout:   30 * time.Second,
		ReclaimAfter:    3 * time.Second,
		MaxPerAddress:   4,
		Proxies:         []netip.Prefix{inside, outside},
	}
	got := allocatorOptions(cfg)
	if got.Unproxy == nil {
		t.Error("nothing reads the PROXY header")
	}
	got.Unproxy = nil // functions cannot be compared
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	cfg.Passive.Wait = 0
	if got := allocatorOptions(cfg).Wait; got >= 0 {
		t.Errorf("a wait of 0s becomes %v, want a negative one, which is none", got)
	}
}

func TestAddressRules(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	clients := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	cfg.Passive.PublicAddress = config.AddressRules{{Clients: clients, Address: "local"}, {Address: "192.0.2.1"}}
	want := []portalloc.AddressRule{{Clients: clients, Address: "local"}, {Address: "192.0.2.1"}}
	if got := addressRules(cfg); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		settings config.Log
		want     string // of the one line
	}{
		{config.Log{Level: "info", Format: "console"}, "INFO\thello\t{\"took\": \"1s\"}"},
		{config.Log{Level: "info", Format: "json"}, `"msg":"hello","took":"1s"}`},
	} {
		var out bytes.Buffer
		log, _, err := newLogger(test.settings, &out)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("not this")
		log.Info("hello", zap.Duration("took", time.Second))
		if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, test.want) {
			t.Errorf("%+v: got %q, want one line with %q", test.settings, got, test.want)
		}
	}
	if _, _, err := newLogger(config.Log{Level: "loud"}, &bytes.Buffer{}); err == nil {
		t.Error("an unknown level is accepted")
	}
}
