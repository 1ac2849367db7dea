package notify

import "github.com/portico-ftp/portico/internal/webhook"

// Verify says whether a request comes from a Webhook that has the same secret:
// timestamp and signature are the headers X-Portico-Timestamp and
// X-Portico-Signature, body is the request's, byte for byte. A receiver that
// must not take a recorded request for a new one also compares the timestamp
// (Unix seconds) with its own clock, and keeps the ids of what it has seen. An
// empty secret verifies nothing.
func Verify(secret, timestamp string, body []byte, signature string) bool {
	return webhook.Verify(secret, timestamp, body, signature)
}
