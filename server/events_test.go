package server_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/afero"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	events := make(chan server.Event, 100)
	s := startSite(t, func(o *server.Options) { o.OnEvent = func(e server.Event) { events <- e } })
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	c.cmd(257, "MKD dir")
	c.cmd(250, "CWD dir")
	c.store("file", []byte("content"))
	c.retrieve("RETR file")
	c.cmd(200, "TYPE A")
	c.retrieve("RETR file")
	c.cmd(200, "TYPE I")
	c.retrieve("LIST") // is no event
	c.cmd(350, "RNFR file")
	c.cmd(250, "RNTO other")
	c.cmd(350, "SITE CPFR other")
	c.cmd(250, "SITE CPTO copy")
	c.cmd(250, "DELE other")
	data := c.passive()
	c.cmd(150, "STOR cut")
	data.(*net.TCPConn).SetLinger(0)
	data.Close()
	c.expect(426)
	c.cmd(221, "QUIT")

	type fact struct {
		kind         server.EventKind
		path, target string
		bytes        int64
		command      string
		code         int
		ascii        bool
	}
	want := []fact{
		{kind: server.EventLogin},
		{kind: server.EventMkdir, path: "/dir", command: "MKD", code: 257},
		{kind: server.EventUpload, path: "/dir/file", bytes: 7, command: "STOR", code: 226},
		{kind: server.EventDownload, path: "/dir/file", bytes: 7, command: "RETR", code: 226},
		{kind: server.EventDownload, path: "/dir/file", bytes: 7, command: "RETR", code: 226, ascii: true},
		{kind: server.EventRename, path: "/dir/file", target: "/dir/other", command: "RNTO", code: 250},
		{kind: server.EventUpload, path: "/dir/copy", command: "SITE CPTO", code: 250},
		{kind: server.EventDelete, path: "/dir/other", command: "DELE", code: 250},
		{kind: server.EventUploadInterrupted, path: "/dir/cut", command: "STOR", code: 426},
	}
	var got []fact
	for range want {
		e := <-events
		if e.User != "alice" || !e.Client.IsValid() || e.Time.IsZero() || e.SessionID == 0 {
			t.Errorf("event %v lacks who and when: %+v", e.Kind, e)
		}
		got = append(got, fact{e.Kind, e.Path, e.Target, e.Bytes, e.Command, e.Code, e.ASCII})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEventOfInterruptedDownload(t *testing.T) {
	t.Parallel()
	events := make(chan server.Event, 10)
	s := startSite(t, func(o *server.Options) { o.OnEvent = func(e server.Event) { events <- e } })
	const size = 64 << 20 // more than the sockets hold
	if err := afero.WriteFile(s.fs, "/large", make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	c := login(t, s.addr)
	<-events
	c.cmd(200, "TYPE I")
	data := c.passive()
	c.cmd(150, "RETR large")
	if _, err := io.ReadFull(data, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	data.(*net.TCPConn).SetLinger(0)
	data.Close()
	c.expect(426)
	e := <-events
	if e.Kind != server.EventDownloadInterrupted || e.Path != "/large" || e.Bytes < 1000 || e.Bytes >= size || e.Code != 426 || e.Command != "RETR" {
		t.Errorf("got %+v", e)
	}
}

func TestEventsOfAnonymousUsers(t *testing.T) {
	t.Parallel()
	users, err := driver.NewUsers([]driver.User{{Name: "anonymous", Anonymous: true, Home: t.TempDir(), Permissions: driver.ReadOnly}}, driver.UsersOptions{})
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan server.Event, 10)
	s := startSite(t, func(o *server.Options) { o.Auth, o.OnEvent = users, func(e server.Event) { events <- e } })
	for password, contact := range map[string]string{"me@example.org": "me@example.org", "a secret": ""} {
		c := greeted(t, s)
		c.cmd(331, "USER ftp")
		c.cmd(230, "PASS "+password)
		if e := <-events; !e.Anonymous || e.Contact != contact {
			t.Errorf("password %q: got %+v", password, e)
		}
	}
}

// A hook wants to know which of two users of one name it was, and where the
// file is.
func TestEventsNameHostAndFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	root, err := os.OpenRoot(home)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	events := make(chan server.Event, 10)
	s := startSite(t, func(o *server.Options) {
		o.Auth = oneUser{driver.NewLocal(root)}
		o.Hosts = []server.VirtualHost{{Name: "one.example"}}
		o.OnEvent = func(e server.Event) { events <- e }
	})
	c := greeted(t, s)
	c.cmd(220, "HOST ONE.example")
	c.logIn()
	c.cmd(257, "MKD old")
	c.cmd(350, "RNFR old")
	c.cmd(250, "RNTO new")
	for _, want := range []struct{ file, target string }{
		{"", ""}, {filepath.Join(home, "old"), ""}, {filepath.Join(home, "old"), filepath.Join(home, "new")},
	} {
		if e := <-events; e.Host != "one.example" || e.File != want.file || e.TargetFile != want.target {
			t.Errorf("%v at host %q is of %q to %q, want %q to %q", e.Kind, e.Host, e.File, e.TargetFile, want.file, want.target)
		}
	}
}

// Who has read the reply can rely on it that the event is out.
func TestEventsComeBeforeTheReply(t *testing.T) {
	t.Parallel()
	events := make(chan server.Event, 1)
	s := startSite(t, func(o *server.Options) { o.OnEvent = func(e server.Event) { events <- e } })
	c := greeted(t, s)
	for _, step := range []struct {
		kind server.EventKind
		do   func()
	}{
		{server.EventLogin, c.logIn},
		{server.EventUpload, func() { c.cmd(200, "TYPE I"); c.store("file", []byte("content")) }},
		{server.EventDownload, func() { c.retrieve("RETR file") }},
		{server.EventUpload, func() { c.cmd(350, "SITE CPFR file"); c.cmd(250, "SITE CPTO copy") }},
		{server.EventRename, func() { c.cmd(350, "RNFR copy"); c.cmd(250, "RNTO other") }},
		{server.EventDelete, func() { c.cmd(250, "DELE other") }},
		{server.EventMkdir, func() { c.cmd(257, "MKD dir") }},
		{server.EventDelete, func() { c.cmd(250, "RMD dir") }},
		{server.EventMkdir, func() { c.cmd(257, "SITE MKDIR a/b") }},
		{server.EventDelete, func() { c.cmd(250, "SITE RMDIR a") }},
		{server.EventUploadInterrupted, func() {
			data := c.passive()
			c.cmd(150, "STOR cut")
			data.(*net.TCPConn).SetLinger(0)
			data.Close()
			c.expect(426)
		}},
	} {
		step.do()
		select {
		case e := <-events:
			if e.Kind != step.kind {
				t.Errorf("got %v, want %v", e.Kind, step.kind)
			}
		default:
			t.Errorf("no event %v by the time of the reply", step.kind)
		}
	}
}

func TestEventKindText(t *testing.T) {
	t.Parallel()
	for kind := server.EventLogin; kind <= server.EventMkdir; kind++ {
		text, _ := kind.MarshalText()
		var back server.EventKind
		if err := back.UnmarshalText(text); err != nil || back != kind {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
	var kind server.EventKind
	if err := kind.UnmarshalText([]byte("party")); err == nil {
		t.Error("an unknown event was accepted")
	}
}
