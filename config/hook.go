package config

import (
	"encoding"
	"fmt"
	"net/url"
	"time"
)

// Hook tells somebody of what clients have done: it starts Command for each
// event, or posts each to URL. Exactly one of the two is set.
type Hook struct {
	// Events are the kinds of event that it is for. At least one.
	Events []string `mapstructure:"events" oneof:"login upload upload_interrupted download download_interrupted delete rename mkdir"`
	// Command is a program with its arguments, which are passed on as they are:
	// there is no shell. The facts are in the program's environment.
	Command []string `mapstructure:"command"`
	// URL is the web server to which events are posted as JSON, http or https.
	URL URL `mapstructure:"url"`
	// Secret is the key of the signatures, which the receiver knows, too.
	Secret Secret `mapstructure:"secret"`
	// SecretFile is a file that holds it, in place of Secret.
	SecretFile Path `mapstructure:"secret_file"`
	// Spool is the directory in which events wait until the receiver has taken
	// them, across restarts. It is made if it is missing, and no other hook or
	// server may use it.
	Spool Path `mapstructure:"spool"`
	// Timeout is how long one run of Command, or one attempt to post, may take.
	Timeout time.Duration `mapstructure:"timeout"`
	// Concurrency is how many runs of Command there may be at one time.
	Concurrency int `mapstructure:"concurrency"`
	// Queue is how many events may wait: for Command in memory, for URL in
	// Spool. Of more, some are dropped.
	Queue int `mapstructure:"queue"`
	// GiveUpAfter is how old an event may become before it is not posted again.
	// Zero: it is tried until the receiver takes it.
	GiveUpAfter time.Duration `mapstructure:"give_up_after"`
}

// DefaultHook returns the values of the keys that a hook leaves out.
func DefaultHook() Hook {
	return Hook{Timeout: 30 * time.Second, Concurrency: 4, Queue: 10_000}
}

// URL is the address of a web server. Its path, query and user are not shown,
// because many services have their secrets there.
type URL string

var (
	_ fmt.Stringer           = URL("")
	_ fmt.GoStringer         = URL("")
	_ encoding.TextMarshaler = URL("")
)

// Reveal returns the whole address.
func (u URL) Reveal() string { return string(u) }

// String returns the address with asterisks for all that may be secret.
func (u URL) String() string {
	parsed, err := url.Parse(string(u))
	switch {
	case u == "":
		return ""
	case err != nil || parsed.Host == "":
		return mask
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" || len(parsed.Path) > 1:
		return parsed.Scheme + "://" + parsed.Host + "/" + mask
	default:
		return string(u)
	}
}

// GoString is String in quotes, for %#v.
func (u URL) GoString() string { return fmt.Sprintf("%q", u.String()) }

// MarshalText returns what String does.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }
