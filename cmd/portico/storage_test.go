package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

func TestUserMounts(t *testing.T) {
	t.Parallel()
	dir, mask := t.TempDir(), fs.FileMode(0o27)
	s := &setup{config: config.Default()}
	got, err := s.userMounts("m", "alice", []config.Mount{
		{Path: "/pub", Dir: config.Path(dir), Place: config.Place{Permissions: []string{"read"}, Symlinks: "never", KeepPartials: time.Hour}},
		{Path: "/own", Dir: config.Path(dir + "/%u"), Create: true, Place: config.Place{Storage: "overlay", Base: config.Path(dir), Uploads: "direct", Durable: true, Umask: "027"}},
		{Path: "/scratch", Place: config.Place{Storage: "memory"}},
	})
	want := []driver.UserMount{
		{
			Path: "/pub", Permissions: driver.CanRead, Uploads: driver.UploadOptions{KeepPartials: time.Hour},
			Storage: driver.Storage{Dir: dir, Local: driver.LocalOptions{Links: driver.LinksNever}},
		},
		{
			Path: "/own", Permissions: driver.AllPermissions, Uploads: driver.UploadOptions{Mode: driver.UploadDirect, Durable: true, KeepPartials: -1},
			Storage: driver.Storage{Kind: driver.StorageOverlay, Dir: dir + "/%u", Base: dir, Create: true, Local: driver.LocalOptions{Umask: &mask}},
		},
		{Path: "/scratch", Permissions: driver.AllPermissions, Uploads: driver.UploadOptions{KeepPartials: -1}, Storage: driver.Storage{Kind: driver.StorageMemory}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestUserMountsReportEachFault(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default()}
	_, err := s.userMounts("users[0].mounts", "al/ice", []config.Mount{
		{Path: "/a", Dir: "/srv/%u"},
		{Path: "/b", Dir: "nowhere", Place: config.Place{Storage: "overlay", Base: "nowhere%x"}},
	})
	for _, want := range []string{
		`users[0].mounts[0].dir: directory "/srv/%u": the name "al/ice" is no file name`,
		"users[0].mounts[1].dir: there is no directory nowhere",
		`users[0].mounts[1].base: directory "nowhere%x": after % comes u`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

func TestLinksThatLeadAnywhereAreWarnedAbout(t *testing.T) {
	t.Parallel()
	unsafe := config.Place{Symlinks: "anywhere"}
	s := &setup{config: config.Default()}
	account := config.Account{Place: unsafe}
	s.config.Users = []config.User{{}, {Account: account}, {Account: config.Account{Mounts: []config.Mount{{}, {Place: unsafe}}}}}
	s.config.Groups = []config.Group{{Account: account}}
	s.config.Hosts = []config.Host{{Users: []config.User{{Account: account}}}}
	want := []string{"users[1].symlinks", "users[2].mounts[1].symlinks", "groups[0].symlinks", "hosts[0].users[0].symlinks"}
	core, logged := observer.New(zap.WarnLevel)
	s.logUnsafeLinks(zap.New(core))
	var settings []string
	for _, entry := range logged.All() {
		settings = append(settings, entry.ContextMap()["setting"].(string))
	}
	if !slices.Equal(settings, want) {
		t.Errorf("the log warns about %v, want %v", settings, want)
	}
	r := &report{}
	r.addUnsafeLinks(s.unsafeLinks())
	if len(r.Checks) != len(want) || !r.OK() || r.Checks[0].verdict() != "warn" {
		t.Errorf("the report is %+v, want four warnings", r.Checks)
	}
}

// quotaSetup has a user with a quota, whose home holds an interrupted upload of
// 10 bytes beside a file of 5.
func quotaSetup(t *testing.T) (s *setup, partial string) {
	t.Helper()
	home := t.TempDir()
	partial = filepath.Join(home, ".portico-upload-0123456789abcdef0123456789abcdef.part")
	for name, content := range map[string]string{partial: "0123456789", filepath.Join(home, "file"): "12345"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = &setup{config: config.Default()}
	s.config.QuotaFile = config.Path(filepath.Join(t.TempDir(), "quota.db"))
	s.config.Users = []config.User{{
		Name: "alice", Password: config.Secret(hashOf(t, "secret")),
		Account: config.Account{Home: config.Path(home), Place: config.DefaultPlace(), Quota: config.Quota{Bytes: 100, Files: 10}},
	}}
	var err error
	if s.users, err = s.driverUsers("users", s.config.Users); err != nil {
		t.Fatal(err)
	}
	return s, partial
}

func TestUpkeepSweepsAndQuotasLearnOfIt(t *testing.T) {
	t.Parallel()
	s, partial := quotaSetup(t)
	a, err := s.openAccounts(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	users, err := a.add("", s.usersOptions(), s.users)
	if err != nil {
		t.Fatal(err)
	}
	account, err := users.Authenticate(t.Context(), driver.Attempt{User: "alice", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	wantUsed := func(bytes, files int64) {
		t.Helper()
		got, err := driver.QuotaOf(account.FS, "/")
		if err != nil || got != (driver.Quota{Bytes: bytes, Files: files, MaxBytes: 100, MaxFiles: 10}) {
			t.Errorf("the quota is %+v, %v, want %d bytes and %d files used", got, err, bytes, files)
		}
	}
	wantUsed(15, 2)
	log := zaptest.NewLogger(t)
	a.sweep(t.Context(), time.Now(), log)
	wantUsed(15, 2) // it is not old yet

	longAgo := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(partial, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	upkeep := startUpkeep(t.Context(), func() *accounts { return a }, flushInterval, log)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(partial); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the interrupted upload was not swept at the start")
		}
		time.Sleep(time.Millisecond)
	}
	upkeep.stop()
	wantUsed(5, 1)
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestQuotaRecount(t *testing.T) {
	t.Parallel()
	s, _ := quotaSetup(t)
	text, err := s.config.YAML()
	if err != nil {
		t.Fatal(err)
	}
	hash := s.config.Users[0].Password
	file := writeFile(t, "portico.yaml", strings.Replace(string(text), hash.String(), hash.Reveal(), 1))
	execute(t, "", nil, "quota", "recount", "--allow-root", "--config", file).want(t, 0, "alice: 15 bytes, 2 files")
	if err := os.WriteFile(filepath.Join(string(s.config.Users[0].Home), "more"), []byte("more"), 0o600); err != nil {
		t.Fatal(err)
	}
	execute(t, "", nil, "quota", "recount", "alice", "--allow-root", "--config", file).want(t, 0, "alice: 19 bytes, 3 files")
	execute(t, "", nil, "quota", "recount", "bob", "--allow-root", "--config", file).want(t, 1, `there is no user "bob" with a quota`)
	execute(t, "", nil, "quota", "recount", "--allow-root").want(t, 1, "quota_file: is not set")
	execute(t, "", nil, "quota").want(t, 0, "recount")
}

func TestServeFillsPercentSignsOfItsDirectoryInLiterally(t *testing.T) {
	t.Parallel()
	f := &serveFlags{directory: "/srv/100%u"}
	if got, err := driver.ExpandDir(f.homeTemplate(), "alice"); err != nil || got != "/srv/100%u" {
		t.Errorf("got %q, %v", got, err)
	}
}
