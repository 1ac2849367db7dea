package notify

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// firstBackoff and lastBackoff bound the wait before a delivery is tried
	// again.
	firstBackoff = time.Second
	lastBackoff  = 5 * time.Minute
	// longestRetryAfter bounds what a receiver can ask for: one that errs
	// should not silence the webhook for a year.
	longestRetryAfter = time.Hour
)

// backoff is the wait after so many failures in a row, at least one. It doubles
// with each; the upper half is left to chance, so that the servers of a cluster
// do not come back all at once.
func backoff(failures int) time.Duration {
	longest := lastBackoff
	if shift := min(failures, 30); firstBackoff<<shift < lastBackoff {
		longest = firstBackoff << shift
	}
	return longest/2 + rand.N(longest/2+1)
}

// retryAfter reads the Retry-After header (RFC 9110 §10.2.3): seconds or a
// date. Zero: it is missing or wrong.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), longestRetryAfter)
}
