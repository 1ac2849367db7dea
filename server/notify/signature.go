package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Verify says whether a request comes from a Webhook that has the same secret:
// timestamp and signature are the headers X-Portico-Timestamp and
// X-Portico-Signature, body is the request's, byte for byte. A receiver that
// must not take a recorded request for a new one also compares the timestamp
// (Unix seconds) with its own clock, and keeps the ids of what it has seen. An
// empty secret verifies nothing.
func Verify(secret, timestamp string, body []byte, signature string) bool {
	return secret != "" && hmac.Equal([]byte(signature), []byte(sign(secret, timestamp, body)))
}

func sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write([]byte("."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
