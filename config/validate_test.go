package config

import (
	"testing"

	"github.com/portico-ftp/portico/portalloc"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

// Load reports these faults while it decodes; a Config made in code has them
// checked by Validate.
func TestValidateChecksWhatCodeCanGetWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"sandbox":      {func(c *Config) { c.Sandbox = "" }, `sandbox: unknown value ""`},
		"level":        {func(c *Config) { c.Log.Level = "loud" }, `log.level: unknown value "loud"`},
		"format":       {func(c *Config) { c.Log.Format = "xml" }, `log.format: unknown value "xml"`},
		"version":      {func(c *Config) { c.TLS.MinVersion = "1.0" }, `tls.min_version: unknown value "1.0"`},
		"require":      {func(c *Config) { c.TLS.Require = "some" }, `tls.require: unknown value "some"`},
		"reuse":        {func(c *Config) { c.TLS.SessionReuse = "some" }, `tls.session_reuse: unknown value "some"`},
		"certificates": {func(c *Config) { c.TLS.ClientCertificates = "" }, `tls.client_certificates: unknown value ""`},
		"source port":  {func(c *Config) { c.Active.SourcePort = "0" }, `active.source_port: "0" is not a source port`},
		"port zero":    {func(c *Config) { c.Passive.Ports = portalloc.PortList{{First: 0, Last: 9}} }, "passive.ports: 0-9 is not a range"},
		"hook event":   {func(c *Config) { c.Hooks = []Hook{{Events: []string{"party"}}} }, `hooks[0].events[0]: unknown value "party"`},
		"hook timeout": {func(c *Config) { c.Hooks = []Hook{{}} }, "hooks[0].timeout: 0s is no time"},
		"reversed":     {func(c *Config) { c.Passive.Ports = portalloc.PortList{{First: 9, Last: 1}} }, "passive.ports: 9-1 is not a range"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Default()
			test.change(c)
			wantError(t, c.Validate(), test.want)
		})
	}
}

func TestFaultsTakesAnErrorApart(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Banner = "two\nlines"
	c.Admin.Address = "nowhere"
	if got := Faults(c.Validate()); len(got) != 2 {
		t.Errorf("got %v, want two faults", got)
	}
	if got := Faults(nil); got != nil {
		t.Errorf("got %v for no error", got)
	}
}

func TestHostNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"local": true, "ftp.example.org": true, "a-b.example.": true, "x_y": true,
		"": false, "-a": false, "a..b": false, "a b": false, "300.1.1.1": false, "host:21": false, "ftp://host": false,
	} {
		if got := isHostName(name); got != want {
			t.Errorf("isHostName(%q) = %v, want %v", name, got, want)
		}
	}
}
