package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portico-ftp/portico/server/guard"
)

// banSettings is a configuration whose bans are in a new directory.
func banSettings(t *testing.T) (file, bans string) {
	t.Helper()
	bans = filepath.Join(t.TempDir(), "bans.json")
	return writeFile(t, "portico.yaml", "defence: {ban_file: "+bans+", allow: [192.0.2.0/24]}\n"), bans
}

func TestBanAddListDel(t *testing.T) {
	t.Parallel()
	settings, bans := banSettings(t)
	ban := func(args ...string) outcomeOf {
		return execute(t, "", nil, append([]string{"ban", "--config", settings}, args...)...)
	}

	ban("list").want(t, 0, "")
	ban("add", "203.0.113.7", "2001:db8:0:1::5", "--for", "1h", "--reason", "asked to stop").want(t, 0, "")
	ban("add", "198.51.100.9/24").want(t, 0, "")
	list := ban("list").stdout
	for _, want := range []string{"203.0.113.7/32", "2001:db8:0:1::/64", "198.51.100.0/24", "for good", "asked to stop"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q:\n%s", want, list)
		}
	}
	var content struct{ Bans []guard.Ban }
	if err := json.Unmarshal([]byte(ban("list", "--json").stdout), &content); err != nil || len(content.Bans) != 3 {
		t.Errorf("%v, %v; want three bans", content, err)
	}
	ban("del", "198.51.100.9").want(t, 1, "198.51.100.9 has no ban of its own, but 198.51.100.0/24 has one")
	ban("del", "203.0.113.7", "203.0.113.8").want(t, 1, "203.0.113.8 is not banned")
	ban("del", "203.0.113.7", "2001:db8:0:1::99").want(t, 0, "")
	if list := ban("list").stdout; !strings.Contains(list, "198.51.100.0/24") || strings.Contains(list, "203.0.113") {
		t.Errorf("after del:\n%s", list)
	}
	ban("del").want(t, 1, "or --all")
	ban("del", "--all").want(t, 0, "")
	if list := ban("list"); list.stdout != "nobody is banned\n" {
		t.Errorf("after del --all:\n%s", list.stdout)
	}
	info, err := os.Stat(bans)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file has the mode %v (%v), want 0640", info.Mode(), err)
	}
}

func TestBanRefuses(t *testing.T) {
	t.Parallel()
	settings, bans := banSettings(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"add", "somebody"}, `"somebody" is no network`},
		{[]string{"add", "0.0.0.0/0"}, "0.0.0.0/0 is everybody"},
		{[]string{"add", "::/0"}, "::/0 is everybody"},
		{[]string{"add", "192.0.2.77"}, "which defence.allow says is never banned"},
		{[]string{"add", "fe80::1%eth0"}, "is no network"},
		{[]string{"add", "203.0.113.7", "--for", "-1h"}, "--for is negative"},
		{[]string{"add", "203.0.113.7", "--reason", "two\nlines"}, "--reason holds a line break"},
		{[]string{"del", "203.0.113.7"}, "203.0.113.7 is not banned"},
	} {
		execute(t, "", nil, append([]string{"ban", "--config", settings}, test.args...)...).want(t, 1, test.want)
	}
	execute(t, "", nil, "ban", "list").want(t, 1, "defence.ban_file: is not set")
	if err := os.WriteFile(bans, []byte(`{"bans":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"add", "203.0.113.7"}, {"del", "--all"}} {
		execute(t, "", nil, append([]string{"ban", "--file", bans}, args...)...).want(t, 1, "not a file of bans")
	}
	if text, _ := os.ReadFile(bans); string(text) != `{"bans":[` {
		t.Errorf("the file was changed to %q", text)
	}
}

func TestNftablesSets(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var bans []guard.Ban
	for _, text := range []string{"10.0.0.0/8", "10.1.2.3/32", "203.0.113.7/32", "2001:db8::/48", "2001:db8:0:1::/64"} {
		bans = append(bans, guard.Ban{Network: netip.MustParsePrefix(text), Reason: "} ; flush ruleset"})
	}
	bans[2].Until = now.Add(90 * time.Second)
	const want = `add table inet portico
add set inet portico banned4 { type ipv4_addr; flags interval, timeout; }
flush set inet portico banned4
add element inet portico banned4 {
	10.0.0.0/8,
	203.0.113.7/32 timeout 90s
}
add set inet portico banned6 { type ipv6_addr; flags interval, timeout; }
flush set inet portico banned6
add element inet portico banned6 {
	2001:db8::/48
}
`
	if got := nftablesSets(bans, now); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDefenceFaultsStopTheStart(t *testing.T) {
	t.Parallel()
	broken := writeFile(t, "bans.json", "{")
	list := writeFile(t, "deny", "10.0.0.0/8\nsomebody\n")
	for variable, want := range map[string]string{
		"PORTICO_DEFENCE_BAN_FILE=" + broken:             "defence.ban_file: read the bans",
		"PORTICO_DEFENCE_DENY_FILE=" + list:              `defence: ` + list + `: line 2: "somebody" is no network`,
		"PORTICO_LOG_AUDIT=" + t.TempDir() + "/no/audit": "log.audit: open",
	} {
		ports := freePorts(t, 2)
		args := []string{"--allow-root", t.TempDir(), "--listen", "127.0.0.1:" + ports[0], "--passive-ports", ports[1]}
		execute(t, "", []string{variable}, append([]string{"serve"}, args...)...).want(t, 1, want)
		if o := execute(t, "", []string{variable}, append([]string{"check"}, args...)...); o.code != 1 || !strings.Contains(o.stdout, want) {
			t.Errorf("check says, with code %d:\n%s\nwant %q", o.code, o.stdout, want)
		}
	}
}
