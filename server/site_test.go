package server_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/server"
)

func TestSiteChangesFiles(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	afero.WriteFile(s.fs, "/two words", []byte("content"), 0o644)
	c := login(t, s.addr)
	mode := func(name string) os.FileMode {
		info, err := s.fs.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}

	c.cmd(200, "SITE CHMOD 600 two words")
	if got := mode("/two words"); got != 0o600 {
		t.Errorf("mode %v after SITE CHMOD 600", got)
	}
	c.cmd(200, "site chmod 0755 /two words")
	if got := mode("/two words"); got != 0o755 {
		t.Errorf("mode %v after SITE CHMOD 0755", got)
	}
	for _, cmd := range []string{"SITE UTIME 20100203040506 two words", "SITE UTIME two words 20090101000000 20100203040506 20090101000000 UTC"} {
		s.fs.Chtimes("/two words", time.Time{}, time.Time{})
		c.cmd(200, "%s", cmd)
		if got := c.cmd(213, "MDTM two words"); got != "213 20100203040506" {
			t.Errorf("MDTM after %s: %q", cmd, got)
		}
	}
	c.cmd(200, "SITE UTIME 201002030405 two words")
	if got := c.cmd(213, "MDTM two words"); got != "213 20100203040500" {
		t.Errorf("MDTM after SITE UTIME without seconds: %q", got)
	}

	if got := c.cmd(257, `SITE MKDIR deep/er/"quoted"`); got != `257 "/deep/er/""quoted""" created.` {
		t.Errorf("SITE MKDIR: %q", got)
	}
	c.cmd(350, "SITE CPFR two words")
	c.cmd(250, "SITE CPTO deep/copy")
	if got, _ := afero.ReadFile(s.fs, "/deep/copy"); string(got) != "content" {
		t.Errorf("the copy is %q", got)
	}
	c.cmd(503, "SITE CPTO deep/copy2") // each needs its CPFR
	c.cmd(350, "SITE CPFR two words")
	c.cmd(200, "SITE WHOAMI")
	c.cmd(503, "SITE CPTO deep/copy2")
	c.cmd(350, "SITE CPFR two words")
	c.cmd(553, "SITE CPTO ./two words")
	c.cmd(350, "SITE CPFR deep")
	c.cmd(550, "SITE CPTO elsewhere") // a directory
	c.cmd(250, "SITE RMDIR deep")
	if _, err := s.fs.Stat("/deep"); !os.IsNotExist(err) {
		t.Errorf("after SITE RMDIR: %v", err)
	}
	c.cmd(550, "SITE RMDIR /")
	c.cmd(550, "SITE RMDIR .")
	if got, _ := afero.ReadFile(s.fs, "/two words"); string(got) != "content" {
		t.Error("SITE RMDIR of the root removes files")
	}
}

func TestSiteUmask(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	c.cmd(200, "SITE UMASK 027")
	if got := c.cmd(200, "SITE UMASK"); got != "200 UMASK is 027." {
		t.Errorf("SITE UMASK: %q", got)
	}
	c.store("file", []byte("content"))
	c.cmd(257, "MKD dir")
	c.cmd(200, "SITE UMASK 077")
	c.store("file", []byte("again")) // an old file keeps its mode
	c.store("private", nil)
	for name, want := range map[string]os.FileMode{"/file": 0o640, "/dir": 0o750, "/private": 0o600} {
		if info, err := s.fs.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v and %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestSiteIdle(t *testing.T) {
	t.Parallel()
	s := startSite(t, func(o *server.Options) { o.Limits.IdleTimeout = time.Minute })
	c := login(t, s.addr)
	if got := c.cmd(200, "SITE IDLE"); !strings.Contains(got, "60 seconds") {
		t.Errorf("SITE IDLE: %q", got)
	}
	c.cmd(501, "SITE IDLE 61")
	c.cmd(200, "SITE IDLE 30")
	c.cmd(220, "REIN")
	c.logIn()
	if got := c.cmd(200, "SITE IDLE"); !strings.Contains(got, "60 seconds") {
		t.Errorf("SITE IDLE after REIN: %q", got)
	}
	c.cmd(200, "SITE IDLE 1")
	c.expect(421)
	c.expectEnd()
}

func TestSiteDescribes(t *testing.T) {
	t.Parallel()
	s := startSite(t, nil)
	c := login(t, s.addr)
	if got := c.cmd(200, "SITE WHOAMI"); got != "200 alice" {
		t.Errorf("SITE WHOAMI: %q", got)
	}
	help := c.cmd(214, "SITE HELP")
	for _, verb := range []string{"CHMOD", "CPFR", "CPTO", "HELP", "IDLE", "MKDIR", "RMDIR", "UMASK", "UTIME", "WHOAMI"} {
		if !strings.Contains(help, "\r\n SITE "+verb) {
			t.Errorf("SITE HELP does not name %s: %q", verb, help)
		}
		if got := c.cmd(214, "HELP SITE %s", strings.ToLower(verb)); !strings.HasPrefix(got, "214 Syntax: SITE "+verb) {
			t.Errorf("HELP SITE %s: %q", verb, got)
		}
	}
}
