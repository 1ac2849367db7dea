package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jlaffaye/ftp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/portico-ftp/portico/portalloc"
)

const within = 30 * time.Second

// TestTheProgram uses the program as its clients and its operator do.
func TestTheProgram(t *testing.T) {
	t.Parallel()
	p := start(t)
	untrusting := &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	for name, test := range map[string]struct {
		at      string
		options []ftp.DialOption
	}{
		"plain":        {p.plain, nil},
		"explicit TLS": {p.plain, []ftp.DialOption{ftp.DialWithExplicitTLS(untrusting)}},
		"implicit TLS": {p.implicit, []ftp.DialOption{ftp.DialWithTLS(untrusting)}},
	} {
		client := p.login(t, test.at, "alice", "wonderland", test.options...)
		if err := client.Stor("/"+name, strings.NewReader("from "+name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		client.Quit()
	}

	alice := p.login(t, p.implicit, "alice", "wonderland", ftp.DialWithTLS(untrusting))
	if got := retrieve(t, alice, "/plain"); got != "from plain" {
		t.Errorf("the other server shows %q", got)
	}
	bob := p.login(t, p.plain, "bob", "builder")
	if names, err := bob.NameList("/"); err != nil || len(names) > 0 {
		t.Errorf("bob sees %v, %v", names, err)
	}
	for _, login := range [][2]string{{"alice", "builder"}, {"eve", ""}, {"../alice", "wonderland"}} {
		stranger := p.dial(t, p.plain)
		if err := stranger.Login(login[0], login[1]); err == nil {
			t.Errorf("%v logs in", login)
		}
		stranger.Quit()
	}

	text := p.scrape(t)
	for _, want := range []string{
		`portico_transfer_bytes_total{direction="upload",server="plain"} 27`,
		`portico_transfer_bytes_total{direction="upload",server="implicit"} 17`,
		`portico_passive_ports{server="plain"} 2`,
		`portico_logins_total{method="password",result="failed",server="plain"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	p.stop(t)
}

// TestATransferSurvivesTheSignal ends the program in the middle of an upload.
func TestATransferSurvivesTheSignal(t *testing.T) {
	t.Parallel()
	p := start(t)
	client := p.login(t, p.plain, "alice", "wonderland")
	reader, writer := io.Pipe()
	stored := make(chan error, 1)
	go func() { stored <- client.Stor("/late", reader) }()
	writer.Write([]byte("first half, ")) // returns when the client has begun to send
	p.end()
	for { // the listener closes first
		conn, err := net.Dial("tcp", p.plain)
		if err != nil {
			break
		}
		conn.Close()
	}
	writer.Write([]byte("second half"))
	writer.Close()
	if err := receive(t, stored); err != nil {
		t.Errorf("the upload failed: %v", err)
	}
	client.Quit()
	p.stop(t)
}

func TestAPortThatIsTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	at := freeAddresses(t)
	at.implicit = taken.Addr().String()
	if err := run(t.Context(), at, zap.NewNop()); err == nil || !strings.Contains(err.Error(), at.implicit) {
		t.Errorf("got %v, want an error that names %s", err, at.implicit)
	}
}

// program is one that runs.
type program struct {
	plain, implicit, metrics string
	end                      context.CancelFunc
	ended                    chan error
}

func start(t *testing.T) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	p := &program{end: cancel, ended: make(chan error, 1)}
	serving := make(chan struct{})
	log := zap.NewExample(zap.WrapCore(func(zapcore.Core) zapcore.Core {
		return announcements{zapcore.NewNopCore(), func(fields map[string]any) {
			p.plain, p.implicit, p.metrics = fields["plain"].(string), fields["implicit"].(string), fields["metrics"].(string)
			close(serving)
		}}
	}))
	at := freeAddresses(t)
	go func() { p.ended <- run(ctx, at, log) }()
	select {
	case <-serving:
	case err := <-p.ended:
		t.Fatal(err)
	}
	return p
}

// announcements hears where the program serves.
type announcements struct {
	zapcore.Core
	hear func(map[string]any)
}

func (a announcements) Enabled(zapcore.Level) bool { return true }

func (a announcements) With([]zapcore.Field) zapcore.Core { return a }

func (a announcements) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Message != "serving" || e.LoggerName != "" {
		return checked
	}
	return checked.AddCore(e, a)
}

func (a announcements) Write(_ zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, field := range fields {
		field.AddTo(encoder)
	}
	a.hear(encoder.Fields)
	return nil
}

func freeAddresses(t *testing.T) addresses {
	t.Helper()
	at := addresses{plain: "127.0.0.1:0", implicit: "127.0.0.1:0", metrics: "127.0.0.1:0"}
	for range 2 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // at the end, so that no port comes twice
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		at.passive = append(at.passive, portalloc.PortRange{First: port, Last: port})
	}
	return at
}

func (p *program) dial(t *testing.T, at string, options ...ftp.DialOption) *ftp.ServerConn {
	t.Helper()
	client, err := ftp.Dial(at, append(options, ftp.DialWithTimeout(within))...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (p *program) login(t *testing.T, at, user, password string, options ...ftp.DialOption) *ftp.ServerConn {
	t.Helper()
	client := p.dial(t, at, options...)
	if err := client.Login(user, password); err != nil {
		t.Fatal(err)
	}
	return client
}

func retrieve(t *testing.T, client *ftp.ServerConn, path string) string {
	t.Helper()
	file, err := client.Retr(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (p *program) scrape(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://" + p.metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop ends the program, with sessions still open, and waits for it.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.end()
	if err := receive(t, p.ended); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

func receive(t *testing.T, errs <-chan error) error {
	t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(2 * within):
		t.Fatal("nothing happens")
		return nil
	}
}
