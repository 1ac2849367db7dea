package config

import (
	_ "embed" // example.yaml
	"time"

	"github.com/portico-ftp/portico/portalloc"
)

//go:embed example.yaml
var exampleYAML string

// Default returns a new Config with the value of every key that is not set:
// one plain listener on port 2121, passive ports outside Linux's ephemeral
// range and Kubernetes' node ports, no TLS and no users.
func Default() *Config {
	return &Config{
		Listeners: []Listener{{Address: ":2121"}},
		Passive: Passive{
			Ports:         portalloc.PortList{{First: 21100, Last: 21199}},
			Sharing:       portalloc.SharingAuto,
			Wait:          5 * time.Second,
			AcceptTimeout: 30 * time.Second,
			ReclaimAfter:  2 * time.Second,
		},
		Active: Active{Enabled: true, SourcePort: SourcePortAuto},
		TLS:    TLS{MinVersion: "1.2", Require: "none", SessionReuse: "auto", ClientCertificates: "required"},
		Auth:   Auth{SQL: defaultSQL(), LDAP: defaultLDAP(), HTTP: defaultHTTPUsers()},
		Limits: Limits{
			LoginTimeout: 30 * time.Second,
			IdleTimeout:  5 * time.Minute,
			StallTimeout: 2 * time.Minute,
		},
		Shared:  defaultShared(),
		Defence: defaultDefence(),
		Admin:   Admin{Metrics: true},
		Sandbox: "auto",
		Log:     Log{Level: "info", Format: "console", Sampling: "auto"},
		Tracing: Tracing{Percent: 100},
		Drain:   Drain{Timeout: 30 * time.Second},
	}
}

// Example returns a complete configuration file in YAML with a comment on
// every key. It loads to the values of Default.
func Example() string { return exampleYAML }
