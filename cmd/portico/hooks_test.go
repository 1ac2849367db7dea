package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/config"
	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
	"github.com/portico-ftp/portico/server/notify"
)

const hookSecret = "a-secret-of-the-right-length"

// withHooks is a setup for the hooks alone. Each has all that a hook of its kind
// needs.
func withHooks(t *testing.T, list ...config.Hook) *setup {
	t.Helper()
	s := &setup{config: config.Default()}
	for _, h := range list {
		byDefault := config.DefaultHook()
		h.Timeout, h.Concurrency, h.Queue = byDefault.Timeout, byDefault.Concurrency, byDefault.Queue
		if h.Events == nil {
			h.Events = []string{"upload"}
		}
		if h.URL != "" && h.Spool == "" {
			h.Spool = config.Path(filepath.Join(t.TempDir(), "spool"))
		}
		if h.URL != "" && h.SecretFile == "" && h.Secret == "" {
			h.Secret = hookSecret
		}
		s.config.Hooks = append(s.config.Hooks, h)
	}
	return s
}

// TestHooksKnowEveryEvent holds the words of the configuration against the
// server's.
func TestHooksKnowEveryEvent(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[config.Hook]().FieldByName("Events")
	words := strings.Fields(field.Tag.Get("oneof"))
	kinds, err := hookEvents(words)
	if err != nil {
		t.Error(err)
	}
	for i, kind := range kinds {
		if kind != server.EventKind(i) {
			t.Errorf("word number %d is %v", i, kind)
		}
	}
	if next := server.EventKind(len(words)); !strings.HasPrefix(next.String(), "unknown") {
		t.Errorf("%v is no word of the configuration", next)
	}
}

func TestHooksHearTheirEvents(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the command needs a shell")
	}
	received := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		header := r.Header.Get
		if err != nil || !notify.Verify(hookSecret, header("X-Portico-Timestamp"), body, header("X-Portico-Signature")) {
			t.Errorf("a request is not signed: %v", err)
		}
		received <- header("X-Portico-Event")
	}))
	defer receiver.Close()
	out := filepath.Join(t.TempDir(), "out")
	secretFile := writeFile(t, "secret", hookSecret+"\r\n")
	s := withHooks(t,
		config.Hook{Command: []string{"sh", "-c", `printf '%s %s\n' "$PORTICO_EVENT" "$1" >>"$0"`, out, "an argument"}, Events: []string{"login", "delete"}},
		config.Hook{URL: config.URL(receiver.URL), SecretFile: config.Path(secretFile), Events: []string{"upload", "delete"}})
	if err := s.checkHooks(); err != nil {
		t.Error(err)
	}
	var h hooks
	if _, err := h.replace(s, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []server.EventKind{server.EventUpload, server.EventLogin, server.EventDownload} {
		h.notify(server.Event{Kind: kind, Time: time.Now()})
	}
	h.close(t.Context(), startTimeout, zap.NewNop()) // runs and posts what waits
	h.close(t.Context(), 0, zap.NewNop())
	if got := readFile(t, out); got != "login an argument\n" {
		t.Errorf("the command was run for %q", got)
	}
	if len(received) != 1 || <-received != "upload" {
		t.Errorf("%d more were posted", len(received))
	}
}

func TestHooksCloseInTime(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the command needs a shell")
	}
	hang := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer receiver.Close()
	defer close(hang)
	s := withHooks(t, config.Hook{Command: []string{"sleep", "600"}}, config.Hook{URL: config.URL(receiver.URL)})
	core, logs := observer.New(zap.InfoLevel)
	log := zap.New(core)
	var h hooks
	if _, err := h.replace(s, log); err != nil {
		t.Fatal(err)
	}
	h.notify(server.Event{Kind: server.EventUpload})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.close(ctx, time.Hour, log) // the test would not end if they did not
	if n := logs.FilterMessage("a hook did not end in time").Len(); n != 2 {
		t.Errorf("%d hooks did not end in time, want both: %v", n, logs.All())
	}
	kept := logs.FilterMessage("events stay in the spool for the next start").All()
	if len(kept) != 1 || kept[0].ContextMap()["waiting"] != int64(1) {
		t.Errorf("the log does not say that one event is kept: %v", logs.All())
	}
}

func TestCheckOfHooks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no mode there")
	}
	home, parent := t.TempDir(), t.TempDir()
	program, plain := filepath.Join(home, "program"), filepath.Join(parent, "plain")
	file := writeFile(t, "file", "")
	link, relativeHome := filepath.Join(parent, "link"), t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, relativeHome)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700), os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o600), os.Symlink(home, link),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	post := config.Hook{URL: "https://user:hidden@host/"}
	tests := map[string]struct {
		hook   config.Hook
		change func(*config.Hook)
		want   string // "": no fault
	}{
		"a program in PATH":           {hook: config.Hook{Command: []string{"true"}}},
		"no such program":             {hook: config.Hook{Command: []string{"/nowhere/run"}}, want: "hooks[0].command: exec: \"/nowhere/run\": stat /nowhere/run: no such file"},
		"a command line as one word":  {hook: config.Hook{Command: []string{"true --verbose"}}, want: "as [program, argument, ...]"},
		"a file without the x bit":    {hook: config.Hook{Command: []string{plain}}, want: "hooks[0].command: exec: \"" + plain + "\": permission denied"},
		"a directory":                 {hook: config.Hook{Command: []string{parent}}, want: "hooks[0].command: exec: "},
		"a program that users change": {hook: config.Hook{Command: []string{program}}, want: "lies where the user alice may write"},
		"the same by a link":          {hook: config.Hook{Command: []string{filepath.Join(link, "program")}}, want: "lies where the user alice may write"},
		"a webhook":                   {hook: post},
		"a spool to be made":          {hook: post, change: func(h *config.Hook) { h.Spool = config.Path(filepath.Join(parent, "deep", "spool")) }},
		"a spool that is a file":      {hook: post, change: func(h *config.Hook) { h.Spool = config.Path(file) }, want: "hooks[0].spool: nothing can be made in " + file + ": not a directory"},
		"a spool that users see":      {hook: post, change: func(h *config.Hook) { h.Spool = config.Path(filepath.Join(home, "spool")) }, want: "hooks[0].spool: " + filepath.Join(home, "spool") + " lies in a home or mount of the user alice"},
		"a home by a relative path":   {hook: post, change: func(h *config.Hook) { h.Spool = config.Path(filepath.Join(relativeHome, "spool")) }, want: "of the user carol"},
		"a spool in a mount":          {hook: post, change: func(h *config.Hook) { h.Spool = "/srv/in/bob/spool" }, want: "of the user bob"},
		"a spool beside a mount":      {hook: post, change: func(h *config.Hook) { h.Spool = config.Path(parent + "/in") }},
		"a short secret":              {hook: post, change: func(h *config.Hook) { h.Secret = "hidden" }, want: "hooks[0].secret: has 6 characters, which can be guessed"},
		"a file with a short secret":  {hook: post, change: func(h *config.Hook) { h.Secret, h.SecretFile = "", config.Path(file) }, want: "hooks[0].secret_file: has 0 characters"},
		"no such file":                {hook: post, change: func(h *config.Hook) { h.Secret, h.SecretFile = "", "/nowhere" }, want: "hooks[0].secret_file: open /nowhere"},
		"what config reports":         {hook: config.Hook{Command: []string{""}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withHooks(t, test.hook)
			if test.change != nil {
				test.change(&s.config.Hooks[0])
			}
			s.users = []driver.User{
				{Name: "reader", Home: "/usr", Permissions: driver.ReadOnly},
				{Name: "carol", Home: relative, Permissions: driver.AllPermissions},
				{Name: "alice", Home: home, Permissions: driver.AllPermissions},
			}
			s.hosts = []hostSetup{{users: []driver.User{{
				Name: "bob", Home: t.TempDir(), Permissions: driver.ReadOnly,
				Mounts: []driver.UserMount{{Path: "/in", Storage: driver.Storage{Dir: "/srv/in/%u"}, Permissions: driver.CanRead}},
			}}}}
			err := s.checkHooks()
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("the fault tells a secret: %v", err)
			}
		})
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) != 2 {
		t.Errorf("the checks have left %v, %v", left, err)
	}
}

func TestCheckAndServeLookAtHooks(t *testing.T) {
	t.Parallel()
	spool := filepath.Join(t.TempDir(), "spool")
	file := writeFile(t, "portico.yaml", `
hooks:
  - {events: [upload, delete], command: [/nowhere/run]}
  - {events: [login], url: "https://hook.example/?key=hidden", secret: `+hookSecret+`, spool: `+spool+`}
`)
	arguments := []string{"--allow-root", "--config", file, "--passive-ports", freePorts(t, 1)[0], t.TempDir()}
	o := execute(t, "", nil, append([]string{"check"}, arguments...)...)
	o.want(t, 1, "FAIL  hooks[0]: "+file+": hooks[0].command: ", "ok    hooks[1]: login: the spool can be written")
	refused := execute(t, "", nil, append([]string{"serve"}, arguments...)...)
	refused.want(t, 1, file+": hooks[0].command: ")
	shown := execute(t, "", nil, "config", "show", "--config", file)
	shown.want(t, 0, "url: https://hook.example/****", "secret: '****")
	for _, said := range []string{o.stdout, refused.stderr, shown.stdout} {
		if strings.Contains(said, "hidden") || strings.Contains(said, hookSecret) {
			t.Errorf("a secret is told:\n%s", said)
		}
	}
	if _, err := os.Stat(spool); !os.IsNotExist(err) {
		t.Errorf("the spool was made although nothing was served: %v", err)
	}
}
