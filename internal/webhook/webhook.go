// Package webhook is what the requests have in common that Portico makes to web
// servers of its operators: how they are signed, and what may not be told of
// where they went.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Sign signs a request with this body: X-Portico-Timestamp is the time in Unix
// seconds, X-Portico-Signature an HMAC of it and the body.
func Sign(header http.Header, secret string, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	header.Set("X-Portico-Timestamp", timestamp)
	header.Set("X-Portico-Signature", signature(secret, timestamp, body))
}

// Verify says whether a request is signed with the secret. An empty secret
// verifies nothing.
func Verify(secret, timestamp string, body []byte, signed string) bool {
	return secret != "" && hmac.Equal([]byte(signed), []byte(signature(secret, timestamp, body)))
}

func signature(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// WithoutURL takes the URL, which may hold a password, out of an error of
// net/http.
func WithoutURL(err error) error {
	if withURL, ok := errors.AsType[*url.Error](err); ok {
		return withURL.Err
	}
	return err
}
