package main

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// reloading is a service whose configuration a test changes.
type reloading struct {
	*service
	program *program
	flags   *serveFlags
	logged  *observer.ObservedLogs
	control string // port
	text    string // of the configuration, without listeners and ports
}

// startReloading serves text, to which it adds a listener and two passive ports.
func startReloading(t *testing.T, text string) *reloading {
	t.Helper()
	for range 5 {
		ports := freePorts(t, 3)
		r := &reloading{program: &program{environ: nil}, control: ports[0]}
		r.text = text + "\nlisteners: [{address: \"127.0.0.1:" + ports[0] + "\"}]\npassive: {ports: \"" + ports[1] + "," + ports[2] + "\"}\n"
		r.flags = &serveFlags{file: writeFile(t, "portico.yaml", r.text), allowRoot: true}
		s, err := r.program.prepare(t.Context(), r.flags, nil)
		if err != nil {
			t.Fatal(err)
		}
		logs, err := s.openLogs(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(logs.close)
		core, logged := observer.New(zapcore.InfoLevel)
		logs.ordinary, r.logged = zap.New(core), logged
		if r.service, err = s.bind(logs); err != nil {
			continue // a port was taken meanwhile
		}
		ended := make(chan error, 1)
		go r.listenAndServe(ended)
		t.Cleanup(func() {
			r.close()
			<-ended
		})
		return r
	}
	t.Fatal("every port was taken")
	return nil
}

// change replaces a part of the configuration and reloads.
func (r *reloading) change(t *testing.T, old, changed string) error {
	t.Helper()
	if !strings.Contains(r.text, old) {
		t.Fatalf("the configuration has no %q", old)
	}
	text := strings.Replace(r.text, old, changed, 1)
	replaceFile(t, r.flags.file, text)
	err := r.reload(t.Context(), r.program, r.flags)
	if err == nil {
		r.text = text
	}
	return err
}

func (r *reloading) mustChange(t *testing.T, old, changed string) {
	t.Helper()
	if err := r.change(t, old, changed); err != nil {
		t.Fatal(err)
	}
}

func dialControl(t *testing.T, port string) (*control, string) {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(startTimeout))
	c := &control{Conn: textproto.NewConn(conn)}
	_, greeting, err := c.ReadResponse(220)
	if err != nil {
		t.Fatal(err)
	}
	return c, greeting
}

func loginAt(t *testing.T, port string) *control {
	t.Helper()
	c, _ := dialControl(t, port)
	c.wantReply(t, "USER alice", 331)
	c.wantReply(t, "PASS secret", 230)
	return c
}

func TestReloadPutsTheConfigurationIntoForce(t *testing.T) {
	t.Parallel()
	commands := filepath.Join(t.TempDir(), "commands.log")
	r := startReloading(t, `
banner: before
log: {commands: `+commands+`}
users: [{name: alice, password: "`+hashOf(t, "secret")+`", storage: memory}]
`)
	old := loginAt(t, r.control)
	old.wantReply(t, "MKD /kept", 257)

	another := filepath.Join(t.TempDir(), "other.log")
	r.mustChange(t, "banner: before\nlog: {commands: "+commands+"}", "banner: after\nlog: {commands: "+another+", level: error}")
	if _, greeting := dialControl(t, r.control); !strings.Contains(greeting, "after") {
		t.Errorf("greeting %q, want the new one", greeting)
	}
	old.wantReply(t, "NOOP", 200)
	fresh := loginAt(t, r.control)
	fresh.wantReply(t, "CWD /kept", 250) // what is in memory has stayed
	fresh.wantReply(t, "NOOP", 200)      // a command is logged before the next
	if text, err := os.ReadFile(another); err != nil || !strings.Contains(string(text), "CWD") {
		t.Errorf("the new command log: %q, %v", text, err)
	}
	if r.logs.level.Level() != zapcore.ErrorLevel {
		t.Errorf("the level is %v, want error", r.logs.level)
	}

	ports := freePorts(t, 2)
	was := r.control
	r.mustChange(t, was, ports[0])
	fresh.wantReply(t, "NOOP", 200)
	loginAt(t, ports[0])
	if conn, err := net.Dial("tcp", "127.0.0.1:"+was); err == nil {
		conn.Close()
		t.Error("the old listener takes connections")
	}
	r.mustChange(t, r.now().setup.config.Passive.Ports.String(), ports[1])
	if reply := epsv(t, fresh); !strings.Contains(reply, "|||"+ports[1]+"|") {
		t.Errorf("EPSV of a session that had begun: %q, want the port %s", reply, ports[1])
	}
	r.mustChange(t, `passive: {ports: "`+ports[1]+`"}`, `passive: {ports: ""}`)
	loginAt(t, ports[0]).wantReply(t, "EPSV", 502)
	epsv(t, fresh) // goes on with what it began with
	r.mustChange(t, `passive: {ports: ""}`, `passive: {ports: "`+freePorts(t, 1)[0]+`"}`)
	epsv(t, loginAt(t, ports[0]))
}

func epsv(t *testing.T, c *control) string {
	t.Helper()
	if err := c.PrintfLine("EPSV"); err != nil {
		t.Fatal(err)
	}
	_, reply, err := c.ReadResponse(229)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestReloadGivesLogsOtherFiles(t *testing.T) {
	t.Parallel()
	first, second, third := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second"), filepath.Join(t.TempDir(), "third")
	r := startReloading(t, `
banner: before
log: {audit: `+first+`}
users: [{name: alice, password: "`+hashOf(t, "secret")+`", storage: memory}]
`)
	loginAt(t, r.control)
	if err := os.Rename(first, first+".1"); err != nil {
		t.Fatal(err)
	}
	r.mustChange(t, "banner: before", "banner: after") // reopens, too
	loginAt(t, r.control)
	r.mustChange(t, "audit: "+first, "audit: "+second+", w3c: "+third)
	loginAt(t, r.control).wantReply(t, "MKD /new", 257)
	r.mustChange(t, ", w3c: "+third, "")
	loginAt(t, r.control).wantReply(t, "MKD /another", 257)
	for file, want := range map[string]map[string]int{
		first + ".1": {"login_ok": 1},
		first:        {"login_ok": 1},
		second:       {"login_ok": 2},
		third:        {"MKD /new 257": 1, "MKD": 1},
	} {
		text := readFile(t, file)
		for what, times := range want {
			if got := strings.Count(text, what); got != times {
				t.Errorf("%s has %q %d times, want %d:\n%s", filepath.Base(file), what, got, times, text)
			}
		}
	}
}

func TestReloadOfAWrongConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	certificate, key := writePair(t)
	broken := writeFile(t, "broken.pem", "no PEM")
	r := startReloading(t, `
banner: before
tls: {certificate: `+string(certificate)+`, key: `+string(key)+`}
users: [{name: alice, password: "`+hashOf(t, "secret")+`", home: `+t.TempDir()+`}]
`)
	old := loginAt(t, r.control)
	passive := r.now().setup.config.Passive.Ports.String()
	for name, test := range map[string]struct{ old, changed, want string }{
		"cut in half":          {"users: [{", "users: [{name: al", "is not valid YAML"},
		"a broken certificate": {string(certificate), broken, "tls.certificate"},
		"a taken control port": {"listeners: [{", "listeners: [{address: \"127.0.0.1:" + takenPort + "\"}, {", "listeners[0].address: cannot listen on 127.0.0.1:" + takenPort},
		"a taken passive port": {passive, passive + "," + takenPort, "passive.ports: "},
		"no users":             {"users: [{", "groups: [{", "groups[0].password: unknown key"},
		"exclusive ports":      {"passive: {", "passive: {sharing: exclusive, ", "Sharing"},
		"a log nowhere":        {"banner: after", "log: {xferlog: /nowhere/xferlog}\nbanner: after", "log.xferlog: open /nowhere/xferlog"},
		"a home that is gone":  {"home: /", "home: /nowhere/", "users[0].home"},
	} {
		err := r.change(t, "banner: before", "banner: after")
		if err != nil {
			t.Fatal(err)
		}
		err = r.change(t, test.old, test.changed)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, test.want)
		}
		if _, greeting := dialControl(t, r.control); !strings.Contains(greeting, "after") {
			t.Errorf("%s: greeting %q", name, greeting)
		}
		epsv(t, loginAt(t, r.control))
		old.wantReply(t, "NOOP", 200)
		r.mustChange(t, "banner: after", "banner: before")
	}
}

func TestReloadTellsWhatCountsFromTheNextStartOn(t *testing.T) {
	t.Parallel()
	r := startReloading(t, `
sandbox: auto
log: {format: console}
users: [{name: alice, password: "`+hashOf(t, "secret")+`", home: `+t.TempDir()+`}]
`)
	r.mustChange(t, "sandbox: auto\nlog: {format: console}", "sandbox: \"off\"\nlog: {format: json}\nlimits: {sessions: 5}")
	var waits []string
	for _, entry := range r.logged.FilterMessage("a setting counts from the next start on").All() {
		waits = append(waits, entry.ContextMap()["setting"].(string))
	}
	if want := []string{"sandbox", "log.format"}; !slices.Equal(waits, want) {
		t.Errorf("told %v, want %v", waits, want)
	}
	reloaded := r.logged.FilterMessage("configuration reloaded").All()
	if len(reloaded) != 1 || fmt.Sprint(reloaded[0].ContextMap()["changed"]) != "[limits.sessions sandbox log.format]" {
		t.Errorf("logged %+v", reloaded)
	}
}

func TestReloadReplacesHooks(t *testing.T) {
	t.Parallel()
	if os.PathSeparator != '/' {
		t.Skip("the hook is a shell script")
	}
	directory := t.TempDir()
	hook := func(name string) string {
		script := filepath.Join(directory, name)
		if err := os.WriteFile(script, []byte("#!/bin/sh\necho >>\"$0.log\"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return script
	}
	first, second, third := hook("first"), hook("second"), hook("third")
	r := startReloading(t, `
users: [{name: alice, password: "`+hashOf(t, "secret")+`", home: `+t.TempDir()+`}]
hooks:
  - {events: [login], command: [`+first+`]}
  - {events: [login], command: [`+second+`]}
`)
	session := loginAt(t, r.control)
	waitForFile(t, first+".log")
	waitForFile(t, second+".log")
	before := r.hooks.list[0].hook
	r.mustChange(t, second, third)
	if r.hooks.list[0].hook != before {
		t.Error("the hook that has stayed the same was opened anew")
	}
	session.wantReply(t, "USER alice", 331)
	session.wantReply(t, "PASS secret", 230)
	waitForFile(t, third+".log")
	if r.hooks.count() != 2 {
		t.Errorf("%d hooks, want 2", r.hooks.count())
	}
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", path)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestWatchReloads(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "portico.yaml", "a")
	hangUps, looks, asked, ending := make(chan os.Signal), make(chan time.Time), make(chan string), make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchReloads(file, hangUps, looks, asked, ending)
	}()
	looks <- time.Time{} // nothing has changed
	hangUps <- os.Interrupt
	if got := <-asked; got != "SIGHUP" {
		t.Errorf("asked by %q, want SIGHUP", got)
	}
	replaceFile(t, file, "another")
	looks <- time.Time{}
	if got := <-asked; got != "a change of "+file {
		t.Errorf("asked by %q, want the file", got)
	}
	close(ending)
	<-watched
}
