package config

import "net/url"

// Tracing settles OpenTelemetry traces. The standard variables
// (OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES and others) count, too.
type Tracing struct {
	// Endpoint is where traces are sent, by OTLP over HTTP:
	// "http://127.0.0.1:4318". Empty: there are none.
	Endpoint string `mapstructure:"endpoint"`
	// Percent is how many sessions of a hundred are traced.
	Percent int `mapstructure:"percent"`
}

func (v *validation) checkTracing() {
	t := v.Tracing
	if t.Percent < 0 || t.Percent > 100 {
		v.add("tracing.percent", "%d is no share of a hundred: write 0 to 100", t.Percent)
	}
	if t.Endpoint == "" {
		return
	}
	address, err := url.Parse(t.Endpoint)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https":
		v.add("tracing.endpoint", "is not an address such as http://127.0.0.1:4318 or https://collector.example.org")
	case address.User != nil:
		v.add("tracing.endpoint", "holds a name or password: give it to OTEL_EXPORTER_OTLP_HEADERS instead")
	}
}
