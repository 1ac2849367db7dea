package httpusers

import (
	"crypto/tls"
	"net/netip"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/internal/webhook"
)

// Question is what the server is asked: whether this attempt opens an account.
type Question struct {
	// User and Password are what the client has sent.
	User     string `json:"user"`
	Password string `json:"password"`
	// Method is "password"; or "certificate" for whether a client certificate
	// opens the account without a password. Answer that with the account, whose
	// Certificate is then compared with TLS.
	Method string `json:"method"`
	// Client and Local are the two ends of the control connection,
	// "192.0.2.7:50000".
	Client netip.AddrPort `json:"client"`
	Local  netip.AddrPort `json:"local"`
	// TLS is about the control connection. Null: it is in clear.
	TLS *TLS `json:"tls"`
}

// TLS is what is known of an encrypted control connection.
type TLS struct {
	// Version is such as "TLS 1.3".
	Version string `json:"version"`
	// ServerName is the host that the client has asked for (SNI), empty if for
	// none.
	ServerName string `json:"server_name"`
	// Subject is that of the client certificate, "CN=alice,O=Example". Empty: the
	// client has shown none that could be verified.
	Subject string `json:"subject"`
}

func newQuestion(attempt driver.Attempt) Question {
	q := Question{User: attempt.User, Password: attempt.Password, Method: "password", Client: attempt.Client, Local: attempt.Local}
	if attempt.ByCertificate {
		q.Method, q.Password = "certificate", ""
	}
	if state := attempt.TLS; state != nil {
		q.TLS = &TLS{Version: tls.VersionName(state.Version), ServerName: state.ServerName}
		if len(state.VerifiedChains) > 0 {
			q.TLS.Subject = state.VerifiedChains[0][0].Subject.String()
		}
	}
	return q
}

// withoutPort is the question without what differs each time that it is put.
func (q Question) withoutPort() Question {
	q.Client = netip.AddrPortFrom(q.Client.Addr(), 0)
	return q
}

// Verify says whether a question comes from a Source that has the same secret:
// timestamp and signature are the headers X-Portico-Timestamp and
// X-Portico-Signature, body is the request's, byte for byte. A server that must
// not take a recorded question for a new one also compares the timestamp (Unix
// seconds) with its own clock. An empty secret verifies nothing.
func Verify(secret, timestamp string, body []byte, signature string) bool {
	return webhook.Verify(secret, timestamp, body, signature)
}
