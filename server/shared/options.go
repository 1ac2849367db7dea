package shared

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"
)

// Options configures a State.
type Options struct {
	// URL is where Redis is: "redis://user@host:6379/0", "rediss://..." for TLS,
	// or "unix:///path?db=0". Required.
	URL string
	// Password is asked at each connect, so it may change. Nil: that of the URL.
	Password func() (string, error)
	// TLS is for rediss URLs. Nil: the authorities of the system.
	TLS *tls.Config
	// Prefix begins the name of every key. Servers with the same one share their
	// state. Empty: "portico:".
	Prefix string
	// Lease is how long the sessions of a replica that has died are counted.
	// Zero: 30 s.
	Lease time.Duration
	// Timeout is how long anybody waits for Redis before it is away. Zero:
	// 250 ms.
	Timeout time.Duration
	// Secret is what all servers know and Redis does not, 16 bytes or more. The keys
	// of TLS session tickets are encrypted under it. Empty: they are not shared.
	Secret []byte
	// Guest is for programs that look at the state, or change it, and serve nobody:
	// they are no replica.
	Guest bool
	// Logger receives the log. Nil: nothing is logged.
	Logger *zap.Logger
}

const (
	defaultPrefix  = "portico:"
	defaultLease   = 30 * time.Second
	defaultTimeout = 250 * time.Millisecond
	// leastLease leaves time for a few renewals.
	leastLease = time.Second
)

func (o Options) withDefaults() Options {
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.Lease == 0 {
		o.Lease = defaultLease
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Lease < leastLease:
		return fmt.Errorf("shared: Options.Lease is %v: use %v or more", o.Lease, leastLease)
	case len(o.Secret) > 0 && len(o.Secret) < leastSecret:
		return fmt.Errorf("shared: Options.Secret has %d bytes: use %d or more", len(o.Secret), leastSecret)
	case o.Timeout < time.Millisecond:
		return fmt.Errorf("shared: Options.Timeout is %v: use a millisecond or more", o.Timeout)
	default:
		return nil
	}
}

// connection is what the client of Redis is made with. A request is never sent
// twice: counting again would count twice.
func (o Options) connection() (*redis.Options, error) {
	c, err := redis.ParseURL(o.URL)
	if err != nil { // the URL may hold a password: the error is told without it
		return nil, fmt.Errorf("shared: Options.URL is no address of a Redis: write redis://host:6379/0, rediss://host:6379/0 or unix:///path: %s", withoutURL(err))
	}
	if c.TLSConfig != nil && o.TLS != nil {
		settings := o.TLS.Clone()
		if settings.ServerName == "" {
			settings.ServerName = c.TLSConfig.ServerName
		}
		c.TLSConfig = settings
	}
	if o.Password != nil {
		user := c.Username
		c.CredentialsProviderContext = credentials(user, o.Password)
	}
	c.MaxRetries, c.DialerRetries = -1, 1
	c.DialTimeout, c.PoolTimeout = o.Timeout, o.Timeout
	c.ReadTimeout, c.WriteTimeout, c.ContextTimeoutEnabled = -1, -1, true // each request brings its time
	c.Protocol, c.DisableIdentity = 2, true
	c.PipelinePoolSize = -1
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return c, nil
}

// withoutURL is the cause of an error of net/url, which quotes the whole URL.
func withoutURL(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	text, _, quotes := strings.Cut(err.Error(), ": ")
	if quotes || strings.Contains(text, "://") {
		return strings.TrimPrefix(text, "redis: ")
	}
	return text
}
