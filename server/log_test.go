package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/afero"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/portico-ftp/portico/driver"
	"github.com/portico-ftp/portico/server"
)

// recorder collects command events.
type recorder struct {
	mu     sync.Mutex
	events []server.CommandEvent
}

func (r *recorder) note(e server.CommandEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, e := range r.events {
		fmt.Fprintf(&b, "%s %d\n", strings.TrimSpace(e.Verb+" "+e.Argument), e.Code)
	}
	return b.String()
}

// Each command is reported once, behind its final reply, in their order.
func TestCommandEvents(t *testing.T) {
	t.Parallel()
	var r recorder
	s := startSite(t, func(o *server.Options) { o.OnCommand = r.note })
	c := login(t, s.addr)
	c.cmd(331, "USER alice")
	c.cmd(530, "PWD")
	c.cmd(230, "pass "+testPassword)
	c.cmd(500, "xyzzy plugh")
	c.cmd(550, "HASH nothing")
	c.store("file", nil)
	c.passive()
	c.cmd(150, "STOR cut")
	c.cmd(200, "NOOP")
	c.send("PWD\r\nABOR")
	c.expect(426)
	c.expect(257)
	c.expect(226)
	c.passive()
	c.cmd(150, "APPE cut")
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	c.cmd(220, "REIN")
	c.cmd(331, "USER nobody")
	c.cmd(530, "PASS wrong")
	c.cmd(221, "QUIT")
	c.expectEnd()
	want := `USER alice 331
PASS ******** 230
USER alice 331
PWD 530
PASS ******** 230
? ******** 500
HASH nothing 550
EPSV 229
STOR file 226
EPSV 229
NOOP 200
STOR cut 426
PWD 257
ABOR 226
EPSV 229
APPE cut 426
ABOR 226
REIN 220
USER nobody 331
PASS ******** 530
QUIT 221
`
	eventually(t, func() bool { return s.Statistics().Sessions == 0 })
	if got := r.text(); got != want {
		t.Errorf("events:\n%s\nwant:\n%s", got, want)
	}
	for _, e := range r.events {
		if e.SessionID != 1 || e.Duration <= 0 {
			t.Errorf("event %+v", e)
		}
	}
	if user := r.events[6].User; user != "alice" {
		t.Errorf("the user of HASH is %q", user)
	}
}

// A password appears in no log, at any level, however the client garbles it.
func TestPasswordsAreNotLogged(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-xyzzy"
	core, logs := observer.New(zapcore.DebugLevel)
	var r recorder
	s := startSite(t, func(o *server.Options) {
		o.Logger, o.OnCommand, o.TLS = zap.New(core), r.note, testCertificate(t)
		o.Auth = secretUser{secret, afero.NewMemMapFs()}
	})
	for _, encrypted := range []bool{false, true} {
		c := greeted(t, s)
		if encrypted {
			c.encrypt(&tls.Config{})
		}
		for _, line := range []string{
			"PASS " + secret, "ACCT " + secret, secret, " PASS " + secret, "PASS\t" + secret, "\x00PASS " + secret, "PAS " + secret, "XPASS " + secret,
			"\xff\xf4PASS " + secret, "PASS" + secret, strings.Repeat(secret, 1000), "PASS " + secret + "\x00", "QUOTE PASS " + secret,
		} {
			c.send("%s", line)
			if _, err := c.read(); err != nil {
				t.Fatal(err)
			}
		}
		c.cmd(331, "USER alice")
		c.cmd(530, "PASS not-"+secret)
		c.cmd(331, "USER alice")
		c.cmd(230, "PASS "+secret)
		data := c.passive()
		c.cmd(150, "STOR file")
		c.send("PASS " + secret)
		io.WriteString(data, "content")
		data.Close()
		c.expect(226)
		c.expect(503)
		c.cmd(221, "QUIT")
		c.expectEnd()
	}
	eventually(t, func() bool { return s.Statistics().Sessions == 0 })
	if logs.Len() < 20 {
		t.Fatalf("only %d log entries", logs.Len())
	}
	for _, entry := range logs.All() {
		text := entry.Message
		for key, value := range entry.ContextMap() {
			text += " " + key + "=" + fmt.Sprint(value)
		}
		if strings.Contains(strings.ToLower(text), secret) {
			t.Errorf("the log has the password: %s", text)
		}
	}
	for _, e := range r.events {
		if strings.Contains(strings.ToLower(e.Verb+e.Argument), secret) {
			t.Errorf("an event has the password: %+v", e)
		}
	}
}

type secretUser struct {
	password string
	fs       afero.Fs
}

func (u secretUser) Authenticate(_ context.Context, a driver.Attempt) (*driver.Account, error) {
	if a.Password != u.password {
		return nil, driver.ErrDenied
	}
	return &driver.Account{Name: a.User, FS: u.fs}, nil
}

// errorFs fails with an error that nobody outside may see, in several lines.
type errorFs struct{ afero.Fs }

func (errorFs) hidden() error {
	return errors.Join(errors.New("open /srv/secret: EOF"), errors.New("server: nil pointer"))
}

func (f errorFs) OpenFile(string, int, os.FileMode) (afero.File, error) { return nil, f.hidden() }
func (f errorFs) Open(string) (afero.File, error)                       { return nil, f.hidden() }
func (f errorFs) Mkdir(string, os.FileMode) error                       { return f.hidden() }
func (f errorFs) MkdirAll(string, os.FileMode) error                    { return f.hidden() }
func (f errorFs) Rename(string, string) error                           { return f.hidden() }
func (f errorFs) Chmod(string, os.FileMode) error                       { return f.hidden() }
func (f errorFs) Chtimes(string, time.Time, time.Time) error            { return f.hidden() }
func (f errorFs) Remove(string) error                                   { return f.hidden() }
func (f errorFs) RemoveAll(string) error                                { return f.hidden() }
func (f errorFs) Stat(name string) (os.FileInfo, error) {
	if name == "/" || name == "/file" {
		return f.Fs.Stat(name)
	}
	return nil, f.hidden()
}

// The client sees none of an error's words; the harness looks at each reply.
func TestErrorsStayInside(t *testing.T) {
	t.Parallel()
	fs := errorFs{afero.NewMemMapFs()}
	afero.WriteFile(fs.Fs, "/file", nil, 0o644)
	s := startSite(t, func(o *server.Options) { o.Auth = oneUser{fs} })
	c := login(t, s.addr)
	c.cmd(200, "TYPE I")
	for _, cmd := range []string{
		"CWD x", "MKD x", "RMD x", "DELE file", "RNFR x", "SIZE x", "MDTM x", "MFMT 20200101000000 x", "MFF Modify=20200101000000; x", "MLST x",
		"HASH x", "XCRC x", "SITE CHMOD 600 x", "SITE UTIME 20200101000000 x", "SITE CPFR x", "SITE MKDIR x", "SITE RMDIR x", "AVBL x", "AVBL",
	} {
		c.cmd(550, "%s", cmd)
	}
	c.cmd(450, "STAT x")
	c.cmd(350, "RNFR file")
	c.cmd(550, "RNTO x")
	c.cmd(350, "SITE CPFR file")
	c.cmd(550, "SITE CPTO x")
	for cmd, code := range map[string]int{"RETR file": 550, "STOR x": 550, "APPE x": 550, "STOU": 550, "LIST": 450, "NLST x": 450, "MLSD": 550} {
		c.cmd(229, "EPSV")
		c.cmd(code, "%s", cmd)
	}
}

// Each core behind the session's log gets the lines of its own level, with the
// session's fields.
func TestFieldsOfASessionReachEveryCore(t *testing.T) {
	t.Parallel()
	all, allLogs := observer.New(zapcore.DebugLevel)
	warnings, warningLogs := observer.New(zapcore.WarnLevel)
	s := startSite(t, func(o *server.Options) { o.Logger = zap.New(zapcore.NewTee(all, warnings)) })
	c := login(t, s.addr)
	c.cmd(501, "PORT 10,0,0,1,200,200") // not the client's address: a warning
	line := func() []observer.LoggedEntry { return allLogs.FilterMessage("active mode refused").All() }
	eventually(t, func() bool { return len(line()) == 1 })
	fields := line()[0].ContextMap()
	for name, want := range map[string]any{"session_id": uint64(1), "user": "alice", "reason": "not the client's address"} {
		if fields[name] != want {
			t.Errorf("%s is %v, want %v", name, fields[name], want)
		}
	}
	if fields["remote_addr"] == nil {
		t.Error("there is no remote_addr")
	}
	for _, entry := range warningLogs.All() {
		if entry.Level < zapcore.WarnLevel {
			t.Errorf("a core for warnings gets %q", entry.Message)
		}
	}
	if warningLogs.FilterMessage("active mode refused").Len() != 1 {
		t.Error("the core for warnings misses one")
	}
}

// fullDisk is where no line can be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// notes is what zap says of its own faults.
type notes chan string

func (n notes) Write(p []byte) (int, error) {
	select {
	case n <- string(p):
	default:
	}
	return len(p), nil
}

func TestALogThatCannotBeWrittenIsToldOf(t *testing.T) {
	t.Parallel()
	faults := make(notes, 1)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(fullDisk{}), zapcore.WarnLevel)
	s := startSite(t, func(o *server.Options) { o.Logger = zap.New(core, zap.ErrorOutput(zapcore.AddSync(faults))) })
	c := login(t, s.addr)
	c.cmd(501, "PORT 10,0,0,1,200,200") // a warning
	select {
	case text := <-faults:
		if !strings.Contains(text, "the disk is full") {
			t.Errorf("got %q, want the cause", text)
		}
	case <-time.After(within):
		t.Error("nobody hears of it")
	}
}
