package main

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/server"
)

func auditingTo(t *testing.T, file string) *auditLog {
	t.Helper()
	s := &setup{config: config.Default()}
	s.config.Log.Audit = config.Path(file)
	log, err := s.openAuditLog(zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.close() })
	return log
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

func TestAuditLogIsReopened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	log := auditingTo(t, file)
	log.record(server.SecurityEvent{Kind: server.SecurityLoginOK})
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	log.record(server.SecurityEvent{Kind: server.SecurityLoginFailed})
	if err := log.reopen(); err != nil {
		t.Fatal(err)
	}
	log.record(server.SecurityEvent{Kind: server.SecurityBan})
	for name, want := range map[string][]string{file + ".1": {"login_ok", "login_failed"}, file: {"ban"}} {
		text, _ := os.ReadFile(name)
		var got []string
		for line := range bytes.Lines(text) {
			var e server.SecurityEvent
			if err := json.Unmarshal(line, &e); err != nil {
				t.Errorf("%v in %q", err, line)
			}
			got = append(got, e.Kind.String())
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	os.RemoveAll(filepath.Dir(file))
	if err := log.reopen(); err == nil {
		t.Error("reopening in a directory that is gone succeeds")
	}
	log.record(server.SecurityEvent{}) // into the old file, which is better than nowhere
}

func TestAuditLogThatCannotBeWrittenIsToldOnce(t *testing.T) {
	t.Parallel()
	log := auditingTo(t, filepath.Join(t.TempDir(), "audit.log"))
	core, seen := observer.New(zap.InfoLevel)
	log.log = zap.New(core)
	log.file.Close()
	for range 5 {
		log.record(server.SecurityEvent{})
	}
	if got := seen.Len(); got != 1 {
		t.Errorf("%d errors are logged, want 1", got)
	}
}
