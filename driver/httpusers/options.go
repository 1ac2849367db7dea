package httpusers

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Options configures a Source. New copies it.
type Options struct {
	// URL is what is asked: http or https. Of all of it, errors name the host
	// alone. Required.
	URL string
	// Secret is the key of the signatures, which the server knows, too. Empty:
	// questions are not signed.
	Secret string
	// Token is a bearer token (RFC 6750). Empty: there is none.
	Token string
	// TLS is how the server is verified. Nil: by the system's authorities.
	TLS *tls.Config
	// Timeout is how long an answer may take, and the wait for a free connection
	// with it. Zero or less: 5 s.
	Timeout time.Duration
	// Connections is the largest number of questions at one time. Zero or less:
	// 16.
	Connections int
	// Remember is for how long an answer that lets somebody in counts for the
	// same question: the same name, password, address of the client, and so on.
	// Refusals are not remembered. Zero or less: not at all.
	Remember time.Duration
	// Groups are groups of every user, after his own.
	Groups []string
}

const (
	defaultTimeout     = 5 * time.Second
	defaultConnections = 16
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	return o
}

// target takes the URL apart. The error does not repeat it.
func (o Options) target() (*url.URL, error) {
	target, err := url.Parse(o.URL)
	if err != nil || target.Hostname() == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, errors.New("httpusers: Options.URL is no address of a web server: write it as https://host/path")
	}
	if target.User != nil && o.Token != "" {
		return nil, errors.New("httpusers: Options.URL holds a name and password, and Options.Token is set: keep one of them")
	}
	return target, nil
}

// isLocal says whether a host is this machine.
func isLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// newClient is a client of its own, so that its connections can be closed.
func (o Options) newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        o.TLS.Clone(),
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    o.Connections,
			IdleConnTimeout:        90 * time.Second,
			DisableCompression:     true, // so that what is read is what was sent
			MaxResponseHeaderBytes: longestAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
