package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/cmd/portico/confine"
	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
)

// confined is an applyFunc of a kernel that can do all that is asked for.
func confined(mode confine.Mode, needs confine.Needs) (confine.State, error) {
	state, err := confine.Probe(mode, needs)
	state.Files = true
	return state, err
}

func TestSandboxFaultsNameTheKey(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default(), allow: driver.AllPermissions}
	refuse := func(confine.Mode, confine.Needs) (confine.State, error) {
		return confine.State{}, errors.New("this kernel is too old")
	}
	if _, err := s.enterSandbox(refuse); err == nil || !strings.Contains(err.Error(), "sandbox: this kernel is too old") {
		t.Errorf("got %v", err)
	}
	s.config.Sandbox = "on"
	if _, err := s.enterSandbox(confined); err == nil || !strings.Contains(err.Error(), "sandbox: ") {
		t.Errorf("got %v", err)
	}
}

func TestHomesThatNobodyKnowsAreToldOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   string // settings
	}{
		"lists":      {func(*config.Config) {}, ""},
		"a database": {func(c *config.Config) { c.Auth.SQL.DSN = "x" }, "auth.sql"},
		"a directory server": {func(c *config.Config) {
			c.Auth.LDAP.Servers, c.Auth.LDAP.Attributes.Home = []string{"ldap://x"}, "home"
		}, "auth.ldap"},
		"a web server":      {func(c *config.Config) { c.Auth.HTTP.URL = "https://x" }, "auth.http"},
		"one without homes": {func(c *config.Config) { c.Auth.LDAP.Servers = []string{"ldap://x"}; c.Auth.LDAP.Attributes.Home = "" }, ""},
		"homes that are listed": {func(c *config.Config) {
			c.Auth.SQL.DSN, c.SandboxAllow.Write = "x", []config.Path{"/srv"}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &setup{config: config.Default()}
			test.change(s.config)
			core, logs := observer.New(zap.WarnLevel)
			s.logStrangers(zap.New(core), confine.State{Files: true})
			s.logStrangers(zap.New(core), confine.State{}) // not confined
			var got []string
			for _, entry := range logs.All() {
				got = append(got, entry.ContextMap()["setting"].(string))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestUsersOutsideAreNamed(t *testing.T) {
	t.Parallel()
	state, err := confine.Probe(confine.Auto, confine.Needs{})
	if err != nil {
		t.Fatal(err)
	}
	if !state.Files {
		t.Skip(state)
	}
	root := t.TempDir()
	inside, beside := filepath.Join(root, "inside"), filepath.Join(root, "beside")
	if err := errors.Join(os.Mkdir(inside, 0o755), os.Mkdir(beside, 0o755)); err != nil {
		t.Fatal(err)
	}
	s := &setup{config: config.Default(), allow: driver.AllPermissions, users: []driver.User{{Name: "first", Home: inside}}}
	later := []driver.User{{Name: "first", Home: inside}, {Name: "later", Home: beside}}
	if err := s.outside(later); err != nil {
		t.Errorf("before it is confined: %v", err)
	}
	if _, err := s.enterSandbox(confine.Probe); err != nil {
		t.Fatal(err)
	}
	if err := s.outside(later); err == nil || !strings.Contains(err.Error(), "user later: ") || strings.Contains(err.Error(), "user first") {
		t.Errorf("got %v", err)
	}
	if err := s.outside(s.users); err != nil {
		t.Error(err)
	}
}

func TestFilesThatCannotBeFollowedAreToldOf(t *testing.T) {
	t.Parallel()
	s := &setup{config: config.Default(), file: "/etc/portico.yaml"}
	s.config.TLS.Certificate, s.config.TLS.Key = "/etc/portico/cert.pem", "/key.pem"
	if got := strings.Join(s.unfollowed(), " "); got != "/etc/portico.yaml /key.pem" {
		t.Errorf("got %q", got)
	}
	if s.config.Sandbox = "off"; s.unfollowed() != nil {
		t.Error("off follows everything")
	}
}
