package notify

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/portico-ftp/portico/server"
)

// WebhookOptions configures a Webhook. NewWebhook copies it.
type WebhookOptions struct {
	// URL is where events are posted: http or https. It may hold a name and
	// password. Of all of it, only the host is ever logged. Required.
	URL string

	// Secret is the key of the signatures, which the receiver must know, too.
	// It is never logged. Required.
	Secret string

	// On are the kinds of event to post. Empty: all.
	On []server.EventKind

	// Spool is the directory in which events wait. It is made, with mode 0700,
	// if it is missing. No other Webhook may use it at the same time, but see
	// Shared. Required.
	Spool string

	// Shared says that a Webhook of another process, in whose place this one
	// comes, still uses the spool. Each posts its own events; what the other one
	// leaves, and what earlier runs have left, is posted after Adopt.
	Shared bool

	// MaxSpooled is how many events may wait. When they are more, the oldest is
	// dropped, counted and logged. Zero or less: 10,000.
	MaxSpooled int

	// Timeout is how long one attempt may take. Zero or less: 10 s.
	Timeout time.Duration

	// GiveUpAfter is how old an event may become before it is not tried again,
	// so that one that a receiver chokes on does not hold up the later ones for
	// ever. It is then dropped, counted and logged. Zero or less: never.
	GiveUpAfter time.Duration

	// Client sends the requests. The Webhook does not close its connections.
	// Nil: one of its own, which follows redirects only where they keep the
	// method, the host and the scheme, and takes proxies from the environment.
	Client *http.Client

	// Logger receives the log. Nil: nothing is logged.
	Logger *zap.Logger
}

const (
	defaultMaxSpooled     = 10_000
	defaultWebhookTimeout = 10 * time.Second
)

func (o WebhookOptions) withDefaults() WebhookOptions {
	if o.MaxSpooled <= 0 {
		o.MaxSpooled = defaultMaxSpooled
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultWebhookTimeout
	}
	if o.Client == nil {
		o.Client = newClient()
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

// validate finds all that is wrong. Its errors do not repeat the URL, which may
// hold a password.
func (o WebhookOptions) validate() error {
	var faults []error
	if o.host() == "" {
		faults = append(faults, errors.New("notify: WebhookOptions.URL is no address of a web server: write it as https://host/path"))
	}
	if o.Secret == "" {
		faults = append(faults, errors.New("notify: WebhookOptions.Secret is empty: set it to a random text that the receiver knows, too"))
	}
	if o.Spool == "" {
		faults = append(faults, errors.New("notify: WebhookOptions.Spool is empty: name a directory in which events wait"))
	}
	_, err := newSelection("WebhookOptions.On", o.On)
	return errors.Join(append(faults, err)...)
}

// host is that of the URL, with its port; empty where the URL is wrong.
func (o WebhookOptions) host() string {
	target, err := url.Parse(o.URL)
	if err != nil || target.Hostname() == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return ""
	}
	return target.Host
}

// newClient is a client of its own, so that its connections can be closed.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			ForceAttemptHTTP2: true,
			IdleConnTimeout:   90 * time.Second,
		},
		CheckRedirect: stayThere,
	}
}

// stayThere refuses redirects that lead elsewhere, and those that make a GET of
// the POST, which would lose the event.
func stayThere(next *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 5 || next.Method != first.Method ||
		next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
