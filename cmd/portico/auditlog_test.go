package main

import (
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

func auditingTo(t *testing.T, file string) *auditLog {
	t.Helper()
	return openTestLogs(t, io.Discard, func(c *config.Log) { c.Audit = config.Path(file) }).audit
}

// The names of the fields are what others rely on.
func TestAuditLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	auditingTo(t, file).record(server.SecurityEvent{
		Time: time.Date(2026, 5, 1, 12, 0, 0, 5, time.FixedZone("", 7200)), Kind: server.SecurityLoginFailed, Reason: "unknown_user", SessionID: 7,
		Client: netip.MustParseAddrPort("[2001:db8::1]:4000"), Proxy: netip.MustParseAddrPort("10.0.0.1:5"), Listener: netip.MustParseAddrPort("192.0.2.1:21"),
		User: "a\"<b>\r\nc\xff", Method: "password", TLS: "1.3", Verb: "PASS", Detail: "d", Suppressed: 3,
		Network: netip.MustParsePrefix("2001:db8::/64"), Until: time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC),
	})
	const want = `{"time":"2026-05-01T10:00:00.000000005Z","event":"login_failed","reason":"unknown_user","session_id":7,"client":"[2001:db8::1]:4000",` +
		`"proxy":"10.0.0.1:5","listener":"192.0.2.1:21","user":"a\"<b>\r\nc\ufffd","method":"password","tls":"1.3","verb":"PASS","detail":"d","suppressed":3,` +
		`"network":"2001:db8::/64","until":"2026-05-01T11:00:00Z"}` + "\n"
	if got, _ := os.ReadFile(file); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
