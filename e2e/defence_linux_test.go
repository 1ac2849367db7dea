package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The sets, the rule and the commands that fill them, in a real nftables.
func TestBansInNftables(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	dir := t.TempDir()
	bans, sets := filepath.Join(dir, "bans.json"), filepath.Join(dir, "sets.nft")
	ns.run(t, "nft", "-f", deployed(t, "nftables", "portico-bans.nft"))
	apply := func(args ...string) {
		t.Helper()
		ns.run(t, append([]string{suite.binary, "ban"}, append(args, "--file", bans)...)...)
		text := ns.run(t, suite.binary, "ban", "list", "--nftables", "--file", bans)
		if err := os.WriteFile(sets, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ns.run(t, "nft", "-f", sets)
	}
	// Nothing listens on port 21: a client that is let through is refused by
	// the kernel at once, one that is not gets no answer.
	dropped := func(from string) bool {
		err := ns.command([]string{"curl", "-s", "--interface", from, "--connect-timeout", "3", "ftp://127.0.0.1:21/"}).Run()
		exit, ok := err.(*exec.ExitError)
		return ok && exit.ExitCode() == 28
	}

	apply("add", "127.0.0.8/30", "127.0.0.9", "2001:db8::1")
	if !dropped("127.0.0.9") || dropped("127.0.0.1") {
		t.Errorf("127.0.0.9 dropped %v, 127.0.0.1 dropped %v; want the first alone", dropped("127.0.0.9"), dropped("127.0.0.1"))
	}
	if text := ns.run(t, "nft", "list", "set", "inet", "portico", "banned6"); !strings.Contains(text, "2001:db8::/64") {
		t.Errorf("the set lacks the /64:\n%s", text)
	}
	apply("del", "127.0.0.8/30")
	if !dropped("127.0.0.9") {
		t.Error("the narrower ban is gone with the wider one")
	}
	apply("del", "--all")
	if dropped("127.0.0.9") {
		t.Error("127.0.0.9 is still dropped")
	}
}

func deployed(t *testing.T, path ...string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(append([]string{"..", "deploy"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// The filter finds attackers in an audit log, and nothing that they have put
// into it.
func TestFail2banFilter(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("fail2ban-regex"); err != nil {
		t.Skip(err) // not installed for the tests: its package starts a service
	}
	log := filepath.Join(t.TempDir(), "audit.log")
	lines := `{"time":"2026-05-01T10:00:00.000000005Z","event":"login_failed","reason":"unknown_user","session_id":7,"client":"[2001:db8::1]:4000","user":"a"}
{"time":"2026-05-01T10:00:01Z","event":"login_failed","reason":"wrong_password","session_id":8,"client":"203.0.113.7:4000","proxy":"10.0.0.1:5","user":"\",\"client\":\"9.9.9.9:1\""}
{"time":"2026-05-01T10:00:02.5Z","event":"protocol_abuse","reason":"bounce","client":"203.0.113.8:4000","verb":"PORT"}
{"time":"2026-05-01T10:00:02.5Z","event":"login_ok","session_id":8,"client":"203.0.113.9:4000","user":"alice"}
{"time":"2026-05-01T10:00:02.5Z","event":"login_failed","reason":"wrong_password","session_id":9,"proxy":"10.0.0.1:5","user":"\"client\":\"9.9.9.9:1\""}
{"time":"2026-05-01T10:00:03Z","event":"ban","reason":"asked to \"stop\"","network":"2001:db8:1::/64"}
`
	if err := os.WriteFile(log, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	filter := deployed(t, "fail2ban", "portico.conf")
	for mode, want := range map[string]string{
		filter:                 "2001:db8::1 203.0.113.7 203.0.113.8",
		filter + "[mode=bans]": "2001:db8:1::/64",
	} {
		out, err := exec.Command("fail2ban-regex", "-o", "ip", log, mode).CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%s finds %q (%v), want %q", mode, got, err, want)
		}
	}
}
