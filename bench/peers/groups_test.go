//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestParseUsage(t *testing.T) {
	t.Parallel()
	got, err := parseUsage("usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n")
	if want := 1234567 * time.Microsecond; err != nil || got != want {
		t.Errorf("usage %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "user_usec 1\n", "usage_usec many\n"} {
		if got, err := parseUsage(bad); err == nil {
			t.Errorf("parseUsage(%q) = %v, want an error", bad, got)
		}
	}
}

func TestParsePSS(t *testing.T) {
	t.Parallel()
	got, err := parsePSS("55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:                3000 kB\nPss:                2048 kB\nPss_Dirty:           100 kB\n")
	if err != nil || got != 2<<20 {
		t.Errorf("%d bytes, %v, want %d", got, err, 2<<20)
	}
	if got, err := parsePSS("Rss:                3000 kB\n"); err == nil {
		t.Errorf("without a Pss line: %d, want an error", got)
	}
}

func TestUnifiedMount(t *testing.T) {
	t.Parallel()
	const version1 = "25 20 0:21 / /sys/fs/cgroup/cpu rw,relatime shared:6 - cgroup cgroup rw,cpu\n"
	for name, c := range map[string]struct{ text, want string }{
		"with an optional field": {version1 + "26 20 0:22 / /sys/fs/cgroup/unified rw,relatime shared:7 - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified"},
		"without one":            {"26 20 0:22 / /sys/fs/cgroup rw - cgroup2 none rw\n", "/sys/fs/cgroup"},
		"version 1 alone":        {version1, ""},
	} {
		path := filepath.Join(t.TempDir(), "mountinfo")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := unifiedMount(path)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}
