package guard

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func (b *bed) edit(change func([]Ban) []Ban) {
	b.t.Helper()
	file := File{Path: b.opts.BanFile}
	err := file.Edit(b.t.Context(), func(bans []Ban) ([]Ban, error) { return change(bans), nil })
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) inFile() []string {
	b.t.Helper()
	bans, err := File{Path: b.opts.BanFile}.Read()
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, ban := range bans {
		all = append(all, ban.Network.String())
	}
	return all
}

func TestBansSurviveRestart(t *testing.T) {
	t.Parallel()
	opts := Options{BanFile: filepath.Join(t.TempDir(), "bans.json")}
	b := newBed(t, opts)
	b.fail(10, "203.0.113.7")
	b.fail(10, "2001:db8::1")
	b.Add(netip.MustParsePrefix("198.51.100.0/24"), time.Time{}, "spam <b>")
	b.Sync()
	b.pass(9 * time.Minute)
	b.open(opts)
	b.wantAdmitted("203.0.113.7", "ban")
	b.wantAdmitted("2001:db8::ff", "ban")
	b.wantAdmitted("198.51.100.99", "ban")
	b.pass(time.Minute + time.Second)
	b.wantAdmitted("203.0.113.7", "")
	b.wantAdmitted("198.51.100.99", "ban")
	b.fail(10, "203.0.113.7")
	b.pass(19 * time.Minute)
	b.wantAdmitted("203.0.113.7", "ban") // the second ban, though the first was of another process
}

func TestOperatorChangesTheFile(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{BanFile: filepath.Join(t.TempDir(), "bans.json")})
	b.edit(func([]Ban) []Ban {
		return []Ban{{Network: netip.MustParsePrefix("203.0.113.0/24"), Since: b.now}}
	})
	b.fail(10, "198.51.100.1") // meanwhile, and not written yet
	b.Sync()
	b.wantAdmitted("203.0.113.9", "ban")
	b.wantAdmitted("198.51.100.1", "ban")
	if got, want := b.inFile(), []string{"198.51.100.1/32", "203.0.113.0/24"}; !slices.Equal(got, want) {
		t.Errorf("the file has %v, want %v", got, want)
	}
	b.fail(10, "198.51.100.2")
	b.edit(func(bans []Ban) []Ban { return bans[1:] }) // lifts 198.51.100.1
	b.Sync()
	b.wantAdmitted("198.51.100.1", "")
	b.wantAdmitted("198.51.100.2", "ban")
	b.fail(9, "198.51.100.1") // what it did is forgotten
	b.wantAdmitted("198.51.100.1", "")
	if got, want := b.inFile(), []string{"198.51.100.2/32", "203.0.113.0/24"}; !slices.Equal(got, want) {
		t.Errorf("the file has %v, want %v", got, want)
	}
	if got := b.kinds(); !slices.Contains(got, "unban 198.51.100.1/32 operator") || !slices.Contains(got, "ban 203.0.113.0/24 ") {
		t.Errorf("told %q, want the operator's ban and unban", got)
	}
}

// Whatever stands in the file, nobody gets in who was banned.
func TestFileThatIsNoFileOfBans(t *testing.T) {
	t.Parallel()
	whole := `{"bans":[{"network":"203.0.113.7/32","since":"2026-01-01T00:00:00Z"}]}`
	for name, text := range map[string]string{
		"empty":           "",
		"half":            whole[:len(whole)/2],
		"without its end": whole[:len(whole)-2],
		"garbage":         "\x00\xff\x00 not at all",
		"two":             whole + whole,
		"other keys":      `{"bans":[],"users":[]}`,
		"no network":      `{"bans":[{"since":"2026-01-01T00:00:00Z"}]}`,
		"bad network":     `{"bans":[{"network":"203.0.113.7/99","since":"2026-01-01T00:00:00Z"}]}`,
		"ends before":     `{"bans":[{"network":"203.0.113.7/32","since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}]}`,
		"huge":            `{"bans":[{"network":"` + strings.Repeat("1", 1<<20) + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := Options{BanFile: filepath.Join(t.TempDir(), "bans.json")}
			b := newBed(t, opts)
			b.fail(10, "203.0.113.1")
			b.Sync()
			if err := os.WriteFile(opts.BanFile, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			b.Sync()
			b.wantAdmitted("203.0.113.1", "ban")
			if got, _ := os.ReadFile(opts.BanFile); string(got) != text {
				t.Error("what somebody may be about to mend was replaced")
			}
			if _, err := New(opts); err == nil {
				t.Error("a start with this file succeeds, and lets everybody in")
			}
			b.fail(10, "203.0.113.2")
			b.Sync()
			if got, want := b.inFile(), []string{"203.0.113.1/32", "203.0.113.2/32"}; !slices.Equal(got, want) {
				t.Errorf("the file has %v, want %v", got, want)
			}
			if got, _ := os.ReadFile(opts.BanFile + ".invalid"); string(got) != text {
				t.Error("what stood there is lost")
			}
		})
	}
}

func TestGarbageIsReplacedAtTheEnd(t *testing.T) {
	t.Parallel()
	opts := Options{BanFile: filepath.Join(t.TempDir(), "bans.json")}
	b := newBed(t, opts)
	b.fail(10, "203.0.113.1")
	b.Sync()
	os.WriteFile(opts.BanFile, []byte("{"), 0o600)
	b.Sync()
	b.close()
	b.open(opts)
	b.wantAdmitted("203.0.113.1", "ban")
}

func TestFileThatIsGoneIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{BanFile: filepath.Join(t.TempDir(), "bans.json")})
	b.fail(10, "203.0.113.1")
	b.Sync()
	if err := os.Remove(b.opts.BanFile); err != nil {
		t.Fatal(err)
	}
	b.Sync()
	b.Sync()
	b.wantAdmitted("203.0.113.1", "ban")
	if got := b.inFile(); len(got) != 1 {
		t.Errorf("the file has %v, want the one ban", got)
	}
}

// The file was written by a clock that was wrong, or is read by one.
func TestTimesInTheFileAreClamped(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const hour = time.Hour
	for name, test := range map[string]struct {
		since, until time.Duration // from now
		left         time.Duration // 0: over
	}{
		"right clock":       {-hour, hour, hour},
		"clock set back":    {1000 * hour, 1001 * hour, hour},
		"clock set forward": {-1000 * hour, -999 * hour, 0},
	} {
		b := Ban{Network: netip.MustParsePrefix("203.0.113.7/32"), Since: now.Round(0).Add(test.since), Until: now.Round(0).Add(test.until)}
		got := b.fromFile(now)
		if left := max(0, got.Until.Sub(now)); left != test.left {
			t.Errorf("%s: %v are left, want %v", name, left, test.left)
		}
	}
}

// The time of day is set while the process runs: memory does not notice, and the
// file is written anew.
func TestFileFollowsTheClock(t *testing.T) {
	t.Parallel()
	b := newBed(t, Options{BanFile: filepath.Join(t.TempDir(), "bans.json")})
	b.fail(10, "203.0.113.1")
	b.Sync()
	before, _ := os.Stat(b.opts.BanFile)
	b.Sync()
	if after, _ := os.Stat(b.opts.BanFile); !os.SameFile(before, after) {
		t.Error("the file is written though nothing has changed")
	}
	b.file.day = b.file.day.Add(-time.Hour)
	b.Sync()
	if after, _ := os.Stat(b.opts.BanFile); os.SameFile(before, after) {
		t.Error("the file still has the times of the clock before")
	}
}

func TestFileOfOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := Options{BanFile: filepath.Join(dir, "missing", "bans.json")}
	b := newBed(t, opts)
	b.fail(10, "203.0.113.1")
	b.Sync() // has nowhere to write
	b.wantAdmitted("203.0.113.1", "ban")
	if err := os.Mkdir(filepath.Dir(opts.BanFile), 0o700); err != nil {
		t.Fatal(err)
	}
	b.Sync()
	if got := b.inFile(); len(got) != 1 {
		t.Errorf("the file has %v, want the one ban", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "missing", ".*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestListFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deny")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# nobody yet\n\n")
	b := newBed(t, Options{Lists: Lists{DenyFile: path}})
	b.wantAdmitted("203.0.113.7", "")
	write("203.0.113.0/24 ; all of it\n2001:db8::1 # one\r\n")
	b.reloadLists()
	b.wantAdmitted("203.0.113.7", "deny")
	b.wantAdmitted("2001:db8::1", "deny")
	b.wantAdmitted("2001:db8::2", "")
	for _, text := range []string{"203.0.113.0/24\n999.1.1.1\n", "\x00\x01", "fe80::1%eth0\n"} {
		write(text)
		b.reloadLists()
		b.wantAdmitted("2001:db8::1", "deny") // the old list stays
	}
	os.Remove(path)
	b.reloadLists()
	b.wantAdmitted("2001:db8::1", "deny")
	write("198.51.100.1\n")
	b.reloadLists()
	b.wantAdmitted("2001:db8::1", "")
	b.wantAdmitted("198.51.100.1", "deny")
	if got := b.kinds(); len(got) != 2 {
		t.Errorf("told %q, want two changes", got)
	}
}

func TestRunWritesAtItsEnd(t *testing.T) {
	t.Parallel()
	opts := Options{BanFile: filepath.Join(t.TempDir(), "bans.json")}
	g, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	g.Add(netip.MustParsePrefix("203.0.113.7/32"), time.Time{}, "")
	cancel()
	<-done
	if bans, err := (File{Path: opts.BanFile}).Read(); err != nil || len(bans) != 1 {
		t.Errorf("the file has %v, %v; want the ban", bans, err)
	}
}
