package main

import (
	"strings"
	"testing"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/portalloc"
)

func TestCheckTellsTheRightToLowPorts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		listeners []string
		system    portalloc.System
		want      string // of all outcomes, "" for none
		severity  string
	}{
		"none":             {[]string{":21"}, portalloc.System{UnprivilegedPortStart: 1024}, "socket activation", "notice"},
		"the capability":   {[]string{":21"}, portalloc.System{UnprivilegedPortStart: 1024, MayBindPrivileged: true}, "CAP_NET_BIND_SERVICE", ""},
		"the setting":      {[]string{":21"}, portalloc.System{UnprivilegedPortStart: 21}, "ip_unprivileged_port_start is 21", ""},
		"too high a start": {[]string{":21"}, portalloc.System{UnprivilegedPortStart: 22}, "redirect", "notice"},
		"a high port":      {[]string{":2121"}, portalloc.System{UnprivilegedPortStart: 1024}, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid(t)
			cfg.Listeners = nil
			for _, address := range test.listeners {
				cfg.Listeners = append(cfg.Listeners, config.Listener{Address: address})
			}
			r := &report{}
			(&setup{config: cfg}).checkPrivileges(r, test.system)
			if test.want == "" {
				if len(r.Checks) > 0 {
					t.Errorf("got %+v, want nothing", r.Checks)
				}
				return
			}
			if len(r.Checks) != 1 || !r.OK() || r.Checks[0].Severity != test.severity || !strings.Contains(r.Checks[0].Detail, test.want) {
				t.Errorf("got %+v, want severity %q and %q", r.Checks, test.severity, test.want)
			}
		})
	}
}

func TestCheckTellsTheSourcePort(t *testing.T) {
	t.Parallel()
	for setting, want := range map[config.SourcePort]string{
		config.SourcePortAuto:      "auto: ",
		config.SourcePortEphemeral: "ephemeral",
		"40020":                    "40020",
	} {
		cfg := valid(t)
		cfg.Active.SourcePort = setting
		r := &report{}
		(&setup{config: cfg}).checkActive(r)
		if len(r.Checks) != 1 || !r.OK() || !strings.HasPrefix(r.Checks[0].Detail, want) {
			t.Errorf("%s: got %+v, want %q", setting, r.Checks, want)
		}
	}
}
