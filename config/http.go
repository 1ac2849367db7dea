package config

import (
	"net/url"
	"time"
)

// HTTPUsers is a web server that is asked who may log in. It is used if URL is
// set.
type HTTPUsers struct {
	// URL is what is asked, https or http. Empty: nobody is.
	URL URL `mapstructure:"url"`
	// Secret is the key of the signatures, which the server knows, too. Empty:
	// questions are not signed.
	Secret Secret `mapstructure:"secret"`
	// Token is a bearer token. Empty: there is none.
	Token Secret `mapstructure:"token"`
	// CA is a PEM file with the authorities of the server's certificate. Empty:
	// the system's.
	CA Path `mapstructure:"ca"`
	// Groups are names of Config.Groups that every user of the server is in,
	// after his own.
	Groups []string `mapstructure:"groups"`
	// Timeout is how long an answer may take.
	Timeout time.Duration `mapstructure:"timeout"`
	// Connections is the largest number of questions at one time.
	Connections int `mapstructure:"connections"`
	// Cache is for how long an answer that lets somebody in counts for the same
	// question. Zero: not at all.
	Cache time.Duration `mapstructure:"cache"`
}

func defaultHTTPUsers() HTTPUsers {
	return HTTPUsers{Timeout: 5 * time.Second, Connections: 16}
}

func (v *validation) checkHTTPUsers() {
	h := v.Auth.HTTP
	switch {
	case h.URL != "":
		v.checkWebURL("auth.http.url", h.URL)
		if target, err := url.Parse(h.URL.Reveal()); err == nil && target.User != nil && h.Token != "" {
			v.add("auth.http.token", "contradicts the name and password in auth.http.url: keep one of them")
		}
	case h.Secret != "" || h.Token != "" || h.CA != "":
		v.add("auth.http.url", "is missing: name the web server to ask, or remove the other keys of auth.http")
	}
	v.checkMemberships("auth.http.groups", h.Groups)
	if h.Timeout <= 0 {
		v.add("auth.http.timeout", "%v is no time to answer in: write it as 5s", h.Timeout)
	}
	v.atLeastOne("auth.http.connections", h.Connections)
	v.notNegative("auth.http.cache", h.Cache, "asking each time")
}
