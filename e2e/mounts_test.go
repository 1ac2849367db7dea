//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mountedSite has a mount that can only be read, and a drop box.
func mountedSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	pub, in := filepath.Join(s.dir, "pub"), filepath.Join(s.dir, "in")
	for _, err := range []error{
		os.Mkdir(pub, 0o755), os.Mkdir(in, 0o755),
		os.WriteFile(filepath.Join(pub, "news"), []byte("news\n"), 0o644),
		suite.identity.own(s.dir),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.set("users.0.mounts", []any{
		map[string]any{"path": "/pub", "dir": pub, "permissions": []any{"list", "read"}},
		map[string]any{"path": "/in", "dir": in, "permissions": []any{"write"}},
	})
	return s
}

func TestMounts(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	s := mountedSite(t)
	s.start()
	c := &curl{t: t, endpoint: s.endpoint(route{epsv, plain, "127.0.0.1"}, t.TempDir())}
	first, second := newSample(t, 1000), newSample(t, 2000)
	back := filepath.Join(c.scratch, "back")
	succeeds := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	fails := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was allowed", what)
		}
	}

	list, err := c.list("")
	if succeeds("list the root", err); !strings.Contains(list, "pub") || !strings.Contains(list, "in") {
		t.Errorf("the root lists\n%s", list)
	}
	succeeds("download from /pub", c.get("/pub/news", back))
	fails("upload to /pub", c.put(first.path, "/pub/file"))
	fails("delete in /pub", c.remove("/pub/news"))
	fails("rename in /pub", c.rename("/pub/news", "/pub/olds"))

	succeeds("upload to /in", c.put(first.path, "/in/file"))
	fails("replace in /in", c.put(second.path, "/in/file"))
	fails("download from /in", c.get("/in/file", back+"2"))
	fails("delete in /in", c.remove("/in/file"))
	if names, _ := c.names("/in"); len(names) > 0 || !strings.Contains(c.trace(), "450 Permission denied") { // which curl takes for an empty list
		t.Errorf("/in lists %v", names)
	}
	first.check(t, "file in the drop box", filepath.Join(s.dir, "in", "file"))
	fails("remove a mount", c.removeDir("/pub"))
}

func TestHomesAreMade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("users.0.home", filepath.Join(s.home, "%u"))
	s.set("users.0.create_home", true)
	s.set("users.0.umask", "027")
	s.start()
	r := dialRaw(t, s.controlAddress())
	r.login()
	conn := r.stor("/file")
	_ = conn.Close()
	r.expect(226)
	info, err := os.Stat(filepath.Join(s.home, userName, "file"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want a file with mode 0640", info, err)
	}
}

func TestQuotaOutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set("quota_file", filepath.Join(s.dir, "quota.db"))
	s.set("users.0.quota", map[string]any{"bytes": "1MiB"})
	p := s.start()
	large, small := newSample(t, 1<<20+1), newSample(t, 700_000)
	c := &curl{t: t, endpoint: s.endpoint(route{epsv, plain, "127.0.0.1"}, t.TempDir())}
	if err := c.put(large.path, "/large"); err == nil || !strings.Contains(c.trace(), "552 ") {
		t.Errorf("an upload beyond the quota: %v\n%s", err, c.trace())
	}
	if err := c.put(small.path, "/small"); err != nil {
		t.Error(err)
	}
	p.finish(t)
	s.start()
	if err := c.put(small.path, "/another"); err == nil {
		t.Error("a second upload does not fit, but was taken")
	}
	small.check(t, "the file that fits", filepath.Join(s.home, "small"))
	if err := c.command("SITE QUOTA"); err != nil || !strings.Contains(c.trace(), "used of 1048576") {
		t.Errorf("SITE QUOTA: %v\n%s", err, c.trace())
	}
}
